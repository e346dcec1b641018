"""What readers are answered: from memory, else from the database, else from disk."""

import logging
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, HttpResponseRedirect
from django.shortcuts import render as render_page
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from monitor.access.requests import client_address
from monitor.api.errors import DATABASE_AWAY, problem_response
from monitor.models import StatusPage
from monitor.status.answers import POLICY, Answer
from monitor.status.cache import CACHE
from monitor.status.copies import read_copy, remove_copies, write_copy
from monitor.status.guesses import Guesses
from monitor.status.history import HISTORY, is_history
from monitor.status.places import Place, at_domain, below_status
from monitor.status.rendering import NoSuchPart, render

logger = logging.getLogger(__name__)
SALT = "monitor.status.password"
PASSWORD_HOLDS_S = 12 * 3600
GUESSES = Guesses()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which page, by its slug or its domain, and which part of it."""

    name: str
    is_domain: bool
    part: str

    @property
    def base(self) -> str:
        return "" if self.is_domain else f"/status/{self.name}"

    def found(self) -> StatusPage | None:
        by = {"domain": self.name} if self.is_domain else {"slug": self.name}
        return StatusPage.objects.filter(is_published=True, **by).first()

    def place(self) -> Place:
        return at_domain(self.name) if self.is_domain else below_status(self.name)


# The form of the password has no session to forge: whoever posts it knows the password.
@csrf_exempt
def at_slug(request: HttpRequest, slug: str, part: str = "") -> HttpResponse:
    return answer(request, Asked(name=slug, is_domain=False, part=part))


@csrf_exempt
def month_at_slug(request: HttpRequest, slug: str, month: str) -> HttpResponse:
    return at_slug(request, slug, f"{HISTORY}/{month}")


def answer(request: HttpRequest, asked: Asked) -> HttpResponse:
    """A part of a page, for anybody; where it has a password, for those who know it."""
    if request.method not in ("GET", "HEAD", "POST") or (request.method == "POST" and asked.part):
        response = problem_response(405, f"{request.method} is not possible here.")
        response["Allow"] = "GET, HEAD"
        return response
    key = (request.META.get("HTTP_HOST", ""), request.path)
    if request.method != "POST" and (known := CACHE.fresh(key)) is not None:
        return sent(request, known)
    try:
        page = asked.found()
        if page is None:
            CACHE.drop(key)
            return problem_response(404, "There is no such page.")
        if page.has_password:
            CACHE.forget(page.id)
            remove_copies(page.id)
            return behind_password(request, asked, page)
        made = render(page, asked.part, place=asked.place(), now=timezone.now())
    except NoSuchPart:
        return problem_response(404, "There is no such page.")
    except DATABASE_AWAY:
        copy = read_copy(asked.name, asked.part)
        if copy is None:
            raise
        logger.warning("A status page is served from its copy: the database does not answer.")
        return sent(request, copy)
    CACHE.keep(key, made, page_id=page.id)
    write_copy(page.id, asked.name, asked.part, made)
    return sent(request, made)


def sent(request: HttpRequest, made: Answer, *, is_private: bool = False) -> HttpResponse:
    headers = made.headers(is_private=is_private)
    if not is_private and made.is_known_to(request.headers.get("If-None-Match", "")):
        return HttpResponseNotModified(headers={k: v for k, v in headers.items() if k != "Content-Type"})
    # Behind a password nothing is packed: what is secret beside what a stranger chose tells itself by sizes.
    body = made.body if is_private else made.body_for(request.headers.get("Accept-Encoding", ""), headers)
    return HttpResponse(body, headers=headers)


# --- Passwords ---------------------------------------------------------------------------------------------


def behind_password(request: HttpRequest, asked: Asked, page: StatusPage) -> HttpResponse:
    """The page for who has shown the password, else the question. Neither is kept by anybody."""
    if request.method == "POST":
        return judged(request, asked, page)
    if not is_let_in(request, page):
        if is_history(asked.part):
            return HttpResponseRedirect(asked.base or "/")
        if asked.part in ("", "style.css", "logo"):
            return question(request, asked, page) if not asked.part else problem_response(401, ASK)
        return problem_response(401, ASK)
    return sent(request, render(page, asked.part, place=asked.place(), now=timezone.now()), is_private=True)


ASK = "This page asks for a password."


def judged(request: HttpRequest, asked: Asked, page: StatusPage) -> HttpResponse:
    caller = client_address(request) or ""
    if not GUESSES.may_try(page.id, caller):
        return question(request, asked, page, problem="Too many tries. Wait a minute.", status=429)
    if not check_password(request.POST.get("password", ""), page.password):
        GUESSES.note_failure(page.id, caller)
        return question(request, asked, page, problem="That is not the password.", status=403)
    response = HttpResponse(status=303, headers={"Location": asked.base or "/"})
    response.set_cookie(
        cookie_of(page),
        signing.dumps(seal_of(page), salt=SALT),
        max_age=PASSWORD_HOLDS_S,
        path=asked.base or "/",
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )
    return response


def cookie_of(page: StatusPage) -> str:
    return f"status_{page.id.hex}"


def seal_of(page: StatusPage) -> list[str]:
    """Who has it knew this page's present password: the hash changes with it."""
    return [str(page.id), page.password[-16:]]


def is_let_in(request: HttpRequest, page: StatusPage) -> bool:
    try:
        shown = signing.loads(request.COOKIES.get(cookie_of(page), ""), salt=SALT, max_age=PASSWORD_HOLDS_S)
    except signing.BadSignature:
        return False
    return bool(shown == seal_of(page))


def question(
    request: HttpRequest, asked: Asked, page: StatusPage, *, problem: str = "", status: int = 401
) -> HttpResponse:
    context = {"page": page, "base": asked.base, "problem": problem}
    response = render_page(request, "status/password.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    response["Content-Security-Policy"] = POLICY
    return response


def forget(page_id: UUID) -> None:
    """After a change by hand: readers of this process see it at once."""
    CACHE.forget(page_id)
