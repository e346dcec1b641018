"""What docs/webhooks.md says holds."""

import json
import re
import time
from pathlib import Path

import pytest
from django.conf import settings

from monitor.events.catalogue import CATALOGUE
from monitor.webhooks.schedule import LIVE
from monitor.webhooks.signing import make_secret, signature_headers

PAGE = (Path(settings.BASE_DIR) / "docs" / "webhooks.md").read_text()


def verifier():
    """The function that the page gives to readers without a library."""
    [source] = [
        block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def verify" in block
    ]
    names = {}
    exec(source, names)  # noqa: S102 - our own page
    return names["verify"]


def test_the_verifier_of_the_page_accepts_ours_and_refuses_others():
    secret, old, body, now = make_secret(), make_secret(), json.dumps({"a": 1}).encode(), int(time.time())
    headers = dict(signature_headers("evt_1", body, timestamp=now, secrets=[secret, old]))
    verify = verifier()

    assert verify(secret, headers, body) == verify(old, headers, body) == {"a": 1}
    with pytest.raises(ValueError, match="wrong signature"):
        verify(secret, headers, body + b" ")
    with pytest.raises(ValueError, match="wrong signature"):
        verify(make_secret(), headers, body)
    with pytest.raises(ValueError, match="too old"):
        verify(secret, headers | {"webhook-timestamp": str(now - 400)}, body)


def test_the_page_names_every_event():
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    named = set()
    for row in rows:
        words = re.findall(r"`([\w.]+)`", row)
        stem = words[0].rpartition(".")[0]
        named |= {stem + word if word.startswith(".") else word for word in words}

    assert named == set(CATALOGUE)


def test_the_page_tells_the_schedule():
    words = {"0 s", "5 s", "5 min", "30 min", "2 h", "5 h", "10 h", "14 h", "20 h", "24 h"}

    assert len(LIVE) == len(words)
    assert "0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h" in PAGE
