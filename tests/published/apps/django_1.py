"""Apitally's example for Django, 1.x, with a few routes to call."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_1_settings")
django.setup()

# ruff: noqa: E402 - a file of set-up and of views in one
import apitally
from django.core.wsgi import get_wsgi_application
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.response import Response


def identify(request):
    if name := request.headers.get("x-consumer"):
        apitally.set_consumer(name, name=name.title(), group="Testers")


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
