"""The admin site."""

from django.contrib import admin


class MonitorAdminSite(admin.AdminSite):
    site_title = site_header = "API Monitor"
