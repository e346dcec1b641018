"""The pages of journeys as people meet them."""

import io
import json
import re
from html import unescape

import pytest
from django.utils import timezone

from monitor.journeys import from_yaml
from monitor.journeys.checks import READY_MADE
from monitor.journeys.forms import Draft
from monitor.lib.masking import MASK
from monitor.models import Beat, Monitor
from monitor.monitors.config import options_of
from monitor.probing import Outcome
from tests.factories import a_client, a_log, a_service, a_user, an_organization, keep_logs
from tests.journeys.collections import shop_collection
from tests.journeys.targets import PASSWORD, Shop, document, log_in, me
from tests.journeys.test_imports import at
from tests.journeys.test_written import WHOLE
from tests.monitors.scenes import a_monitor, a_proxy, check
from tests.probing.http_target import http_target
from tests.probing.probes import look_at

pytestmark = pytest.mark.django_db

A_STEP = {"name": "a", "url": "http://a.example"}
COMMON = {
    "name": "Shop",
    "interval_s": 300,
    "timeout_s": 60,
    "max_retries": 1,
    "retry_interval_s": 20,
    "recovery_successes": 1,
    "reminder_minutes": 0,
}


@pytest.fixture
def organization():
    return an_organization()


@pytest.fixture
def client(organization):
    return a_client(user=a_user(organization, "admin"))


def fields_of(page):
    """What a browser would send of the editor, without a button."""
    html = page.content.decode()
    form = html[html.index('class="form card monitor-form"') :]
    sent = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes.get("type") == "checkbox" and " checked" not in tag:
            continue
        if "name" in attributes:
            blank = "on" if attributes.get("type") == "checkbox" else ""
            sent[attributes["name"]] = unescape(attributes.get("value", blank))
    for name, text in re.findall(r'<textarea[^>]*?name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        # As browsers send it.
        sent[name] = unescape(text).replace("\n", "\r\n")
    for name, options in re.findall(r'<select[^>]*?name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        sent[name] = unescape(chosen[1])
    sent.pop("csrfmiddlewaretoken", None)
    return sent


def as_yaml_form(text, **more):
    return {**COMMON, "mode": "yaml", "yaml": text, **more}


def test_form_and_yaml_are_each_the_image_of_the_other(client):
    wanted = from_yaml(WHOLE)

    as_form = client.post("/journeys/new", as_yaml_form(WHOLE, do="form"))
    back = client.post("/journeys/new", {**fields_of(as_form), "do": "yaml"})
    text = fields_of(back)["yaml"]

    assert (as_form.status_code, back.status_code) == (200, 200)
    assert "Step" not in str(as_form.context["draft"].problem)
    assert from_yaml(text.replace("\r\n", "\n")) == wanted
    assert fields_of(as_form)["name"] == "Shop"


@pytest.mark.parametrize("mode", ["form", "yaml"])
def test_a_journey_is_saved_from_either_form(client, organization, mode):
    page = client.post("/journeys/new", as_yaml_form(WHOLE, do=mode))
    saved = client.post("/journeys/new", {**fields_of(page), "do": "save"})

    assert saved.status_code == 302, saved.content.decode()
    monitor = Monitor.objects.get()
    assert (monitor.kind, monitor.organization) == ("journey", organization)
    assert options_of(monitor).secrets == {"password": "hunter22", "token": ""}
    assert len(options_of(monitor).steps) == 3


def test_steps_are_added_moved_copied_and_removed_even_half_written(client):
    def press(sent, verb, **more):
        return fields_of(client.post("/journeys/new", {**sent, **more, "do": verb}))

    def names(sent):
        return [sent[f"step-{at}-name"] for at in range(int(sent["steps"]))]

    def button_at(sent, verb):
        """The button that the keyboard is left at."""
        page = client.post("/journeys/new", {**sent, "do": verb}).content.decode()
        return re.findall(r'value="(\w+:\d)"[^>]* autofocus', page)

    sent = fields_of(client.get("/journeys/new"))
    sent = press(sent, "add", **{"step-0-name": "One", "step-0-assertions": "half wri"})
    sent = press(sent, "add", **{"step-1-name": "Two"})
    assert names(sent) == ["One", "Two", "Step"]
    sent = press(sent, "up:1")
    assert names(sent) == ["Two", "One", "Step"]
    assert [button_at(sent, verb) for verb in ("up:2", "up:1", "down:0", "down:1", "down:2")] == [
        ["up:1"],
        ["down:0"],
        ["down:1"],
        ["up:2"],
        [],
    ]
    sent = press(sent, "down:0")
    sent = press(sent, "copy:0")
    assert names(sent) == ["One", "One 2", "Two", "Step"]
    assert sent["step-1-assertions"] == "half wri"
    sent = press(sent, "remove:1")
    sent = press(sent, "remove:9")
    assert names(sent) == ["One", "Two", "Step"]


@pytest.mark.parametrize("check_", [each.name for each in READY_MADE])
def test_a_security_check_is_added_with_its_variables(client, check_):
    sent = fields_of(client.get("/journeys/new"))
    sent = fields_of(client.post("/journeys/new", {**sent, "do": f"add:{check_}"}))
    sent = fields_of(client.post("/journeys/new", {**sent, "do": "remove:0"}))

    saved = client.post("/journeys/new", {**sent, **COMMON, "do": "save"})

    assert "base_url = https://api.example.com" in sent["variables"]
    assert saved.status_code == 302, saved.context["form"].errors


def test_what_is_wrong_names_the_step_and_opens_it(client):
    page = client.post("/journeys/new", as_yaml_form(WHOLE, do="form"))
    broken = {"step-1-assertions": "jsonpath a == 1"}
    answer = client.post("/journeys/new", {**fields_of(page), **broken, "do": "save"})

    assert answer.status_code == 400
    assert "Step 2 (Read), assert 1: The JSONPath is not valid" in unescape(answer.content.decode())
    assert answer.context["draft"].at_fault == 1
    assert not Monitor.objects.exists()


def test_yaml_that_cannot_be_read_stays_as_it_was_typed(client):
    answer = client.post("/journeys/new", as_yaml_form("steps: [", do="form"))

    assert answer.status_code == 400
    assert "this is no YAML" in answer.content.decode()
    assert fields_of(answer)["yaml"] == "steps: ["


def test_secrets_never_reach_the_editor_and_survive_a_save(client, organization):
    config = document(log_in("http://shop.example"), me("http://shop.example"))
    monitor = a_monitor(organization, kind="journey", config=config)
    page = client.get(f"/journeys/{monitor.id}/edit")

    assert PASSWORD not in page.content.decode()
    assert f"password = {MASK}" in unescape(page.content.decode())
    saved = client.post(f"/journeys/{monitor.id}/edit", {**fields_of(page), "name": "Renamed", "do": "save"})

    assert saved.status_code == 302, saved.context["form"].errors
    monitor.refresh_from_db()
    assert monitor.name == "Renamed"
    assert options_of(monitor).secrets == {"password": PASSWORD}


def test_a_save_keeps_what_the_form_does_not_ask_for(client, organization):
    config = document(
        {"name": "a", "url": "http://shop.example/{{n}}"},
        verify_tls=False,
        ip_family=4,
        rows=[{"n": 1}],
        proxy={"url": "http://proxy.example:3128", "username": "ada", "password": "s3cret"},
    )
    monitor = a_monitor(organization, kind="journey", config=config)
    before = options_of(monitor)
    page = client.get(f"/journeys/{monitor.id}/edit")
    assert "s3cret" not in page.content.decode()

    saved = client.post(f"/journeys/{monitor.id}/edit", {**fields_of(page), "do": "save"})

    assert saved.status_code == 302, saved.context["form"].errors
    assert options_of(Monitor.objects.get()) == before


def test_a_run_before_saving_shows_each_step(client, settings):
    settings.QUICK_START = True
    with http_target(Shop()) as target:
        draft = Draft.of(read(document(log_in(target.url("")), me(target.url("")))))
        steps = {
            f"step-{at}-{name}": value
            for at, step in enumerate(draft.steps)
            for name, value in step.items()
            if value is not False
        }
        sent = {**COMMON, **steps, "mode": "form", "secrets": draft.secrets, "steps": 2}
        page = client.post("/journeys/new", {**sent, "do": "look"})

    html = unescape(page.content.decode())
    assert page.status_code == 200
    assert "A run just now" in html
    assert "2. Who am I" in html
    assert "jsonpath" in html
    assert PASSWORD not in re.sub(r"<textarea.*?</textarea>", "", html, flags=re.DOTALL)
    assert "no-store" in page["Cache-Control"]
    assert not Monitor.objects.exists()


def read(given):
    from monitor.journeys import read_document

    return read_document(given)


def test_a_kept_run_is_shown_on_its_page_and_on_the_monitors(client, organization):
    shop = Shop()
    shop.broken.add("/me")
    with http_target(shop) as target:
        config = document(log_in(target.url("")), me(target.url("")))
        monitor = a_monitor(organization, kind="journey", config=config)
        found = look_at("journey", **config)
    check(monitor, Outcome.FAILED, message=found.message, detail=found.detail)
    beat = Beat.objects.get(monitor_id=monitor.id)

    run = client.get(f"/journeys/{monitor.id}/runs/{beat.id}").content.decode()
    page = client.get(f"/monitors/{monitor.id}").content.decode()

    for html in (run, page):
        assert "Log in" in html
        assert "The status is 500." in html
        assert "boom" in html
        assert '<rect class="bar-wait"' in html
        assert PASSWORD not in html
    assert f"/journeys/{monitor.id}/runs/{beat.id}" in page


def test_a_run_costs_the_same_however_many_there_are(client, organization, django_assert_max_num_queries):
    monitor = a_monitor(
        organization, kind="journey", config=document({"name": "a", "url": "http://a.example"})
    )
    for _ in range(5):
        check(monitor, Outcome.OK, at=timezone.now(), detail={"steps": []})
    beat = Beat.objects.filter(monitor_id=monitor.id).first()

    # Session, person, memberships; the monitor, its beat, and the ones before and after.
    with django_assert_max_num_queries(8):
        assert client.get(f"/journeys/{monitor.id}/runs/{beat.id}").status_code == 200


def test_runs_and_editors_of_others_are_not_found(client, organization):
    config = document({"name": "a", "url": "http://a.example"})
    theirs, mine = a_monitor(kind="journey", config=config), a_monitor(organization)
    check(theirs, Outcome.OK)
    check(mine, Outcome.OK)
    beat = Beat.objects.get(monitor_id=theirs.id)

    assert client.get(f"/journeys/{theirs.id}/runs/{beat.id}").status_code == 404
    assert client.get(f"/journeys/{theirs.id}/edit").status_code == 404
    assert client.get(f"/journeys/{mine.id}/edit").status_code == 404
    assert client.get(f"/journeys/{mine.id}/runs/{beat.id}").status_code == 404


def test_the_monitors_form_leads_to_the_editor(client, organization):
    monitor = a_monitor(
        organization, kind="journey", config=document({"name": "a", "url": "http://a.example"})
    )

    assert client.get("/monitors/new?kind=journey")["Location"].startswith("/journeys/new")
    assert client.get(f"/monitors/{monitor.id}/edit")["Location"] == f"/journeys/{monitor.id}/edit"


def test_a_viewer_edits_and_imports_nothing(organization):
    viewer = a_client(user=a_user(organization, "viewer"))
    monitor = a_monitor(
        organization, kind="journey", config=document({"name": "a", "url": "http://a.example"})
    )

    for address in ("/journeys/new", "/journeys/import", f"/journeys/{monitor.id}/edit"):
        assert viewer.get(address).status_code == 403
        assert viewer.post(address, COMMON).status_code == 403


def a_file(text, name="file.json"):
    found = io.BytesIO(text.encode())
    found.name = name
    return found


def test_an_import_is_shown_with_its_report_and_saves_nothing(client):
    environment = json.dumps({"values": [{"key": "base", "value": "http://shop.example"}]})
    page = client.post(
        "/journeys/import",
        {
            "format": "postman",
            "file": a_file(json.dumps(shop_collection())),
            "environment": a_file(environment),
            "rows": a_file("n\n1\n2\n", "rows.csv"),
        },
    )

    html = unescape(page.content.decode())
    assert page.status_code == 200
    assert "Log in, test script" in html
    assert "base = http://shop.example" in html
    assert fields_of(page)["steps"] == "5"
    assert json.loads(fields_of(page)["rest"])["rows"] == [{"n": "1"}, {"n": "2"}]
    assert not Monitor.objects.exists()
    saved = client.post("/journeys/new", {**fields_of(page), "step-0-body": "", "do": "save"})
    assert saved.status_code == 302, saved.context["form"].errors


@pytest.mark.parametrize(
    ("format_", "text", "words"),
    [
        ("postman", "{}", "no Postman collection"),
        ("postman", "nope", "no JSON"),
        ("har", "{}", "no HAR"),
        ("curl", "wget x", "no curl command"),
        ("openapi", "a: b", "no OpenAPI document"),
        ("yaml", "steps: 3", "is a list"),
        ("curl", "", "Choose a file"),
    ],
)
def test_what_cannot_be_imported_is_said(client, format_, text, words):
    page = client.post("/journeys/import", {"format": format_, "text": text})

    assert page.status_code == 400
    assert words in unescape(page.content.decode())


def test_a_journey_is_made_of_logs_from_the_explorer(client, organization):
    service = a_service(organization, base_url="https://shop.example")
    first, second = keep_logs(
        service,
        a_log(method="POST", url="/login", path="/login", timestamp=at(1)),
        a_log(url="https://shop.example/me", path="/me", timestamp=at(2)),
    )
    table = client.get("/dashboard").content.decode()

    page = client.get(f"/journeys/new?log={second}&log={first}")

    assert f"log={first}" in table
    assert f"/journeys/new?log={first}" in client.get(f"/log/{first}").content.decode()
    sent = fields_of(page)
    assert [sent["step-0-url"], sent["step-1-url"]] == ["{{base_url}}/login", "https://shop.example/me"]
    assert sent["step-0-assertions"] == "status == 200"
    assert sent["service_id"] == str(service.id)


def test_logs_of_others_make_no_journey(client):
    (log,) = keep_logs(a_service(), a_log())

    assert client.get(f"/journeys/new?log={log}").status_code == 404
    assert client.get("/journeys/new?log=nonsense").status_code == 404


def test_the_editor_offers_proxies_and_what_a_journey_depends_on_and_keeps_the_choice(client, organization):
    needed, proxy = a_monitor(organization, name="the gateway"), a_proxy(organization, name="way out")
    a_monitor(name="of others")
    page = client.get("/journeys/new").content.decode()
    assert "the gateway" in page
    assert "way out" in page
    assert "of others" not in page
    sent = {
        **COMMON,
        "mode": "yaml",
        "yaml": "steps:\n- name: a\n  url: http://a.example",
        "depends_on_ids": [str(needed.id)],
        "proxy_id": str(proxy.id),
    }

    turned = client.post("/journeys/new", {**sent, "do": "form"}).content.decode()
    assert turned.count(" selected") >= 2
    made = client.post("/journeys/new", {**sent, "do": "save"})

    assert made.status_code == 302, made.content.decode()
    journey = Monitor.objects.get(kind="journey")
    assert (journey.proxy, journey.depends_on_ids) == (proxy, [needed.id])
    client.post(f"/journeys/{journey.id}/edit", {**sent, "depends_on_ids": [], "proxy_id": "", "do": "save"})
    journey = Monitor.objects.get(kind="journey")
    assert (journey.proxy, journey.depends_on_ids) == (None, [])
