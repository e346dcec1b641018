"""Proxies that several monitors go through: their password is sealed, and goes to the proxy alone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from monitor.lib.masking import MASK
from monitor.lib.outbound.proxies import parse_proxy
from monitor.lib.secrets import seal
from monitor.models import Monitor, MonitorProxy
from monitor.probing import BadConfig


class ProxyInUse(Exception):
    """Monitors go through it: without it they would go out by themselves."""

    def __init__(self, monitors: int) -> None:
        super().__init__(monitors)
        self.monitors = monitors


@transaction.atomic
def save_proxy(proxy: MonitorProxy, fields: Mapping[str, Any], *, now: datetime) -> MonitorProxy:
    """Make it, or change what is named; monitors that use it are checked by it from then on.

    A `password` that is its mask stays as it is, as long as the proxy does. Raises BadConfig.
    """
    given = dict(fields)
    password = given.pop("password", None)
    before = proxy.url
    for name, value in given.items():
        setattr(proxy, name, value)
    try:
        parse_proxy(proxy.url)
    except ValueError as error:
        raise BadConfig(str(error), field="url") from None
    if password == MASK and proxy.sealed is None:
        raise BadConfig("Send the secret again: what came is its mask.", field="password")
    if password not in (None, MASK):
        proxy.sealed = seal(str(password)) if password else None
    elif proxy.sealed is not None and proxy.url != before:
        # Who may change a proxy may not read its password, and would by having it sent to a host of his own.
        raise BadConfig("url changed: send the password again.", field="password")
    proxy.save()
    # Probers remember a monitor's options for as long as it is not changed.
    Monitor.objects.filter(proxy=proxy).update(updated_at=now)
    return proxy


@transaction.atomic
def remove_proxy(proxy: MonitorProxy) -> None:
    """Raises ProxyInUse."""
    MonitorProxy.objects.select_for_update().filter(id=proxy.id).first()
    if used_by := Monitor.objects.filter(proxy=proxy).count():
        raise ProxyInUse(used_by)
    proxy.delete()
