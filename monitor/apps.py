"""The one Django app, and the admin site that stands in front of it."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class MonitorConfig(AppConfig):
    name = "monitor"


class MonitorAdminConfig(AdminConfig):
    default_site = "monitor.admin.site.MonitorAdminSite"

    def ready(self) -> None:
        super().ready()
        # Not from the package itself: importing the site's module imports the package, and a noun
        # registered then would make Django build a second site. Last, so that ours replace others'.
        import_module("monitor.admin.nouns")
