"""Routes of OpenTelemetry's protocol. `otlp/` is the endpoint to configure: all of it is OTLP alone."""

from django.urls import path

from monitor.otlp import api

# Beside our own, under /v1/.
api_routes = [path("traces", api.Traces.as_view())]

# Under /otlp/, where SDKs append v1/… themselves.
otlp_routes = [
    path("v1/traces", api.Traces.as_view()),
    path("v1/logs", api.Records.as_view()),
    path("v1/metrics", api.Points.as_view()),
]
