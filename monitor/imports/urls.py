"""Routes of imports."""

from django.urls import path

from monitor.imports import api, pages

api_routes = [
    path("import/har", api.ImportHar.as_view()),
    path("import/ndjson", api.ImportNdjson.as_view()),
]

page_routes = [path("import", pages.import_file, name="import")]
