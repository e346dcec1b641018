"""Signatures as Standard Webhooks wants them."""

import base64
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from monitor.webhooks.signing import make_secret, sign, signature_headers

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
