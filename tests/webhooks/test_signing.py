"""Signatures as Standard Webhooks wants them."""

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from monitor.webhooks.signing import (
    make_private_key,
    make_secret,
    public_key_of,
    sign,
    signature_headers,
)

# 32 times the letter k; computed with the official libraries for Python and Node.
SECRET = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
BODY = b'{"a":1}'


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def test_the_signature_is_the_one_that_others_computed():
    signature = sign("msg_1", BODY, timestamp=1674087231, secret=SECRET)

    assert signature == "v1,alaTLXJ3BCwkaroe0orlTcbbhqcl0iWUtmaGxmREs2Y="


def test_the_official_library_accepts_what_we_sign():
    headers = dict(signature_headers("evt_1", BODY, timestamp=now(), secrets=[SECRET]))

    assert Webhook(SECRET).verify(BODY.decode(), headers) == json.loads(BODY)


def test_while_a_secret_is_changed_holders_of_either_one_accept():
    old, new = make_secret(), make_secret()
    headers = dict(signature_headers("evt_1", BODY, timestamp=now(), secrets=[new, old]))

    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        Webhook(secret).verify(BODY.decode(), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(make_secret()).verify(BODY.decode(), headers)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "evt_2"},
        {"webhook-timestamp": str(now() - 1)},
        {"webhook-timestamp": str(now() - 301)},
    ],
)
def test_what_was_changed_on_the_way_is_refused(changed):
    headers = dict(signature_headers("evt_1", BODY, timestamp=now(), secrets=[SECRET])) | changed

    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.decode(), headers)


def test_a_secret_is_32_random_bytes_behind_its_prefix():
    secret = make_secret()

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret != make_secret()


# --- v1a: Ed25519 ------------------------------------------------------------------------------------------

# Published with the server of Svix, whose scheme this is.
KEY_PAIR = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


def verify(public_key, headers, body):
    """As a receiver does it. Raises InvalidSignature when none of the signatures is of this key."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for each in headers["webhook-signature"].split(" "):
        version, _, signature = each.partition(",")
        if version == "v1a":
            try:
                return key.verify(base64.b64decode(signature), signed)
            except InvalidSignature:
                continue
    raise InvalidSignature


def test_a_key_pair_signs_as_others_published_it():
    signature = sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', timestamp=1614265330, secret=KEY_PAIR
    )

    assert signature == (
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    )
    assert public_key_of(KEY_PAIR) == PUBLIC_KEY


def test_a_public_key_verifies_and_no_other_does():
    private_key = make_private_key()
    headers = dict(signature_headers("evt_1", BODY, timestamp=now(), secrets=[private_key]))

    verify(public_key_of(private_key), headers, BODY)
    with pytest.raises(InvalidSignature):
        verify(PUBLIC_KEY, headers, BODY)
    with pytest.raises(InvalidSignature):
        verify(public_key_of(private_key), headers | {"webhook-id": "evt_2"}, BODY)


def test_while_a_secret_becomes_a_key_pair_holders_of_either_one_accept():
    secret, private_key = make_secret(), make_private_key()
    headers = dict(signature_headers("evt_1", BODY, timestamp=now(), secrets=[private_key, secret]))

    verify(public_key_of(private_key), headers, BODY)
    # The official library passes over the signatures of versions it does not know.
    assert Webhook(secret).verify(BODY.decode(), headers) == json.loads(BODY)


def test_a_private_key_is_its_seed_and_the_public_key():
    private_key = make_private_key()
    content = base64.b64decode(private_key.removeprefix("whsk_"))

    assert (len(content), private_key[:5]) == (64, "whsk_")
    assert "whpk_" + base64.b64encode(content[32:]).decode() == public_key_of(private_key)
