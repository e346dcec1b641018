"""Routes of Apitally's hub. Exact: these clients follow no redirect with their body."""

from django.urls import re_path

from monitor.apitally import api

# A second slash stands before them where the base URL ends in one.
hub_routes = [
    re_path(
        r"^/?v2/(?P<client_id>[^/]{1,64})/(?P<environment>[A-Za-z0-9_-]{1,32})/(?P<call>startup|sync|log)$",
        api.HubCall.as_view(),
    )
]
