"""Invitations: mailed, used once, and good for one organization and role."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from monitor.lib.actors import Role
from monitor.models import Invitation, Membership
from monitor.people.invitations import InvitationClosed, accept, invite
from monitor.people.members import change_role, remove_member
from tests.factories import a_client, a_service, a_user, an_organization, post_json

pytestmark = pytest.mark.django_db
NEW = {"username": "grace", "password": "correct horse battery"}


@pytest.fixture
def organization():
    return an_organization("Acme")


@pytest.fixture
def admin(organization):
    return a_client(user=a_user(organization, Role.ADMIN))


@pytest.fixture
def mail(settings):
    settings.SENDS_MAIL = True


def invited(organization, email="grace@example.com", role=Role.MEMBER, now=None):
    invitation, link = invite(
        organization=organization, email=email, role=role, invited_by_id=None, now=now or timezone.now()
    )
    return invitation, "/" + link.split("/", 3)[3]


@pytest.mark.usefixtures("mail")
def test_an_invitation_is_mailed_and_lets_its_receiver_in_with_the_role(organization, admin, mailoutbox):
    admin.post("/people", {"email": "Grace@Example.com", "role": "member", "days": 3})
    (sent,) = mailoutbox
    link = re.search(r"http://\S+(/invitation/\S+)", sent.body)[1]
    browser = Client()

    opened = browser.get(link)
    page = browser.get(opened.headers["Location"])
    joined = browser.post("/invitation", NEW)

    assert sent.to == ["grace@example.com"]
    assert "Acme" in sent.subject
    assert opened.headers["Location"] == "/invitation"
    assert "Join Acme" in page.content.decode()
    assert joined.headers["Location"] == "/"
    membership = Membership.objects.get(user__username="grace")
    assert (membership.organization, membership.role) == (organization, "member")
    assert EmailAddress.objects.get(user__username="grace", verified=True).email == "grace@example.com"
    assert browser.get("/services/").status_code == 404
    assert browser.get("/").status_code == 200


def test_the_link_is_kept_nowhere(organization):
    _, link = invited(organization)

    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(invitation::text, ' ') FROM invitation")
        (kept,) = cursor.fetchone()
    assert link.rsplit("/", 1)[1] not in kept


def test_where_no_mail_goes_out_the_link_is_shown_once(organization, admin, settings):
    settings.SENDS_MAIL = False
    body = {"email": "eve@example.com", "role": "viewer"}

    page = admin.post("/people", {**body, "email": "grace@example.com", "days": 7})
    by_api = post_json(admin, "/v1/invitations", body)

    assert page.status_code == by_api.status_code == 201
    link = page.context["handed"].link
    assert link in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    assert link not in admin.get("/people").content.decode()
    assert Client().get(by_api.json()["link"].replace("http://127.0.0.1:8090", "")).status_code == 302
    assert all("link" not in row for row in admin.get("/v1/invitations").json())


@pytest.mark.usefixtures("mail")
def test_a_mail_server_that_is_away_leaves_the_link_to_hand_over(admin, monkeypatch):
    def away(*arguments, **options):
        raise ConnectionRefusedError

    monkeypatch.setattr("monitor.people.invitations.send_mail", away)

    page = admin.post("/people", {"email": "grace@example.com", "role": "viewer", "days": 7})

    assert page.status_code == 201
    assert page.context["handed"].link


def test_it_works_once(organization):
    invitation, link = invited(organization)
    first = Client()
    first.get(link)
    first.post("/invitation", NEW)

    assert Client().get(link).status_code == 410
    with pytest.raises(InvitationClosed):
        accept(invitation, user=a_user(), now=timezone.now())


def test_a_browser_that_opened_it_before_it_was_used_comes_too_late(organization):
    _, link = invited(organization)
    first, second = Client(), Client()
    first.get(link)
    second.get(link)
    first.post("/invitation", NEW)

    late = second.post("/invitation", {**NEW, "username": "mallory"})

    assert late.status_code == 410
    assert not User.objects.filter(username="mallory").exists()


@pytest.mark.parametrize("end", ["expired", "taken back", "replaced", "unknown"])
def test_one_that_is_over_lets_nobody_in(organization, admin, end):
    invitation, link = invited(organization, now=timezone.now() - timedelta(days=6, hours=23))
    if end == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "taken back":
        assert admin.delete(f"/v1/invitations/{invitation.id}").status_code == 204
    elif end == "replaced":
        invited(organization, email="GRACE@example.com")
    else:
        link = "/invitation/made-up"

    assert Client().get(link).status_code == 410


def test_somebody_who_has_an_account_joins_with_it(organization):
    user = a_user(an_organization(), Role.OWNER)
    _, link = invited(organization)
    browser = a_client(user=user)
    browser.get(link)

    browser.post("/invitation")

    assert user.memberships.get(organization=organization).role == Role.MEMBER
    assert user.memberships.count() == 2


def test_an_invitation_takes_no_role_away(organization):
    user = a_user(organization, Role.OWNER)
    invitation, _ = invited(organization, role=Role.VIEWER)

    accept(invitation, user=user, now=timezone.now())

    assert user.memberships.get().role == Role.OWNER


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"password": "short"}, "too short"),
        ({"password": "grace@example.com"}, "too similar"),
        ({"username": "ADA"}, "taken"),
        ({"username": "no spaces"}, "valid username"),
    ],
)
def test_a_new_account_is_judged_like_all_others(organization, fields, word):
    User.objects.create_user("ada")
    _, link = invited(organization)
    browser = Client()
    browser.get(link)

    answer = browser.post("/invitation", {**NEW, **fields})

    assert answer.status_code == 400
    assert word in answer.content.decode()
    assert not Membership.objects.filter(organization=organization).exists()


def test_an_address_that_somebody_has_confirmed_makes_no_second_account(organization):
    EmailAddress.objects.create(user=a_user(), email="Grace@example.com", verified=True, primary=True)
    _, link = invited(organization)
    browser = Client()
    browser.get(link)

    answer = browser.post("/invitation", NEW)

    assert answer.status_code == 400
    assert "There is an account with this address" in answer.content.decode()


@pytest.mark.parametrize(
    ("role", "gives", "code"), [("admin", "admin", 201), ("admin", "owner", 403), ("owner", "owner", 201)]
)
def test_nobody_invites_higher_than_they_stand(organization, settings, role, gives, code):
    settings.SENDS_MAIL = False
    person = a_client(user=a_user(organization, role))
    body = {"email": "eve@example.com", "role": gives}

    assert post_json(person, "/v1/invitations", body).status_code == code
    assert person.post("/people", {**body, "email": "eva@example.com", "days": 7}).status_code == code


def test_a_member_is_not_invited_again(organization, admin):
    a_user(organization, email="grace@example.com")

    answer = post_json(admin, "/v1/invitations", {"email": "grace@example.com"})

    assert answer.status_code == 409


def test_a_session_of_somebody_signed_in_is_a_new_one(organization):
    """Whoever knew the visitor's session must not know the person's."""
    _, link = invited(organization)
    browser = Client()
    browser.get(link)
    before = browser.session.session_key

    browser.post("/invitation", NEW)

    assert browser.session.session_key != before


@pytest.mark.parametrize("is_mailed", [True, False])
def test_only_who_opened_a_mail_has_confirmed_the_address(
    organization, admin, settings, mailoutbox, is_mailed
):
    """Whoever invites is handed the link where no mail goes out, and could take somebody's address by it."""
    settings.SENDS_MAIL = is_mailed
    page = admin.post("/people", {"email": "grace@example.com", "role": "viewer", "days": 3})
    link = (
        re.search(r"http://\S+(/invitation/\S+)", mailoutbox[0].body)[1]
        if is_mailed
        else page.context["handed"].link.removeprefix(settings.PUBLIC_URL)
    )
    browser = Client()
    browser.get(link)

    browser.post("/invitation", NEW)

    assert EmailAddress.objects.get(user__username="grace").verified is is_mailed
    assert Membership.objects.filter(user__username="grace").exists()


@pytest.mark.parametrize(("change", "is_open"), [("remove", False), (Role.MEMBER, False), (Role.ADMIN, True)])
def test_invitations_of_somebody_who_may_not_give_them_any_more_are_taken_back(organization, change, is_open):
    inviter = a_user(organization, Role.OWNER)
    a_user(organization, Role.OWNER)
    invitation, _ = invite(
        organization=organization,
        email="grace@example.com",
        role=Role.ADMIN,
        invited_by_id=inviter.id,
        now=timezone.now(),
    )
    membership = inviter.memberships.get()

    if change == "remove":
        remove_member(membership)
    else:
        change_role(membership, role=change)

    assert Invitation.objects.open(timezone.now()).filter(id=invitation.id).exists() is is_open


@pytest.mark.django_db(transaction=True)
def test_while_an_invitation_is_made_the_organization_goes_on_growing():
    """An invitation asked for with an Idempotency-Key lasts as long as the mail server takes."""
    organization = an_organization()

    def register():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '500ms'")
            return a_service(organization).organization_id
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool, transaction.atomic():
        invited(organization)
        assert pool.submit(register).result() == organization.id
