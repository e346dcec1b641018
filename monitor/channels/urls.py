"""Routes of channels."""

from django.urls import path

from monitor.channels import api, deliveries, pages

api_routes = [
    path("notification-channels", api.NotificationChannelsView.as_view()),
    path("notification-channels/<str:channel_id>", api.NotificationChannelView.as_view()),
    path("notification-channels/<str:channel_id>/test", api.TestChannelView.as_view()),
    path("notification-deliveries", deliveries.NotificationDeliveriesView.as_view()),
    path(
        "notification-deliveries/<str:notification_delivery_id>",
        deliveries.NotificationDeliveryView.as_view(),
    ),
    path(
        "notification-deliveries/<str:notification_delivery_id>/retry",
        deliveries.RetryNotificationView.as_view(),
    ),
]

page_routes = [
    path("channels", pages.channels, name="channels"),
    path("channels/new", pages.new_channel, name="channel-new"),
    path("channels/<uuid:channel_id>", pages.channel, name="channel"),
    path("channels/<uuid:channel_id>/edit", pages.edit_channel, name="channel-edit"),
    path("channels/<uuid:channel_id>/turn", pages.turn, name="channel-turn"),
    path("channels/<uuid:channel_id>/test", pages.test, name="channel-test"),
    path("channels/<uuid:channel_id>/delete", pages.delete, name="channel-delete"),
    path("channels/deliveries/<uuid:delivery_id>", pages.delivery, name="channel-delivery"),
    path("channels/deliveries/<uuid:delivery_id>/again", pages.send_again, name="channel-again"),
]
