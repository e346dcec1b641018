"""The export as one zip file, made while it is read: a file of NDJSON a noun, and a signed manifest last."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from monitor.compliance.rows import files_of
from monitor.export.streaming import places
from monitor.lib.signatures import ALGORITHM, is_signed, public_key, sign
from monitor.models import Organization

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig.json"
FORMAT = "apimonitor-organization-export/1"
PIECE = 256 * 1024


class NotAsSigned(Exception):
    """The file is not what was signed, or not by who should have."""


class _Pipe(io.RawIOBase):
    """What the zip writes, until somebody takes it. Not seekable, so nothing is ever gone back to."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        taken = bytes(piece)  # type: ignore[call-overload] # any buffer
        self._pieces.append(taken)
        self._length += len(taken)
        return len(taken)

    def take(self, *, least: int = 0) -> Iterator[bytes]:
        if self._length > least:
            yield b"".join(self._pieces)
            self._pieces, self._length = [], 0


class ExportArchive:
    """Bytes of the zip. Takes one of the places for exports: raises TooManyExports.

    Must be closed, begun or not: servers and Django do.
    """

    def __init__(self, organization: Organization, *, requested_by: str, now: datetime) -> None:
        places.take()
        self._is_closed = False
        self._pieces = write_archive(organization, requested_by=requested_by, now=now)

    def __iter__(self) -> "ExportArchive":
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            places.give_back()


def write_archive(organization: Organization, *, requested_by: str, now: datetime) -> Iterator[bytes]:
    pipe, files = _Pipe(), {}
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in files_of(organization.id, now=now):
            digest, count, size = hashlib.sha256(), 0, 0
            with archive.open(name, "w", force_zip64=True) as file:
                for line in lines:
                    file.write(line)
                    digest.update(line)
                    count, size = count + 1, size + len(line)
                    yield from pipe.take(least=PIECE)
            files[name] = {"rows": count, "bytes": size, "sha256": digest.hexdigest()}
        manifest = manifest_of(organization, files, requested_by=requested_by, now=now)
        archive.writestr(MANIFEST, manifest)
        archive.writestr(SIGNATURE, json.dumps(signed(manifest), indent=1))
    yield from pipe.take()


def manifest_of(
    organization: Organization, files: dict[str, dict[str, object]], *, requested_by: str, now: datetime
) -> bytes:
    manifest = {
        "format": FORMAT,
        "organization": {"id": str(organization.id), "name": organization.name},
        "requested_by": requested_by,
        "exported_at": now.isoformat(),
        "files": files,
    }
    return json.dumps(manifest, indent=1, sort_keys=True).encode()


def signed(document: bytes) -> dict[str, str]:
    return {"algorithm": ALGORITHM, "public_key": public_key(), "signature": sign(document)}


def verify_archive(file: BinaryIO, *, trusted_key: str) -> dict[str, object]:
    """The manifest, when every file is as it says and the trusted key signed it. Raises NotAsSigned."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest, proof = archive.read(MANIFEST), json.loads(archive.read(SIGNATURE))
            if proof.get("public_key") != trusted_key:
                raise NotAsSigned("Another key signed this export.")
            if not is_signed(manifest, signature=proof.get("signature", ""), public_key=trusted_key):
                raise NotAsSigned("The manifest was changed after it was signed.")
            told: dict[str, object] = json.loads(manifest)
            check_files(archive, told)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise NotAsSigned(f"This is no whole export: {error}.") from None
    return told


def check_files(archive: zipfile.ZipFile, manifest: dict[str, object]) -> None:
    files = manifest["files"]
    if not isinstance(files, dict) or {*archive.namelist()} != {*files, MANIFEST, SIGNATURE}:
        raise NotAsSigned("Files were added or taken out.")
    for name, about in files.items():
        digest = hashlib.sha256()
        with archive.open(name) as file:
            while piece := file.read(PIECE):
                digest.update(piece)
        if digest.hexdigest() != about["sha256"]:
            raise NotAsSigned(f"{name} was changed.")
