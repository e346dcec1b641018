"""Keys that are remembered for a few seconds, and forgotten at once when they may mean something else."""

from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone

from monitor.access import keycache, revoke_key
from monitor.access.keycache import KEYS_CHANNEL, MAX_AGE_S, MAX_REFUSALS, KeyCache, Refusal
from monitor.lib.apikeys import make_key
from monitor.lib.notices import connection_parameters
from monitor.models import ApiKey, Service
from tests.factories import a_key, a_service


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock, db):
    return KeyCache(lambda key: key.name, clock=clock)


def test_a_key_is_looked_up_once_and_then_known_without_a_query(cache, django_assert_num_queries):
    _, raw = a_key(name="shop")
    assert cache.peek(raw) is None

    assert cache.look_up(raw) == "shop"

    with django_assert_num_queries(0):
        assert cache.peek(raw) == cache.look_up(raw) == "shop"


def test_a_key_is_looked_up_again_after_a_while(cache, clock):
    key, raw = a_key(name="shop")
    cache.look_up(raw)
    revoke_key(key, now=timezone.now())

    clock.now += MAX_AGE_S
    assert cache.peek(raw) == "shop"
    clock.now += 0.01
    assert cache.peek(raw) is None
    assert cache.look_up(raw) == Refusal(code="key_revoked", message="This API key was revoked.")


def test_a_key_that_expires_meanwhile_is_known_no_longer(cache, monkeypatch):
    end = timezone.now() + timedelta(seconds=2)
    _, raw = a_key(name="shop", expires_at=end)
    cache.look_up(raw)
    assert cache.peek(raw) == "shop"

    monkeypatch.setattr(timezone, "now", lambda: end)

    assert cache.peek(raw) is None
    assert cache.look_up(raw).code == "key_expired"


def test_a_refusal_is_remembered_as_long(cache, clock, django_assert_num_queries):
    key, raw = a_key()
    revoke_key(key, now=timezone.now())
    cache.look_up(raw)

    with django_assert_num_queries(0):
        assert cache.peek(raw).code == cache.look_up(raw).code == "key_revoked"
    clock.now += MAX_AGE_S + 1
    assert cache.peek(raw) is None


def test_made_up_keys_push_no_good_one_out_and_take_little_room(cache, monkeypatch):
    monkeypatch.setattr(keycache, "MAX_KEYS", 5)
    monkeypatch.setattr(keycache, "MAX_REFUSALS", 10)
    _, raw = a_key(name="shop")
    cache.look_up(raw)

    for number in range(25):
        assert cache.look_up(make_key("live")).code == "key_invalid"
        assert cache.look_up(f"nonsense {number}").code == "key_invalid"

    assert cache.peek(raw) == "shop"
    assert len(cache._refused) <= 10
    assert MAX_REFUSALS == 1000


def test_more_keys_than_there_is_room_for_are_looked_up_again(cache, monkeypatch):
    monkeypatch.setattr(keycache, "MAX_KEYS", 2)
    service = a_service()
    raws = [a_key(service, name=name)[1] for name in "abc"]

    assert [cache.look_up(raw) for raw in raws] == ["a", "b", "c"]
    assert len(cache._known) <= 2
    assert [cache.look_up(raw) for raw in raws] == ["a", "b", "c"]


def test_no_text_of_a_key_is_held(cache):
    _, raw = a_key()
    cache.look_up(raw)
    cache.look_up(make_key("live"))

    assert raw not in repr(vars(cache))
    assert "mkey_" not in repr(vars(cache))


def test_a_change_that_is_told_during_a_look_up_is_not_overlooked(clock, db):
    """The look-up may have read the key before the change; its answer must not be kept."""

    def told_meanwhile(key):
        cache.forget()
        return key.name

    cache = KeyCache(told_meanwhile, clock=clock)
    _, raw = a_key(name="shop")

    assert cache.look_up(raw) == "shop"
    assert cache.peek(raw) is None


# --- What is told ------------------------------------------------------------------------------------------

TELLING = {
    "a key is revoked": lambda key: revoke_key(key, now=timezone.now()),
    "a key expires otherwise": lambda key: ApiKey.objects.filter(id=key.id).update(expires_at=timezone.now()),
    "a key may do something else": lambda key: ApiKey.objects.filter(id=key.id).update(scopes=["read"]),
    "a key is removed": lambda key: key.delete(),
    "its service is removed": lambda key: key.service.mark_deleted(now=timezone.now()),
    "its service keeps other bodies": lambda key: Service.objects.filter(id=key.service_id).update(
        keep_bodies="none"
    ),
    "its organization goes": lambda key: key.organization.delete(),
}
SILENT = {
    "a key is used": lambda key: key.touch(timezone.now()),
    "a key is made": lambda key: a_key(key.service),
    "a key is renamed": lambda key: ApiKey.objects.filter(id=key.id).update(name="other"),
    "its service is renamed": lambda key: Service.objects.filter(id=key.service_id).update(name="other"),
    "a service is made": lambda key: a_service(key.organization),
}


def notices_of(change):
    """The payloads that this change of a key is told with."""
    key, _ = a_key()
    key.service.refresh_from_db()
    with psycopg.connect(**connection_parameters(), autocommit=True) as listening:
        listening.execute(f"LISTEN {KEYS_CHANNEL}")
        change(key)
        # Notices come in the order of their commits, so after this one nothing is on its way.
        with psycopg.connect(**connection_parameters(), autocommit=True) as other:
            other.execute("SELECT pg_notify(%s, 'last')", [KEYS_CHANNEL])
        heard = []
        for notice in listening.notifies(timeout=15):
            if notice.payload == "last":
                return heard
            heard.append(notice.payload)
    raise AssertionError("The last notice never came.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("story", TELLING)
def test_what_changes_a_keys_meaning_is_told(story):
    assert notices_of(TELLING[story])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("story", SILENT)
def test_what_changes_nothing_about_it_is_not(story):
    assert notices_of(SILENT[story]) == []
