"""What is past its retention goes, and nothing else."""

import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from monitor.models import AuditEntry, LogPayload, RequestLog, StorageEvent
from monitor.models.partitions import existing_days, make_day
from monitor.retention import enforce, make_days_ahead, plan_retention
from monitor.retention.plan import Action
from monitor.retention.policy import today_of
from monitor.retention.rewrite import indexes_of
from tests.factories import a_log, a_service, keep_logs, rfc3339
from tests.moments import NOON
from tests.retention.conftest import day

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("days")]


def keep(service, *, age, count=1, **fields):
    """Logs of that many days ago, kept on that day: before anybody set a shorter retention."""
    then = NOON - timedelta(days=age)
    log = a_log(timestamp=rfc3339(then), request_body="x" * 300, **fields)
    return keep_logs(service, *[log] * count, now=then)


def paths_kept():
    return sorted(RequestLog.objects.values_list("path", flat=True))


def actions(plan):
    return {step.day: step.action for step in plan.steps}


@pytest.fixture
def always_rewrite(monkeypatch):
    monkeypatch.setattr("monitor.retention.plan.FEW_LOGS", 0)


def test_days_past_the_default_are_dropped_and_those_within_stay(settings):
    settings.RETENTION_DAYS = 7
    service = a_service()
    keep(service, age=8, path="/old")
    keep(service, age=7, path="/oldest-kept")

    enforce(now=NOON)

    assert existing_days()[0] == day(7)
    assert paths_kept() == ["/oldest-kept"]
    assert LogPayload.objects.count() == 1


def test_what_the_worker_lets_go_is_in_the_audit_log_a_row_for_each_day(settings):
    settings.RETENTION_DAYS = 7
    keep(a_service(), age=8)

    enforce(now=NOON)

    entry = AuditEntry.objects.get(action="retention.purged")
    assert (entry.actor_label, entry.face, entry.target_id) == ("system: worker", "worker", str(day(8)))
    assert entry.note == f"Dropped the logs of {day(8)}: past every service's retention."


def test_a_day_stays_as_long_as_one_service_keeps_it(settings):
    settings.RETENTION_DAYS = 7
    long, usual = a_service(retention_days=20), a_service()
    keep(long, age=20, path="/long")
    keep(usual, age=20, path="/usual")
    keep(long, age=21, path="/too-old")

    enforce(now=NOON)

    assert paths_kept() == ["/long"]


def test_where_every_service_keeps_less_than_the_default_its_days_go_early(settings):
    settings.RETENTION_DAYS = 30
    service = a_service(retention_days=2)
    keep(service, age=3)

    enforce(now=NOON)

    assert day(3) not in existing_days()


@pytest.mark.parametrize("few", [20_000, 0], ids=["trimmed", "rewritten"])
def test_a_day_of_mixed_ages_loses_what_is_expired(settings, monkeypatch, few):
    settings.RETENTION_DAYS = 30
    monkeypatch.setattr("monitor.retention.plan.FEW_LOGS", few)
    short = a_service(retention_days=2, error_retention_days=5)
    default = a_service(retention_days=None)
    errors = a_service(retention_days=2, error_retention_days=40)
    for service, name in ((short, "short"), (default, "default"), (errors, "errors")):
        keep(service, age=10, path=f"/{name}", count=3)
        keep(service, age=10, path=f"/{name}-500", status_code=500, request_headers={"a": "b"})
        keep(service, age=10, path=f"/{name}-error", status_code=None, error="gone")
        keep(service, age=10, path=f"/{name}-no-answer", status_code=None)

    plan = enforce(now=NOON)

    assert actions(plan) == {day(10): Action.TRIM if few else Action.REWRITE}
    kept = ["/default"] * 3 + ["/default-500", "/default-error", "/default-no-answer"]
    assert paths_kept() == sorted([*kept, "/errors-500", "/errors-error"])
    assert set(LogPayload.objects.values_list("log_id", flat=True)) == set(
        RequestLog.objects.values_list("id", flat=True)
    )
    assert plan_retention(now=NOON).steps == []


def test_today_is_never_touched(settings):
    settings.RETENTION_DAYS = 1
    service = a_service()
    keep(service, age=0, path="/today")
    service.retention_days = 1
    service.save()

    enforce(now=NOON)

    assert paths_kept() == ["/today"]


@pytest.mark.usefixtures("always_rewrite")
def test_a_rewritten_day_has_the_indexes_and_names_it_had():
    short, other = a_service(retention_days=1), a_service()
    keep(short, age=5, count=20)
    keep(other, age=5, count=2)
    name = f"request_log_{day(5):%Y%m%d}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX only_of_this_day ON {name} (upper(path))")
    before = indexes_of(name), indexes_of(name.replace("request_log", "log_payload"))

    enforce(now=NOON)
    keep(short, age=5)
    enforce(now=NOON)

    assert (indexes_of(name), indexes_of(name.replace("request_log", "log_payload"))) == before
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid"
            " WHERE indrelid = %s::regclass",
            [name],
        )
        assert cursor.fetchone() == (len(before[0]) - 1,)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname LIKE '%%kept%%'")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgname = 'note_changed_log'")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT conname FROM pg_constraint WHERE conname = 'within_the_day'")
        assert cursor.fetchone() is None
    assert RequestLog.objects.filter(service=other).count() == 2


@pytest.mark.usefixtures("always_rewrite")
def test_a_rewritten_day_takes_less_of_the_disk():
    short, other = a_service(retention_days=1), a_service()
    keep(short, age=5, count=2000)
    keep(other, age=5, path="/stays")

    enforce(now=NOON)

    [event] = StorageEvent.objects.told()
    assert event.kind == "rewritten"
    assert event.day == day(5)
    assert event.bytes_freed > 500_000


def test_what_went_is_written_down_and_a_quiet_run_leaves_one_row(settings):
    settings.RETENTION_DAYS = 3
    keep(a_service(), age=9)
    make_day(day(8))

    enforce(now=NOON)
    enforce(now=NOON + timedelta(hours=1))

    told = StorageEvent.objects.told().order_by("day")
    assert [(event.kind, event.cause, event.day) for event in told] == [
        ("dropped", "age", day(9)),
        ("dropped", "age", day(8)),
    ]
    assert str(day(9)) in told[0].message
    assert told[0].bytes_freed > 0
    assert StorageEvent.objects.last_check() == NOON + timedelta(hours=1)
    assert StorageEvent.objects.count() == 3


def test_the_command_shows_the_plan_and_changes_nothing_until_it_is_told_to(capsys):
    make_day(day(5000))

    call_command("retention")
    shown = capsys.readouterr().out

    assert f"{day(5000)}" in shown
    assert "drop: past every service's retention" in shown
    assert "Nothing was changed" in shown
    assert day(5000) in existing_days()

    call_command("retention", apply=True)

    assert f"Dropped the logs of {day(5000)}" in capsys.readouterr().out
    assert day(5000) not in existing_days()


def test_the_command_tells_what_each_service_takes_and_when_it_lets_go(capsys):
    now = timezone.now()
    keep_logs(a_service(name="orders", retention_days=7), *[a_log()] * 50, now=now)
    a_service(name="idle")

    call_command("retention")

    shown = capsys.readouterr().out
    next_drop = today_of(now) + timedelta(days=8)
    assert re.search(rf"^orders: about [\d.,]+ \w+, next drop {next_drop}\.$", shown, re.MULTILINE)
    assert "idle: about 0 bytes, nothing to drop." in shown


def test_the_command_guards_the_disk_when_it_is_told_to(capsys, settings):
    make_day(today_of(timezone.now()) - timedelta(days=1))
    settings.MAX_DATABASE_BYTES = 1

    call_command("retention")
    assert "before their time" not in capsys.readouterr().out
    # Today's day stays, so the limit is passed all the same.
    with pytest.raises(CommandError):
        call_command("retention", apply=True)

    assert "before their time: the database takes" in capsys.readouterr().out


def test_the_command_makes_the_days_ahead(capsys):
    call_command("make_days", ahead=6)

    assert "Days made: " in capsys.readouterr().out
    call_command("make_days", ahead=6)
    assert "none: all are there" in capsys.readouterr().out


def test_days_are_made_ahead_once():
    assert make_days_ahead(now=NOON) == []
    assert make_days_ahead(now=NOON + timedelta(days=2)) == [day(-5), day(-6)]
