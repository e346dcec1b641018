"""Routes of what owners do with a whole organization."""

from django.urls import path

from monitor.compliance import api, pages

api_routes = [
    path("organizations/<str:organization_id>/export", api.ExportView.as_view()),
    path("organization-deletions/<str:deletion_id>", api.DeletionView.as_view()),
]

page_routes = [
    path("organizations/<uuid:organization_id>", pages.organization, name="organization"),
    path("organizations/<uuid:organization_id>/export", pages.export, name="organization-export"),
    path("organizations/<uuid:organization_id>/delete", pages.delete, name="organization-delete"),
]

# Who has deleted their only organization belongs nowhere, and may read the receipt all the same.
receipt_routes = [
    path("receipts/<uuid:deletion_id>", pages.receipt, name="organization-receipt"),
]
