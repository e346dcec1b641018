"""The one Django app, and the admin site that stands in front of it."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class MonitorConfig(AppConfig):
    name = "monitor"

    def ready(self) -> None:
        # Hears of signing in and out, by being imported.
        import_module("monitor.access.auditing")
        triggers = import_module("monitor.audit.triggers")
        post_migrate.connect(triggers.install_triggers, sender=self, dispatch_uid="audit_triggers")


class MonitorAdminConfig(AdminConfig):
    default_site = "monitor.admin.site.MonitorAdminSite"

    def ready(self) -> None:
        super().ready()
        # Not from the package itself: importing the site's module imports the package, and a noun
        # registered then would make Django build a second site. Last, so that ours replace others'.
        import_module("monitor.admin.nouns")
