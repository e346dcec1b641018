"""An organization's export: whole, without secrets, and signed."""

import io
import json
import zipfile

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from monitor.compliance.archive import NotAsSigned, verify_archive, write_archive
from monitor.compliance.nouns import nouns
from monitor.lib.actors import Role
from monitor.lib.signatures import is_signed, public_key, sign
from monitor.models import AuditEntry
from tests.compliance.world import SECRET, a_world
from tests.factories import a_client, a_key, a_recent_client, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return a_world("Acme")


def archive_of(world):
    pieces = write_archive(world.organization, requested_by="user:ada", now=timezone.now())
    return io.BytesIO(b"".join(pieces))


def lines_in(archive, name):
    with zipfile.ZipFile(archive) as files:
        return [json.loads(line) for line in files.read(name).splitlines()]


def test_every_noun_has_its_file_and_every_row_its_line(acme):
    archive = archive_of(acme)

    manifest = verify_archive(archive, trusted_key=public_key())

    assert set(manifest["files"]) == {"people.ndjson", *(f"{noun.name}.ndjson" for noun in nouns())}
    for noun in nouns():
        rows = noun.rows(acme.organization.id).count()
        assert manifest["files"][f"{noun.name}.ndjson"]["rows"] == rows, noun.name
        assert len(lines_in(archive, f"{noun.name}.ndjson")) == rows
    assert manifest["organization"] == {"id": str(acme.organization.id), "name": "Acme"}
    assert manifest["requested_by"] == "user:ada"


def test_logs_come_with_their_bodies_masked_as_they_were_kept(acme):
    logs = lines_in(archive_of(acme), "request_log.ndjson")

    assert {log["path"] for log in logs} == {"/Acme/0", "/Acme/1", "/Acme/2", "/with-body"}
    (body,) = [json.loads(log["request_body"]) for log in logs if "request_body" in log]
    assert body == {"password": "***MASKED***", "of": "Acme"}


def test_nothing_in_it_opens_anything(acme):
    archive = archive_of(acme)

    with zipfile.ZipFile(archive) as files:
        everything = b"".join(files.read(name) for name in files.namelist()).decode()
    assert acme.key not in everything
    assert acme.hook_secret not in everything
    assert SECRET not in everything
    assert '"digest"' not in everything
    assert '"sealed' not in everything
    assert '"token"' not in everything
    assert '"password":"' not in everything


def test_nothing_of_another_organization_is_in_it(acme):
    other = a_world("Umbrella")

    with zipfile.ZipFile(archive_of(acme)) as files:
        everything = b"".join(files.read(name) for name in files.namelist()).decode()
    assert "Umbrella" not in everything
    assert "umbrella" not in everything
    assert str(other.organization.id) not in everything
    assert str(other.service.id) not in everything


def changed(archive, name, text):
    """The archive with another content of one file."""
    copy = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(copy, "w") as new:
        for each in old.namelist():
            new.writestr(each, text if each == name else old.read(each))
        if name not in old.namelist():
            new.writestr(name, text)
    return copy


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("service.ndjson", "service.ndjson was changed"),
        ("manifest.json", "manifest was changed"),
        ("another.ndjson", "added or taken out"),
        ("manifest.sig.json", "no whole export"),
    ],
)
def test_what_was_changed_is_found(acme, name, words):
    with pytest.raises(NotAsSigned, match=words):
        verify_archive(changed(archive_of(acme), name, "{"), trusted_key=public_key())


def test_an_export_that_broke_off_or_that_another_signed_is_refused(acme, settings):
    archive = archive_of(acme)
    with pytest.raises(NotAsSigned):
        verify_archive(io.BytesIO(archive.getvalue()[:-100]), trusted_key=public_key())

    settings.SECRETS_KEYS = ["another installation"]
    with pytest.raises(NotAsSigned, match="Another key"):
        verify_archive(archive, trusted_key=public_key())


def test_a_signature_holds_for_its_document_and_key_alone(settings):
    signature, key = sign(b"a"), public_key()

    assert is_signed(b"a", signature=signature, public_key=key)
    assert not is_signed(b"b", signature=signature, public_key=key)
    assert not is_signed(b"a", signature="?", public_key=key)
    assert not is_signed(b"a", signature=signature, public_key="AAAA")
    settings.SECRETS_KEYS = ["another"]
    assert not is_signed(b"a", signature=signature, public_key=public_key())


def test_the_commands_write_a_file_and_verify_it(acme, tmp_path, capsys):
    file = tmp_path / "acme.zip"

    call_command("export_organization", "Acme", file)
    call_command("verify_export", file)

    assert "As signed" in capsys.readouterr().out
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_organization", "Acme", file)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(CommandError):
        call_command("verify_export", file)


@pytest.mark.parametrize(
    ("role", "code"),
    [(Role.OWNER, 200), (Role.ADMIN, 403), (Role.MEMBER, 403), (Role.VIEWER, 403), (None, 404)],
)
def test_owners_alone_take_everything_out_by_page_and_api(acme, role, code):
    person = a_recent_client(a_user(acme.organization if role else None, role or Role.VIEWER))
    if role is None:
        person = a_recent_client(a_world("Umbrella").owner)

    page = person.post(f"/organizations/{acme.organization.id}/export")
    api = person.post(f"/v1/organizations/{acme.organization.id}/export")

    assert (page.status_code, api.status_code) == (code, code)
    if code == 200:
        for answer in (page, api):
            content = io.BytesIO(b"".join(answer.streaming_content))
            assert verify_archive(content, trusted_key=public_key())["requested_by"].startswith("user:")


def test_who_signed_in_long_ago_confirms_before_everything_is_given_away(acme):
    acme.owner.set_password("correct horse battery")
    acme.owner.save()
    person = a_recent_client(acme.owner, ago_s=3600)

    assert person.post(f"/organizations/{acme.organization.id}/export").status_code == 302
    answer = person.post(f"/v1/organizations/{acme.organization.id}/export")
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_in_again")


def test_a_key_takes_nothing_out(acme):
    _, raw = a_key(organization=acme.organization, scopes=["read", "manage"])

    assert a_client(raw).post(f"/v1/organizations/{acme.organization.id}/export").status_code == 403


@pytest.mark.parametrize("address", ["", "/v1"])
def test_that_everything_was_taken_out_is_in_the_audit_log(acme, address):
    a_recent_client(acme.owner).post(f"{address}/organizations/{acme.organization.id}/export")

    told = AuditEntry.objects.get(action="organization.exported")
    assert (told.organization_id, told.actor_id) == (acme.organization.id, str(acme.owner.id))
