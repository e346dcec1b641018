from django.urls import path

from bench.floors.plain.views import PlainLogs

urlpatterns = [path("v1/logs", PlainLogs.as_view())]
