"""Routes of monitors."""

from django.urls import path

from monitor.monitors import (
    api,
    beats_api,
    detail_pages,
    form_pages,
    kuma_api,
    kuma_pages,
    look_api,
    maintenance_api,
    maintenance_pages,
    pages,
    proxy_pages,
    shared_api,
    tag_pages,
)

api_routes = [
    path("monitors", api.MonitorViewSet.as_view({"get": "list", "post": "create"})),
    path("monitors/batch", shared_api.BatchView.as_view()),
    path("monitors/test", look_api.TestView.as_view()),
    path("monitors/import-kuma", kuma_api.KumaImportView.as_view()),
    path(
        "monitors/<str:monitor_id>",
        api.MonitorViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("monitors/<str:monitor_id>/pause", api.PauseView.as_view()),
    path("monitors/<str:monitor_id>/resume", api.ResumeView.as_view()),
    path("monitors/<str:monitor_id>/clone", api.CloneView.as_view()),
    path("monitors/<str:monitor_id>/heartbeats", beats_api.HeartbeatsView.as_view()),
    path("monitors/<str:monitor_id>/heartbeats/<str:beat_id>", beats_api.HeartbeatView.as_view()),
    path("monitors/<str:monitor_id>/events", beats_api.MonitorEventsView.as_view()),
    path("monitors/<str:monitor_id>/stats", beats_api.StatsView.as_view()),
    path("maintenances", maintenance_api.MaintenanceViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "maintenances/<str:maintenance_id>",
        maintenance_api.MaintenanceViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
    ),
    path("maintenances/<str:maintenance_id>/pause", maintenance_api.MaintenancePauseView.as_view()),
    path("maintenances/<str:maintenance_id>/resume", maintenance_api.MaintenanceResumeView.as_view()),
    path("tags", shared_api.TagViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "tags/<str:tag_id>",
        shared_api.TagViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("proxies", shared_api.ProxyViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "proxies/<str:proxy_id>",
        shared_api.ProxyViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
]

page_routes = [
    path("monitors", pages.monitors, name="monitors"),
    path("monitors/batch", pages.batch, name="monitors-batch"),
    path("monitors/rows", pages.monitor_rows, name="monitor-rows"),
    path("monitors/new", form_pages.new, name="monitor-new"),
    path("monitors/import-kuma", kuma_pages.bring, name="kuma-import"),
    path("monitors/tags", tag_pages.tags, name="monitor-tags"),
    path("monitors/tags/<uuid:tag_id>", tag_pages.tag, name="monitor-tag"),
    path("monitors/tags/<uuid:tag_id>/delete", tag_pages.delete, name="monitor-tag-delete"),
    path("monitors/proxies", proxy_pages.proxies, name="proxies"),
    path("monitors/proxies/new", proxy_pages.new, name="proxy-new"),
    path("monitors/proxies/<uuid:proxy_id>", proxy_pages.edit, name="proxy-edit"),
    path("monitors/proxies/<uuid:proxy_id>/delete", proxy_pages.delete, name="proxy-delete"),
    path("monitors/maintenance", maintenance_pages.maintenances, name="maintenances"),
    path("monitors/maintenance/new", maintenance_pages.new, name="maintenance-new"),
    path("monitors/maintenance/<uuid:maintenance_id>", maintenance_pages.edit, name="maintenance-edit"),
    path(
        "monitors/maintenance/<uuid:maintenance_id>/pause",
        maintenance_pages.pause,
        name="maintenance-pause",
    ),
    path(
        "monitors/maintenance/<uuid:maintenance_id>/delete",
        maintenance_pages.delete,
        name="maintenance-delete",
    ),
    path("monitors/<uuid:monitor_id>", detail_pages.monitor, name="monitor"),
    path("monitors/<uuid:monitor_id>/edit", form_pages.edit, name="monitor-edit"),
    path("monitors/<uuid:monitor_id>/pause", pages.pause, name="monitor-pause"),
    path("monitors/<uuid:monitor_id>/clone", pages.clone, name="monitor-clone"),
    path("monitors/<uuid:monitor_id>/delete", pages.delete, name="monitor-delete"),
]
