"""Apitally's example for Django, 0.x, with a few routes to call."""

import os

import django
from django.conf import settings

LOGGED = {
    "enable_request_logging": True,
    "log_request_headers": True,
    "log_request_body": True,
    "log_response_body": True,
}

settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="not secret",
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework"],
    REST_FRAMEWORK={"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []},
    MIDDLEWARE=["apitally.django.ApitallyMiddleware"],
    APITALLY_MIDDLEWARE={
        "client_id": os.environ["CLIENT_ID"],
        "env": "dev",
        **(LOGGED if "REQUEST_LOGS" in os.environ else {}),
    },
)
django.setup()

# ruff: noqa: E402 - a file of settings and of views in one
from apitally.django import ApitallyConsumer
from django.core.wsgi import get_wsgi_application
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.response import Response


def identify(request):
    if name := request.headers.get("x-consumer"):
        request._request.apitally_consumer = ApitallyConsumer(
            identifier=name, name=name.title(), group="Testers"
        )


@api_view(["GET"])
def read_item(request, item_id):
    identify(request)
    return Response({"id": item_id})


@api_view(["POST"])
def make_item(request):
    identify(request)
    return Response(request.data, status=201)


@api_view(["GET"])
def boom(request):
    identify(request)
    raise ValueError("boom happened")


@api_view(["GET"])
def never(request):
    """Nobody calls this."""


urlpatterns = [
    path("items/<int:item_id>", read_item),
    path("items", make_item),
    path("boom", boom),
    path("never", never),
]
application = app = get_wsgi_application()
