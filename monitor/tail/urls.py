"""Routes of the tail; monitor.tail.stream answers in front of them where it can."""

from django.urls import path

from monitor.tail.api import TailLogs

api_routes = [path("logs/tail", TailLogs.as_view())]
