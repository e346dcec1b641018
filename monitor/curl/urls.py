"""Routes of pasted commands."""

from django.urls import path

from monitor.curl import pages

page_routes = [path("send", pages.send_command, name="send")]
