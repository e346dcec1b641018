"""Who gets in, and how far."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from monitor.admin.people import useful_permissions

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("access", ["none", "read", "full"])
@pytest.mark.parametrize("address", ["/admin/", "/admin/monitor/service/", "/admin/nothing/here/"])
def test_a_stranger_is_sent_to_the_login_whatever_the_pages_grant(client, settings, access, address):
    settings.ANONYMOUS_ACCESS = access

    answer = client.get(address)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/?next=")


def test_the_address_without_its_slash_leads_to_the_admin(client):
    answer = client.get("/admin")

    assert answer.status_code == 302
    assert answer["Location"] == "/admin/"


def test_someone_without_staff_status_is_asked_to_sign_in_as_someone_else(client, settings):
    settings.ANONYMOUS_ACCESS = "full"
    client.force_login(User.objects.create_user("eve"))

    assert client.get("/admin/").status_code == 302


@pytest.fixture
def staff(client):
    """A browser of staff who are no superusers, and the person."""
    person = User.objects.create_user("grace", is_staff=True)
    client.force_login(person)
    return client, person


def allow(person, *codenames):
    for codename in codenames:
        person.user_permissions.add(Permission.objects.get(codename=codename))


@pytest.mark.usefixtures("everything")
def test_staff_without_permissions_see_neither_rows_nor_numbers(staff):
    client, _ = staff

    front = client.get("/admin/")

    assert front.context["may_read_logs"] is False
    assert "last-hour" not in front.text
    assert client.get(reverse("admin:monitor_requestlog_changelist")).status_code == 403


@pytest.mark.usefixtures("everything")
def test_staff_see_what_their_permissions_name_and_no_more(staff):
    client, person = staff
    allow(person, "view_requestlog")

    assert client.get("/admin/").context["overview"].totals.total_requests == 1
    assert client.get(reverse("admin:monitor_requestlog_changelist")).status_code == 200
    assert client.get(reverse("admin:monitor_apikey_changelist")).status_code == 403


def test_staff_who_may_look_at_keys_can_neither_rotate_nor_revoke_them(staff, key):
    client, person = staff
    allow(person, "view_apikey")
    data = {"action": "revoke_keys", "_selected_action": [str(key.pk)], "index": "0", "confirmed": "yes"}

    client.post(reverse("admin:monitor_apikey_changelist"), data)
    page = client.get(reverse("admin:monitor_apikey_change", args=[key.pk]))

    key.refresh_from_db()
    assert key.revoked_at is None
    assert "revoke_keys" not in page.text


def test_staff_cannot_make_themselves_or_others_more_powerful(staff):
    client, person = staff
    allow(person, "view_user", "change_user")
    other = User.objects.create_user("heidi")
    power = {"username": "heidi", "is_active": "on", "is_staff": "on", "is_superuser": "on"}

    form = client.get(reverse("admin:auth_user_change", args=[other.pk])).context["adminform"].form
    client.post(reverse("admin:auth_user_change", args=[other.pk]), power)

    other.refresh_from_db()
    assert not other.is_staff
    assert not other.is_superuser
    assert not {"is_staff", "is_superuser", "user_permissions"} & form.fields.keys()


@pytest.mark.parametrize("page", ["auth_user_change", "auth_user_password_change", "auth_user_delete"])
def test_staff_cannot_take_over_the_account_of_an_operator(staff, ada, page):
    client, person = staff
    allow(person, "view_user", "change_user", "delete_user")

    answer = client.post(
        reverse(f"admin:{page}", args=[ada.pk]),
        {"password1": "a-new-password-1", "password2": "a-new-password-1", "post": "yes"},
    )

    assert answer.status_code == 403
    assert User.objects.get(pk=ada.pk).check_password("correct-horse-battery")


def test_only_permissions_that_open_something_are_offered():
    offered = set(useful_permissions().values_list("codename", flat=True))

    assert {"view_requestlog", "add_apikey", "change_service", "view_procrastinatejob"} <= offered
    assert not {"delete_requestlog", "add_session", "change_contenttype", "delete_apikey"} & offered
