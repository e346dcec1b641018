"""Secrets at rest."""

import pytest

from monitor.lib.secrets import CannotOpen, reseal, seal, unseal


def test_what_is_sealed_cannot_be_read_and_can_be_opened():
    sealed = seal("hunter2")

    assert b"hunter2" not in sealed
    assert unseal(memoryview(sealed)) == "hunter2"
    assert seal("hunter2") != sealed


def test_a_key_is_changed_by_putting_a_new_one_in_front(settings):
    settings.SECRETS_KEYS = ["old"]
    sealed = seal("hunter2")

    settings.SECRETS_KEYS = ["new", "old"]
    assert unseal(sealed) == "hunter2"
    renewed = reseal(sealed)

    settings.SECRETS_KEYS = ["new"]
    assert unseal(renewed) == "hunter2"
    with pytest.raises(CannotOpen) as raised:
        unseal(sealed)
    assert "hunter2" not in str(raised.value)


def test_without_a_key_of_its_own_the_installations_secret_seals(settings):
    assert settings.SECRETS_KEYS == [settings.SECRET_KEY]
