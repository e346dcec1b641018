"""Routes of pings. The token in them is the key: no login is asked for."""

from django.urls import path

from monitor.push import doors

ping_routes = [
    path("ping/<path:rest>", doors.healthchecks),
    path("api/push/<str:token>", doors.kuma),
    path("api/v1/push/<str:token>", doors.peekaping),
    path("v1/push/<str:token>", doors.ours),
    path("v1/push/<str:token>/<str:action>", doors.ours),
]
