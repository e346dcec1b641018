"""An organization that is deleted: out of reach at once, gone without a trace, with a receipt."""

import json

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from monitor.compliance import deletion as deleting
from monitor.compliance.deletion import begin_deletion, remove_everything, text_of
from monitor.compliance.nouns import nouns
from monitor.lib.actors import Role
from monitor.lib.signatures import is_signed, public_key
from monitor.models import Organization, OrganizationDeletion
from monitor.people.invitations import InvitationClosed, accept, invite
from tests.compliance.world import a_world
from tests.factories import a_client, a_recent_client, a_user, the_default_organization

pytestmark = pytest.mark.django_db
# Packed or counted over all organizations, and gone by themselves within minutes or days.
IN_PASSING = {"metric_delta", "error_arrival", "event_outbox", "received_message", "log_arrival"}


@pytest.fixture
def acme():
    return a_world("Acme")


def begun(world):
    return begin_deletion(world.organization, requested_by="user:ada", now=timezone.now())


def traces(*ids):
    """Tables in which a row names one of these ids."""
    tables = {model._meta.db_table for model in apps.get_app_config("monitor").get_models()}
    found = {}
    with connection.cursor() as cursor:
        for table in tables - IN_PASSING - {"organization_deletion"}:
            pattern = "|".join(str(each) for each in ids)
            cursor.execute(f'SELECT count(*) FROM "{table}" AS row WHERE row::text ~ %s', [pattern])  # noqa: S608
            (count,) = cursor.fetchone()
            if count:
                found[table] = count
    return found


def test_nothing_is_left_of_it_and_everything_of_others(acme):
    other = a_world("Umbrella")
    before = {noun.name: noun.rows(other.organization.id).count() for noun in nouns()}
    ids = (acme.organization.id, acme.service.id)
    assert len(traces(*ids)) > 15

    deletion = begun(acme)
    remove_everything(deletion.id)

    assert traces(*ids) == {}
    assert {noun.name: noun.rows(other.organization.id).count() for noun in nouns()} == before
    assert acme.owner.__class__.objects.filter(id=acme.owner.id).exists()


def test_the_receipt_counts_what_went_and_is_signed(acme):
    expected = {noun.name: noun.rows(acme.organization.id).count() for noun in nouns()}

    deletion = begun(acme)
    remove_everything(deletion.id)

    deletion.refresh_from_db()
    receipt = deletion.receipt["receipt"]
    counted = {name: receipt["removed"].get(name, 0) for name in expected}
    # Triggers number each removal of a rule, and those numbers go as well.
    expected.pop("alert_rule_change"), counted.pop("alert_rule_change")
    assert counted == expected
    assert receipt["organization"] == {"id": str(acme.organization.id), "name": "Acme"}
    assert receipt["requested_by"] == "user:ada"
    assert is_signed(
        text_of(receipt), signature=deletion.receipt["signature"], public_key=deletion.receipt["public_key"]
    )
    assert deletion.receipt["public_key"] == public_key()
    assert not is_signed(
        text_of({**receipt, "requested_by": "user:eve"}),
        signature=deletion.receipt["signature"],
        public_key=public_key(),
    )


def test_from_the_beginning_nobody_and_no_key_reaches_it(acme):
    person = a_client(user=acme.owner)
    assert person.get(f"/v1/services/{acme.service.id}").status_code == 200

    begun(acme)

    assert person.get(f"/v1/services/{acme.service.id}").status_code in (403, 404)
    assert a_client(acme.key).get("/v1/logs").status_code == 401


def test_a_worker_that_is_killed_is_followed_by_one_that_goes_on_and_counts_right(acme, monkeypatch):
    monkeypatch.setattr(deleting, "ROWS_A_BITE", 1)
    expected = {noun.name: noun.rows(acme.organization.id).count() for noun in nouns()}
    deletion = begun(acme)
    bites = iter(range(9))
    bite = deleting.remove_bite

    def killed(*arguments):
        if next(bites, None) is None:
            raise KeyboardInterrupt
        return bite(*arguments)

    monkeypatch.setattr(deleting, "remove_bite", killed)
    with pytest.raises(KeyboardInterrupt):
        remove_everything(deletion.id)
    monkeypatch.setattr(deleting, "remove_bite", bite)
    for _ in range(2):
        remove_everything(deletion.id)

    deletion.refresh_from_db()
    assert deletion.removed["request_log"] == expected["request_log"] == 4
    assert deletion.removed["webhook_endpoint"] == 1
    assert not Organization.objects.filter(id=acme.organization.id).exists()


def test_asked_for_twice_it_is_one_deletion(acme):
    assert begun(acme) == begun(acme)
    assert OrganizationDeletion.objects.count() == 1


def delete_by_page(person, organization, name):
    return person.post(f"/organizations/{organization.id}/delete", {"name": name})


def test_an_owner_deletes_by_page_and_reads_the_receipt_afterwards(acme):
    person = a_recent_client(acme.owner)

    wrong = delete_by_page(person, acme.organization, "Acne")
    right = delete_by_page(person, acme.organization, "Acme")
    deletion = OrganizationDeletion.objects.get()
    waiting = person.get(right.headers["Location"]).content.decode()
    remove_everything(deletion.id)
    page = person.get(right.headers["Location"]).content.decode()

    assert wrong.status_code == 400
    assert "nothing was deleted" in wrong.content.decode()
    assert "Under way" in waiting
    assert "hx-get" in waiting
    assert "hx-get" not in page
    assert "nothing of it is kept any more" in page
    assert "Ed25519" in page
    assert person.get(f"/v1/organization-deletions/{deletion.id}").json()["receipt"]["algorithm"] == "Ed25519"


def test_the_receipt_is_for_who_asked(acme):
    deletion = begun(acme)

    for other in (a_client(), a_client(user=a_user()), a_client(user=a_world("Umbrella").owner)):
        assert other.get(f"/receipts/{deletion.id}").status_code == 404
        assert other.get(f"/v1/organization-deletions/{deletion.id}").status_code in (401, 404)


def test_the_receipt_is_not_for_who_bears_the_name_later(acme):
    person = a_recent_client(acme.owner)
    place = delete_by_page(person, acme.organization, "Acme").headers["Location"]
    name = acme.owner.username
    acme.owner.delete()
    namesake = a_user()
    namesake.username = name
    namesake.save()

    assert OrganizationDeletion.objects.get().requested_by == f"user:{name}"
    assert a_client(user=namesake).get(place).status_code == 404


@pytest.mark.parametrize(("role", "code"), [(Role.OWNER, 202), (Role.ADMIN, 403), (Role.VIEWER, 403)])
def test_owners_alone_delete_by_the_api(acme, role, code):
    person = a_recent_client(a_user(acme.organization, role))

    assert person.delete(f"/v1/organizations/{acme.organization.id}").status_code == code
    assert OrganizationDeletion.objects.exists() is (code == 202)


def test_the_default_organization_stays():
    owner = a_recent_client(a_user(the_default_organization(), Role.OWNER))

    page = delete_by_page(owner, the_default_organization(), "Default")
    api = owner.delete(f"/v1/organizations/{the_default_organization().id}")

    assert (page.status_code, api.status_code) == (400, 409)
    assert "stays" in page.content.decode()
    assert not OrganizationDeletion.objects.exists()


def test_the_command_wants_a_word_and_prints_the_receipt(acme, capsys):
    with pytest.raises(CommandError, match="--yes"):
        call_command("delete_organization", "Acme")

    call_command("delete_organization", "Acme", "--yes")

    assert json.loads(capsys.readouterr().out)["receipt"]["organization"]["name"] == "Acme"
    assert not Organization.objects.filter(name="Acme").exists()


def test_an_open_invitation_lets_nobody_into_what_is_being_deleted(acme):
    now = timezone.now()
    invitation, _ = invite(
        organization=acme.organization, email="eve@x.example", role=Role.OWNER, invited_by_id=None, now=now
    )

    begun(acme)

    with pytest.raises(InvitationClosed):
        accept(invitation, user=a_user(), now=now)
