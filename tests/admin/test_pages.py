"""Every page of every noun opens, and holds nothing that the content policy blocks."""

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.urls import reverse

from monitor.models import AlertEvent, Consumer, Endpoint, Replay, RequestLog
from monitor.services.tasks import purge_service
from tests.admin.markup import blocked_in

pytestmark = pytest.mark.django_db

MODELS = sorted(django_admin.site._registry, key=lambda model: model._meta.label)
NOBODY_ADDS = (RequestLog, AlertEvent, Replay, Endpoint, Consumer, LogEntry)


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def label(model):
    return model._meta.label


@pytest.fixture
def _filled(everything, ada, service):
    LogEntry.objects.create(user=ada, object_id="1", object_repr="x", action_flag=1, change_message="[]")
    purge_service.defer(service_id=str(service.id))


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("model", MODELS, ids=label)
def test_the_list_opens_and_keeps_to_the_policy(admin, model):
    answer = admin.get(address(model, "changelist"))

    assert answer.status_code == 200
    assert answer.context["cl"].result_count >= 1
    assert blocked_in(answer.text) == []


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("model", MODELS, ids=label)
def test_the_page_of_a_row_opens_and_keeps_to_the_policy(admin, model):
    row = django_admin.site.get_model_admin(model).get_queryset(request_of(admin)).first()

    for page in ("change", "history"):
        answer = admin.get(address(model, page, row.pk))
        assert answer.status_code == 200
        assert blocked_in(answer.text) == []


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("model", MODELS, ids=label)
def test_the_page_to_add_a_row_opens_where_people_add_rows(admin, model):
    answer = admin.get(address(model, "add"))

    adds = django_admin.site.get_model_admin(model).has_add_permission(request_of(admin))
    assert answer.status_code == (200 if adds else 403)
    if adds:
        assert blocked_in(answer.text) == []


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("model", MODELS, ids=label)
def test_the_question_before_a_deletion_keeps_to_the_policy(admin, model):
    model_admin = django_admin.site.get_model_admin(model)
    request = request_of(admin)
    row = model_admin.get_queryset(request).order_by("pk").last()

    answer = admin.get(address(model, "delete", row.pk))

    deletes = model_admin.has_delete_permission(request, row)
    assert answer.status_code == (200 if deletes else 403)
    if deletes:
        assert blocked_in(answer.text) == []


def request_of(client):
    """A request as the signed-in operator would make it."""
    return client.get(reverse("admin:index")).wsgi_request


@pytest.mark.parametrize("page", ["index", "login", "password_change"])
def test_pages_beside_the_nouns_keep_to_the_policy(admin, page):
    if page == "login":
        admin.logout()

    answer = admin.get(reverse(f"admin:{page}"), follow=True)

    assert answer.status_code == 200
    assert blocked_in(answer.text) == []


def test_the_page_that_sets_someones_password_keeps_to_the_policy(admin, ada):
    answer = admin.get(reverse("admin:auth_user_password_change", args=[ada.pk]))

    assert answer.status_code == 200
    assert blocked_in(answer.text) == []


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("model", NOBODY_ADDS, ids=label)
def test_rows_that_the_product_writes_cannot_be_added_or_deleted(admin, model):
    row = django_admin.site.get_model_admin(model).get_queryset(request_of(admin)).first()
    before = model.objects.count()

    assert admin.post(address(model, "add"), {"name": "x"}).status_code == 403
    assert admin.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model.objects.count() == before


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("model", [RequestLog, AlertEvent, Replay, Endpoint, LogEntry], ids=label)
def test_rows_that_the_product_writes_cannot_be_changed(admin, model):
    row = django_admin.site.get_model_admin(model).get_queryset(request_of(admin)).first()

    assert admin.post(address(model, "change", row.pk), {"method": "PUT"}).status_code == 403


@pytest.mark.usefixtures("_filled")
def test_a_consumer_can_be_named_but_keeps_its_identifier(admin):
    consumer = Consumer.objects.get()

    admin.post(
        address(Consumer, "change", consumer.pk),
        {"name": "The app", "group": "phones", "identifier": "someone-else"},
    )

    consumer.refresh_from_db()
    assert (consumer.name, consumer.group, consumer.identifier) == ("The app", "phones", "mobile")


def test_groups_are_not_offered_because_roles_are_memberships():
    assert not django_admin.site.is_registered(Group)
    assert django_admin.site.is_registered(User)


def test_the_menu_is_in_the_products_words(admin):
    sections = {app["name"]: [model["name"] for model in app["models"]] for app in menu_of(admin)}

    assert list(sections) == [
        *("Services", "Traffic", "Monitors", "Status pages", "Alerts", "Channels", "Webhooks"),
        *("People", "Operation"),
    ]
    assert sections["Status pages"] == ["Status pages", "Status subscribers"]
    assert sections["Services"] == [
        *("Services", "API keys", "Endpoints", "Endpoint moves", "Exclusion rules"),
        *("Consumers", "Deployments"),
    ]
    assert set(sections["Operation"]) == {
        *("Background jobs", "Changes made here", "Saved views", "Audit log")
    }


def menu_of(client):
    return client.get(reverse("admin:index")).context["app_list"]
