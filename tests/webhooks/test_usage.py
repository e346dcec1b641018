"""What was sent is what was used, attempt by attempt."""

import pytest
from django.db.models import Sum

from monitor.models import UsageDelta, WebhookAttempt
from tests.receiver import Reply

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_attempt_is_used_by_the_organization_and_mode_of_its_endpoint(
    receiver, other_receiver, an_endpoint, happen, deliver, clock, organization
):
    receiver.replies(Reply(status=500), Reply())
    an_endpoint(receiver.url)
    an_endpoint(other_receiver.url, mode="test")
    happen()
    happen(mode="test")
    deliver()
    clock.move(seconds=10)
    deliver()

    used = UsageDelta.objects.values("organization", "mode").annotate(all=Sum("deliveries")).order_by("mode")

    assert list(used) == [
        {"organization": organization.id, "mode": "live", "all": 2},
        {"organization": organization.id, "mode": "test", "all": 1},
    ]
    assert WebhookAttempt.objects.count() == 3
