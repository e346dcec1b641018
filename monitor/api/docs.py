"""The API's description for programs and people: /openapi.json, /docs, /redoc and /docs/errors."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from monitor.api.errors import PROBLEMS


def errors_page(request: HttpRequest) -> HttpResponse:
    """The page that the `type` of every problem leads to."""
    problems = [(code, title, advice) for code, (title, advice) in PROBLEMS.items()]
    return render(request, "docs/errors.html", {"problems": problems})


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
    path("redoc", redoc, name="redoc"),
]
