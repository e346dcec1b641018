"""Our deliveries as the official library for Node reads them; tests/webhooks has the one for Python."""

import json
import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone

from monitor.events import record_event
from monitor.webhooks import endpoints
from monitor.webhooks.claim import claim
from monitor.webhooks.sending import attempt
from tests.factories import an_organization
from tests.published.environments import node_modules_with
from tests.published.running import APPS
from tests.receiver import a_receiver

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def library():
    return node_modules_with("standardwebhooks")


@pytest.fixture
def verify(library):
    def read(secret, arrived):
        given = {"secret": secret, "body": arrived.body.decode(), "headers": arrived.headers}
        done = subprocess.run(
            ["node", str(APPS / "verify_webhook.js")],
            input=json.dumps(given),
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_PATH": str(library / "node_modules")},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return json.loads(done.stdout)

    return read


def test_the_official_library_for_node_verifies_a_delivery_also_while_a_secret_is_changed(verify, settings):
    settings.QUICK_START = True
    organization, now = an_organization(), timezone.now()
    with a_receiver("/hook") as receiver:
        endpoint, old = endpoints.make_endpoint(
            organization=organization, url=receiver.url, enabled_events=["order.*"], now=now
        )
        new = endpoints.rotate_secret(endpoint, overlap=timedelta(hours=1), now=now)
        record_event(
            organization_id=organization.id, type="order.shipped", data={"word": "größer ✓"}, now=now
        )
        [job] = claim(free=1, late=1, now=timezone.now())
        attempt(job, now=timezone.now())
    [arrived] = receiver.arrived

    for secret in (old, new):
        assert verify(secret, arrived)["data"] == {"word": "größer ✓"}
    assert verify(endpoints.make_secret(), arrived) == {"refused": "WebhookVerificationError"}
