"""Keys are shown once, in one answer, and nowhere else."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from monitor.access import KeyRejected, authenticate_key, issue_key
from monitor.lib.apikeys import KEY_PATTERN, looks_valid
from monitor.models import ApiKey, Organization
from tests.admin.markup import blocked_in

pytestmark = pytest.mark.django_db

LIST = reverse("admin:monitor_apikey_changelist")
ADD = reverse("admin:monitor_apikey_add")


def new_key(service_, **fields):
    return {
        "service": str(service_.pk),
        "organization": "",
        "name": "laptop",
        "scopes": ["ingest", "read"],
        "mode": "live",
        "expires_at_0": "",
        "expires_at_1": "",
        **fields,
    }


def keys_in(answer):
    return {text for text in KEY_PATTERN.findall(answer.text) if looks_valid(text)}


def choose(action, *keys, **fields):
    return {"action": action, "_selected_action": [str(key.pk) for key in keys], "index": "0", **fields}


def everything_stored():
    """Each row of each table as text, bytes included."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} t")  # noqa: S608
            for (row,) in cursor.fetchall():
                yield table, row


def assert_stored_nowhere(raw):
    texts = (raw, raw.removeprefix("mkey_"), raw.encode().hex(), raw[-20:])
    assert [table for table, row in everything_stored() if any(text in row for text in texts)] == []


def test_a_new_key_is_shown_in_the_answer_to_the_post_and_works(admin, ada, service):
    answer = admin.post(ADD, new_key(service))

    assert answer.status_code == 200
    (raw,) = keys_in(answer)
    key = authenticate_key(raw, now=timezone.now())
    assert (key.name, key.service, key.organization) == ("laptop", service, service.organization)
    assert (key.scopes, key.mode, key.created_by) == (["ingest", "read"], "live", ada)
    assert "no-store" in answer["Cache-Control"]
    assert blocked_in(answer.text) == []


def test_a_new_key_is_shown_once(admin, service):
    (raw,) = keys_in(admin.post(ADD, new_key(service)))
    key = ApiKey.objects.get()

    pages = [LIST, reverse("admin:monitor_apikey_change", args=[key.pk]), reverse("admin:index"), ADD]

    for page in pages:
        assert raw not in admin.get(page).text


def test_a_new_key_is_written_to_no_table_and_no_cookie(admin, service):
    answer = admin.post(ADD, new_key(service))

    (raw,) = keys_in(answer)
    assert_stored_nowhere(raw)
    assert raw not in str(answer.cookies)
    assert raw not in str(admin.cookies)


def test_the_search_for_stored_keys_would_find_one(service):
    service.description = "mkey_0123456789012345678901234567890123456789"
    service.save()

    with pytest.raises(AssertionError):
        assert_stored_nowhere(service.description)


def test_the_change_is_recorded_with_the_prefix_only(admin, service):
    (raw,) = keys_in(admin.post(ADD, new_key(service)))

    entry = LogEntry.objects.get()

    assert entry.object_id == str(ApiKey.objects.get().pk)
    assert entry.object_repr == f"laptop ({raw[:13]}…)"


def test_a_key_of_a_whole_organization_needs_the_organization_named(admin, service):
    without = admin.post(ADD, new_key(service, service=""))
    named = admin.post(ADD, new_key(service, service="", organization=str(service.organization.pk)))

    assert "Choose a service" in without.text
    assert len(keys_in(named)) == 1
    assert ApiKey.objects.get().service is None


def test_a_service_of_another_organization_is_refused(admin, service):
    other = Organization.objects.create(name="Other")

    answer = admin.post(ADD, new_key(service, organization=str(other.pk)))

    assert "belongs to another organization" in answer.text
    assert not ApiKey.objects.exists()


def test_an_expiry_in_the_past_is_refused(admin, service):
    answer = admin.post(ADD, new_key(service, expires_at_0="2020-01-01", expires_at_1="12:00:00"))

    assert "This moment has passed." in answer.text
    assert not ApiKey.objects.exists()


def test_a_key_for_a_removed_service_cannot_be_made(admin, service):
    service.mark_deleted(now=timezone.now())

    admin.post(ADD, new_key(service))

    assert not ApiKey.objects.exists()


def test_a_key_cannot_be_changed_or_deleted_later(admin, key):
    page = reverse("admin:monitor_apikey_change", args=[key.pk])

    assert admin.post(page, {"name": "other"}).status_code == 403
    assert (
        admin.post(reverse("admin:monitor_apikey_delete", args=[key.pk]), {"post": "yes"}).status_code == 403
    )


def test_rotating_asks_for_the_overlap_first(admin, key):
    answer = admin.post(LIST, choose("rotate_keys", key))

    assert keys_in(answer) == set()
    assert ApiKey.objects.count() == 1
    assert re.findall(r'name="overlap" value="(\d+)"', answer.text) == ["0", "3600", "86400", "604800"]
    assert blocked_in(answer.text) == []


def test_rotated_keys_have_successors_that_are_shown_once_and_stored_nowhere(admin, service):
    old, old_raw = issue_key(organization=service.organization, service=service, name="a")
    other, _ = issue_key(organization=service.organization, service=service, name="b", mode="test")
    before = timezone.now()

    answer = admin.post(LIST, choose("rotate_keys", old, other, confirmed="yes", overlap="3600"))

    made = keys_in(answer)
    assert {authenticate_key(raw, now=before).name for raw in made} == {"a", "b"}
    assert authenticate_key(old_raw, now=before + timedelta(minutes=59)) == old
    with pytest.raises(KeyRejected):
        authenticate_key(old_raw, now=before + timedelta(minutes=61))
    for raw in made:
        assert_stored_nowhere(raw)
        assert raw not in admin.get(LIST).text
    assert "no-store" in answer["Cache-Control"]
    assert blocked_in(answer.text) == []


def test_rotating_at_once_ends_the_old_key_now(admin, service):
    key, raw = issue_key(organization=service.organization, service=service, name="a")

    admin.post(LIST, choose("rotate_keys", key, confirmed="yes", overlap="0"))

    with pytest.raises(KeyRejected):
        authenticate_key(raw, now=timezone.now())


@pytest.mark.parametrize("overlap", ["", "1", "-3600", "999999999"])
def test_an_overlap_that_was_not_offered_makes_nothing(admin, key, overlap):
    admin.post(LIST, choose("rotate_keys", key, confirmed="yes", overlap=overlap))

    key.refresh_from_db()
    assert key.expires_at is None
    assert ApiKey.objects.count() == 1


def test_a_revoked_key_is_not_rotated_and_the_reason_is_said(admin, key):
    ApiKey.objects.update(revoked_at=timezone.now())

    answer = admin.post(LIST, choose("rotate_keys", key, confirmed="yes", overlap="0"), follow=True)

    assert ApiKey.objects.count() == 1
    assert "cannot be rotated" in answer.text


def test_revoking_asks_first_and_then_ends_the_key(admin, service):
    key, raw = issue_key(organization=service.organization, service=service, name="a")

    asked = admin.post(LIST, choose("revoke_keys", key))
    assert authenticate_key(raw, now=timezone.now()) == key
    assert blocked_in(asked.text) == []
    done = admin.post(LIST, choose("revoke_keys", key, confirmed="yes"), follow=True)

    with pytest.raises(KeyRejected) as rejected:
        authenticate_key(raw, now=timezone.now())
    assert rejected.value.code == "key_revoked"
    assert "1 key revoked." in done.text
    assert LogEntry.objects.get().get_change_message() == "Revoked."


def test_a_key_page_begins_the_actions_and_a_revoked_one_does_not(admin, key):
    page = reverse("admin:monitor_apikey_change", args=[key.pk])

    before = admin.get(page).text
    ApiKey.objects.update(revoked_at=timezone.now())

    assert 'value="rotate_keys"' in before
    assert 'value="rotate_keys"' not in admin.get(page).text


@pytest.mark.parametrize(("state", "names"), [("active", {"a"}), ("expired", {"b"}), ("revoked", {"c"})])
def test_keys_are_listed_by_state(admin, service, state, names):
    now = timezone.now()
    fields = {"a": {}, "b": {"expires_at": now - timedelta(days=1)}, "c": {"revoked_at": now}}
    for name, values in fields.items():
        key, _ = issue_key(organization=service.organization, service=service, name=name)
        ApiKey.objects.filter(pk=key.pk).update(**values)

    listed = admin.get(LIST, {"state": state}).context["cl"].queryset

    assert {key.name for key in listed} == names
