"""Routes of deployments."""

from django.urls import path

from monitor.deployments import api

api_routes = [path("deployments", api.DeploymentViewSet.as_view({"get": "list", "post": "create"}))]
