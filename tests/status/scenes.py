"""Status pages of tests."""

from typing import Any

from monitor.models import StatusPage
from monitor.status.register import Shown, ShownGroup, save_page


def a_page(organization: Any, *monitors: Any, group: str = "", **fields: Any) -> StatusPage:
    page = StatusPage(organization=organization)
    shown = [Shown(monitor_id=monitor.id) for monitor in monitors]
    given = {"slug": "shop", "name": "Shop", **fields}
    return save_page(page, given, [ShownGroup(name=group, monitors=shown)] if shown else [])
