"""The API's description for programs and people: /openapi.json, /docs, /redoc and /docs/errors."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from monitor.api.errors import PROBLEMS
from monitor.api.versioning import HEADER
from monitor.api.versions import VERSIONS


def errors_page(request: HttpRequest) -> HttpResponse:
    """The page that the `type` of every problem leads to."""
    problems = [(code, title, advice) for code, (title, advice) in PROBLEMS.items()]
    return render(request, "docs/errors.html", {"problems": problems})


def changelog_page(request: HttpRequest) -> HttpResponse:
    """What differs from version to version of the API; `rel=deprecation` leads here."""
    return render(request, "docs/api_changelog.html", {"versions": VERSIONS, "header": HEADER})


# Redoc writes style elements and runs its search in a worker made of a blob; nothing else here may.
redoc = csp_update({"style-src": [UNSAFE_INLINE], "worker-src": ["blob:"]})(
    SpectacularRedocView.as_view(url_name="openapi", template_name="docs/redoc.html")
)

urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(url_name="openapi", template_name="docs/swagger.html"),
        name="docs",
    ),
    path("docs/errors", errors_page, name="error-docs"),
    path("docs/api-changelog", changelog_page, name="api-changelog"),
    path("redoc", redoc, name="redoc"),
]
