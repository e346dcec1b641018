"""The lock of the sign-in, over several processes of a real server."""

import re

import httpx
import pytest
from django.contrib.auth.models import User

from tests.web import running_web_server

pytestmark = pytest.mark.django_db(transaction=True)


def attempt(address, password):
    """The page that answers one try, in a browser of its own: it may meet any process."""
    with httpx.Client(base_url=address, timeout=60) as browser:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get("/login").text)[1]
        fields = {"username": "ada", "password": password, "csrfmiddlewaretoken": token}
        return browser.post("/login", data=fields, headers={"Origin": address})


def test_tries_are_counted_over_all_processes():
    User.objects.create_user("ada", password="correct horse battery")
    limits = {"LOGIN_TRIES": "5", "LOGIN_WINDOW_S": "600"}
    # With the tests' settings, as nobody has collected the files that a page links to.
    with running_web_server(workers=2, DJANGO_SETTINGS_MODULE="tests.settings", **limits) as server:
        answers = [attempt(server.address, "wrong") for _ in range(5)]
        locked = attempt(server.address, "correct horse battery")

    assert not any("Too many" in answer.text for answer in answers)
    assert (locked.status_code, "Too many failed attempts" in locked.text) == (200, True)
