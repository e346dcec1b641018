"""A Django project as it is before a page's lines are added at the end of its `settings.py`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

# ruff: noqa: E402 - a file of set-up and of views in one
from django.core.wsgi import get_wsgi_application
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.response import Response


@api_view(["GET"])
def read_item(request, item_id):
    return Response({"id": item_id})


urlpatterns = [path("items/<int:item_id>", read_item)]
application = app = get_wsgi_application()
