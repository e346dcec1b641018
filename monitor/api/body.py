"""Reads request bodies whole, whatever carried them, and never more than allowed."""

import zlib
from typing import Protocol

from django.http import HttpRequest
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType

CHUNK_BYTES = 64 * 1024
# Each member copies the rest of the body once more: without a bound, 16 MB of empty ones would take minutes.
MAX_GZIP_MEMBERS = 100


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"

    @classmethod
    def than(cls, limit_bytes: int) -> "BodyTooLarge":
        return cls(f"The body is larger than {limit_bytes:,} bytes.")


def read_stream(stream: Readable, limit_bytes: int) -> bytes:
    """Everything in the stream. Raises BodyTooLarge once it is over the limit, unread beyond."""
    body = bytearray()
    while chunk := stream.read(CHUNK_BYTES):
        body += chunk
        if len(body) > limit_bytes:
            raise BodyTooLarge.than(limit_bytes)
    return bytes(body)


def read_body(request: HttpRequest, *, limit_bytes: int) -> bytes:
    """The body, decompressed when Content-Encoding says gzip; the limit holds after decompression.

    A chunked body is read from `wsgi.input`: Django's own reader trusts Content-Length and gives nothing.
    """
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    body = read_stream(request.META["wsgi.input"] if chunked else request, limit_bytes)
    return decompress(body, request.headers.get("Content-Encoding", ""), limit_bytes=limit_bytes)


def decompress(body: bytes, content_encoding: str, *, limit_bytes: int) -> bytes:
    """The body without its Content-Encoding. Raises BodyTooLarge, ParseError or UnsupportedMediaType."""
    encoding = content_encoding.strip().lower()
    if encoding in {"", "identity"}:
        return body
    if encoding in {"gzip", "x-gzip"}:
        return gunzip(body, limit_bytes=limit_bytes)
    raise UnsupportedMediaType(
        encoding, f"Content-Encoding '{encoding}' is not understood; send gzip or none."
    )


def gunzip(data: bytes, *, limit_bytes: int) -> bytes:
    """The decompressed bytes. Stops at the limit, so a small bomb stays small.

    Several members one after the other are one body (RFC 1952, 2.2).
    """
    body = bytearray()
    for _ in range(MAX_GZIP_MEMBERS + 1):
        if not data:
            return bytes(body)
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            body += unpacker.decompress(data, limit_bytes - len(body) + 1)
        except zlib.error:
            raise ParseError("The body is not valid gzip.", code="malformed_gzip") from None
        if len(body) > limit_bytes:
            raise BodyTooLarge.than(limit_bytes)
        if not unpacker.eof:
            raise ParseError("The gzip body ends too early.", code="malformed_gzip")
        data = unpacker.unused_data
    raise ParseError(f"The gzip body has more than {MAX_GZIP_MEMBERS} members.", code="malformed_gzip")
