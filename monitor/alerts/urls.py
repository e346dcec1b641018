"""Routes of the alerts."""

from django.urls import path

from monitor.alerts import api, pages, silence_api, silence_pages, trial_api, window_pages, yaml_api

api_routes = [
    path("alerts", api.AlertRuleViewSet.as_view({"get": "list", "post": "create"})),
    path("alerts/backtest", trial_api.BackTestView.as_view()),
    path("alerts/export", yaml_api.RulesExportView.as_view()),
    path("alerts/plan", yaml_api.RulesPlanView.as_view()),
    path("alerts/apply", yaml_api.RulesApplyView.as_view()),
    path(
        "alerts/<str:alert_id>",
        api.AlertRuleViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("alerts/<str:alert_id>/events", api.AlertEventsView.as_view()),
    path("alerts/<str:alert_id>/groups", api.AlertGroupsView.as_view()),
    path("alerts/<str:alert_id>/evaluations", api.AlertEvaluationsView.as_view()),
    path("alerts/<str:alert_id>/backtest", trial_api.SavedBackTestView.as_view()),
    path("alerts/<str:alert_id>/budget", trial_api.BudgetView.as_view()),
    path("alerts/<str:alert_id>/acknowledge", silence_api.AcknowledgeView.as_view()),
    path("alert-silences", silence_api.AlertSilenceViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "alert-silences/<str:silence_id>",
        silence_api.AlertSilenceViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
    ),
]

page_routes = [
    path("alerts-ui", pages.alerts, name="alerts"),
    path("alerts-ui/new", window_pages.new_rule, name="alert-new"),
    path("alerts-ui/silences", silence_pages.silences, name="alert-silences"),
    path("alerts-ui/silences/<uuid:silence_id>/end", silence_pages.end, name="alert-silence-end"),
    path("alerts-ui/<uuid:alert_id>", pages.alert, name="alert"),
    path("alerts-ui/<uuid:alert_id>/acknowledge", silence_pages.acknowledge_rule, name="alert-acknowledge"),
    path("alerts-ui/<uuid:alert_id>/silence", silence_pages.silence_rule, name="alert-silence"),
    path("alerts-ui/<uuid:alert_id>/pause", pages.pause, name="alert-pause"),
    path("alerts-ui/<uuid:alert_id>/delete", pages.delete, name="alert-delete"),
]
