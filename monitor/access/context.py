"""What every page template knows beside its own data."""

from django.conf import settings
from django.http import HttpRequest

from monitor.lib.actors import NOBODY, Actor, Scope


def page_context(request: HttpRequest) -> dict[str, object]:
    actor: Actor = getattr(request, "actor", NOBODY)
    return {
        "actor": actor,
        "may_manage": actor.may(Scope.MANAGE),
        # Pages of one service set the other; the menu is the same on all of them.
        "may_manage_any": actor.may(Scope.MANAGE),
        "may_replay": actor.may(Scope.REPLAY),
        "quick_start": settings.QUICK_START,
        "public_url": settings.PUBLIC_URL,
    }
