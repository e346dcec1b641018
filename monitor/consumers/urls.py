"""Routes of consumers."""

from django.urls import path

from monitor.consumers import api, pages

api_routes = [
    path("consumers", api.ConsumersView.as_view()),
    path("consumers/<str:consumer_id>", api.ConsumerView.as_view()),
    # The same resource by the name that people who try an API out look for.
    path("customers", api.ConsumersView.as_view()),
    path("customers/<str:consumer_id>", api.ConsumerView.as_view()),
    path("consumers/<str:consumer_id>/forget", api.ForgetView.as_view()),
]

page_routes = [
    path("consumers", pages.consumers, name="consumers"),
    path("consumers/<uuid:consumer_id>", pages.consumer, name="consumer"),
    path("consumers/<uuid:consumer_id>/forget", pages.forget_page, name="consumer-forget"),
]
