"""Services go the way of the verbs: registered, changed and removed as through the API."""

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from monitor.access import issue_key
from monitor.models import Organization, Service
from monitor.services import NameTaken
from tests.admin.conftest import keep

pytestmark = pytest.mark.django_db

LIST = reverse("admin:monitor_service_changelist")
ADD = reverse("admin:monitor_service_add")


def change(service):
    return reverse("admin:monitor_service_change", args=[service.pk])


def fields(organization, **more):
    return {
        "organization": str(organization.pk),
        "name": "payments",
        "description": "",
        "base_url": "",
        "keep_bodies": "all",
        "replay_origins": "",
        **more,
    }


def test_a_service_is_registered_with_its_origins_normalised(admin, organization):
    origins = "https://Staging.example/some/path\r\nhttp://localhost:8000"

    admin.post(ADD, fields(organization, base_url="https://pay.example/v1", replay_origins=origins))

    service = Service.objects.get()
    assert (service.name, service.base_url) == ("payments", "https://pay.example/v1")
    assert service.replay_origins == ["https://staging.example:443", "http://localhost:8000"]
    assert LogEntry.objects.get().object_id == str(service.pk)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "ftp://pay.example"),
        ("base_url", "pay.example"),
        ("base_url", "https://user:password@pay.example"),
        ("replay_origins", "nowhere"),
    ],
)
def test_an_address_that_no_replay_could_go_to_is_refused_at_its_field(admin, organization, field, value):
    answer = admin.post(ADD, fields(organization, **{field: value}))

    assert field in answer.context["adminform"].form.errors
    assert not Service.objects.exists()


def test_a_name_is_taken_once_in_an_organization_and_free_in_another(admin, service):
    other = Organization.objects.create(name="Other")

    same = admin.post(ADD, fields(service.organization, name=service.name))
    admin.post(ADD, fields(other, name=service.name))

    assert "has a service of this name already" in same.text
    assert Service.objects.filter(name=service.name).count() == 2


def test_a_name_that_is_taken_while_the_form_is_saved_is_told_and_not_an_error(
    admin, organization, monkeypatch
):
    def taken(**fields):
        raise NameTaken

    monkeypatch.setattr("monitor.admin.services.register_service", taken)

    answer = admin.post(ADD, fields(organization), follow=True)

    assert answer.status_code == 200
    assert "has a service of this name already" in answer.text


def test_a_service_keeps_its_organization_when_it_is_changed(admin, service):
    other = Organization.objects.create(name="Other")

    admin.post(change(service), fields(other, name="renamed"))

    service.refresh_from_db()
    assert service.name == "renamed"
    assert service.organization.name == "Acme"


def test_saving_a_service_unchanged_is_no_clash_with_its_own_name(admin, service):
    answer = admin.post(change(service), fields(service.organization, name=service.name))

    assert answer.status_code == 302


@pytest.mark.parametrize("by_action", [True, False], ids=["action", "page"])
def test_removing_a_service_hides_it_and_leaves_the_rows_to_a_task(admin, service, key, by_action):
    keep(service, {}, {})
    if by_action:
        address, data = LIST, {"action": "delete_selected", "_selected_action": [str(service.pk)]}
    else:
        address, data = reverse("admin:monitor_service_delete", args=[service.pk]), {}

    asked = admin.post(address, data) if by_action else admin.get(address)
    with CaptureQueriesContext(connection) as queries:
        admin.post(address, {**data, "post": "yes"})

    assert "orders, with its keys, logs, alerts and replays" in asked.text
    assert Service.objects.get().deleted_at is not None
    assert not [query for query in queries if query["sql"].startswith("DELETE")]
    job = ProcrastinateJob.objects.get()
    assert job.args == {"service_id": str(service.pk)}
    assert LogEntry.objects.get().action_flag == DELETION
    assert admin.get(LIST).context["cl"].result_count == 0
    assert admin.get(change(service)).status_code == 302


def test_what_belongs_to_a_removed_service_leaves_every_list(admin, service, everything):
    pages = ["apikey", "alertrule", "alertevent", "endpoint", "replay", "requestlog"]
    pages += ["errorissue", "endpointmove", "exclusionrule"]
    before = [
        admin.get(reverse(f"admin:monitor_{page}_changelist")).context["cl"].result_count for page in pages
    ]

    admin.post(reverse("admin:monitor_service_delete", args=[service.pk]), {"post": "yes"})
    after = [
        admin.get(reverse(f"admin:monitor_{page}_changelist")).context["cl"].result_count for page in pages
    ]

    assert 0 not in before
    assert after == [0] * len(pages)


def test_the_list_tells_usable_keys_and_last_use(admin, service, key):
    revoked, _ = issue_key(organization=service.organization, service=service, name="old")
    revoked.revoked_at = revoked.created_at
    revoked.save()
    used_at = timezone.now()
    key.touch(used_at)

    (row,) = admin.get(LIST).context["cl"].result_list

    assert row.key_count == 1
    assert row.key_used_at == used_at


def test_an_organization_is_deleted_once_it_has_no_services_and_the_default_one_never(admin, service):
    empty = Organization.objects.create(name="Empty")
    default = Organization.objects.default()
    answers = {}

    for organization in (service.organization, default, empty):
        address = reverse("admin:monitor_organization_delete", args=[organization.pk])
        answers[organization.name] = admin.post(address, {"post": "yes"}).status_code

    assert answers == {"Acme": 403, "Default": 403, "Empty": 302}
    assert set(Organization.objects.values_list("name", flat=True)) == {"Acme", "Default"}


def test_organizations_with_services_are_kept_when_several_are_chosen(admin, service):
    chosen = [str(id_) for id_ in Organization.objects.values_list("id", flat=True)]
    data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}

    admin.post(reverse("admin:monitor_organization_changelist"), data)

    assert Organization.objects.count() == 2


def test_the_default_organization_keeps_its_name(admin):
    default = Organization.objects.default()
    data = {"name": "Mine", "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}

    admin.post(reverse("admin:monitor_organization_change", args=[default.pk]), data)

    assert Organization.objects.default() == default
