"""The shell that every page stands in."""

import re

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.urls import include, path


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


PAGES = [
    path(name, nothing, name=name)
    for name in (
        *("services", "logs", "metrics", "endpoints", "consumers", "picked"),
        *("issues", "alerts", "monitors", "channels", "webhooks"),
        *("people", "audit", "usage", "storage", "health", "account"),
    )
]
urlpatterns = [
    path("", include((PAGES, "pages"))),
    path("login", nothing, name="login"),
    path("logout", nothing, name="logout"),
    path("admin", include(([path("", nothing, name="index")], "admin"))),
]


@pytest.fixture
def shell(settings):
    settings.ROOT_URLCONF = __name__
    settings.STORAGES = {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }

    def render(*, user=None, **context):
        request = RequestFactory().get("/logs?path=/a&b=1")
        request.user = user or AnonymousUser()
        return render_to_string("base.html", context, request)

    return render


def test_the_section_of_the_page_is_marked_in_both_menus(shell):
    current = re.findall(r'data-section="(\w+)" href="\S+" aria-current="page"', shell(section="logs"))

    assert current == ["logs", "logs"]


def test_the_menu_is_in_groups_that_are_named_and_managers_see_one_more(shell):
    def groups(page):
        return re.findall(r'class="nav-group" role="group" aria-label="([^"]+)"', page)

    assert groups(shell()) == ["Watch and tell"] * 2
    assert groups(shell(may_manage_any=True)) == ["Watch and tell", "Manage"] * 2


def test_staff_who_manage_nothing_find_the_admin_all_the_same(shell):
    page = shell(user=User(username="jo", is_staff=True), may_manage_any=False)

    assert page.count('href="/admin"') == 2
    assert 'data-section="audit"' not in page


def test_a_guest_is_offered_to_sign_in_and_to_come_back(shell):
    page = shell()

    assert 'href="/login?next=%2Flogs%3Fpath%3D%2Fa%26b%3D1"' in page
    assert "Sign out" not in page


def test_signing_out_is_a_form_that_posts_with_a_token(shell):
    page = shell(user=User(username="<jo>"))

    form = re.search(r'<form class="user" method="post" action="/logout">(.*?)</form>', page, re.DOTALL)
    assert form is not None
    assert "csrfmiddlewaretoken" in form[1]
    assert "&lt;jo&gt;" in form[1]


def test_only_staff_are_led_to_the_admin(shell):
    assert 'href="/admin"' in shell(user=User(username="jo", is_staff=True))
    assert 'href="/admin"' not in shell(user=User(username="jo"))


def test_the_quick_start_is_announced_on_every_page(shell):
    assert "no sign-in is asked for" in shell(quick_start=True)
    assert "no sign-in is asked for" not in shell(quick_start=False)


def test_the_shell_holds_under_a_strict_content_security_policy(shell):
    page = shell(user=User(username="jo", is_staff=True), quick_start=True)

    assert " style=" not in page
    assert "<style" not in page
    assert re.findall(r"\son\w+=", page) == []
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert "https://" not in page


def test_no_id_stands_twice(shell):
    ids = re.findall(r'\sid="([^"]+)"', shell(user=User(username="jo", is_staff=True)))

    assert len(ids) == len(set(ids))
