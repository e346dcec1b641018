"""/v1/status-pages/{id}/subscribers: who is told what a page says."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import actor_of
from monitor.api.fields import TextField
from monitor.api.paging import KeysetPagination
from monitor.api.paths import IdsInPath
from monitor.lib.actors import Scope
from monitor.models import StatusPage, StatusSubscriber
from monitor.models.status_subscribers import SubscriberKind
from monitor.models.webhooks import MAX_URL_CHARS
from monitor.status.register import reach_page
from monitor.status.subscribing import (
    QUESTIONS_A_PAGE,
    BadTarget,
    Subscription,
    add,
    leave,
    page_may_ask,
    shown_target,
)

STATES = ("pending", "active", "failing")


class StatusSubscriberSerializer(serializers.ModelSerializer[StatusSubscriber]):
    """`target` is the mail address, shortened for those who may only read; of a URL its host."""

    kind = serializers.ChoiceField(choices=SubscriberKind.choices, read_only=True)
    target = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=STATES, read_only=True)

    class Meta:
        model = StatusSubscriber
        fields: tuple[str, ...] = (
            *("id", "kind", "target", "state"),
            *("asked_at", "confirmed_at", "last_told_at", "last_error"),
        )
        read_only_fields = fields

    def get_target(self, subscriber: StatusSubscriber) -> str:
        return shown_target(subscriber, whole=self.context.get("is_whole", False))


class AddedSubscriberSerializer(StatusSubscriberSerializer):
    """The one answer that holds the secret."""

    secret = serializers.SerializerMethodField(
        help_text="Of a webhook that was added just now: what its calls are signed with. Never shown again."
    )

    class Meta(StatusSubscriberSerializer.Meta):
        fields = (*StatusSubscriberSerializer.Meta.fields, "secret")
        read_only_fields = fields

    def get_secret(self, subscriber: StatusSubscriber) -> str | None:
        return self.context.get("secret") or None


class NewSubscriberSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=SubscriberKind.choices)
    target = TextField(max_length=MAX_URL_CHARS, help_text="A mail address, or a URL.")


def added(page: StatusPage, given: dict[str, Any]) -> Subscription:
    """As a valid serializer says. Letters to strangers are counted with those that readers have sent.
    Raises ValidationError."""
    if given["kind"] == SubscriberKind.EMAIL and not page_may_ask(page):
        words = f"This page asked {QUESTIONS_A_PAGE} addresses within the hour. Try again later."
        raise ValidationError({"target": words}, code="too_often")
    try:
        made = add(page, kind=given["kind"], target=given["target"], now=timezone.now())
    except BadTarget as error:
        raise ValidationError({"target": str(error)}) from None
    if made is None:
        raise ValidationError({"target": "This address was asked three times today."}, code="too_often")
    return made


class OfSubscribers(IdsInPath):
    def page(self, scope: Scope) -> StatusPage:
        return reach_page(actor_of(self.request), self.kwargs["status_page_id"], scope)

    def said(self, page: StatusPage, found: Any, *, many: bool = False) -> Any:
        may_manage = actor_of(self.request).may(Scope.MANAGE, page.organization_id)
        return StatusSubscriberSerializer(found, many=many, context={"is_whole": may_manage}).data


class StatusSubscribersView(OfSubscribers):
    problems = {"POST": ["404"]}

    @extend_schema(
        summary="List the subscribers of a status page, newest first",
        responses=StatusSubscriberSerializer(many=True),
        operation_id="status_pages_subscribers",
    )
    def get(self, request: Request, status_page_id: UUID) -> Response:
        page = self.page(Scope.READ)
        rows: QuerySet[StatusSubscriber] = page.subscribers.order_by("-id")
        pages = KeysetPagination()
        return pages.get_paginated_response(
            self.said(page, pages.paginate_queryset(rows, request, view=self) or [], many=True)
        )

    @extend_schema(
        summary="Have somebody told what a status page says",
        description="A mail address is asked first, by a letter; a webhook is told from now on, and its "
        "secret is in this answer and never shown again.",
        request=NewSubscriberSerializer,
        responses={201: AddedSubscriberSerializer},
        operation_id="status_pages_subscribers_create",
    )
    def post(self, request: Request, status_page_id: UUID) -> Response:
        page = self.page(Scope.MANAGE)
        form = NewSubscriberSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = added(page, form.validated_data)
        context = {"is_whole": True, "secret": made.secret}
        return Response(AddedSubscriberSerializer(made.subscriber, context=context).data, status=201)


class StatusSubscriberView(OfSubscribers):
    @extend_schema(
        summary="Remove a subscriber of a status page",
        responses={204: None},
        operation_id="status_pages_subscriber_remove",
    )
    def delete(self, request: Request, status_page_id: UUID, subscriber_id: UUID) -> Response:
        page = self.page(Scope.MANAGE)
        leave(get_object_or_404(page.subscribers, id=subscriber_id).id)
        return Response(status=204)
