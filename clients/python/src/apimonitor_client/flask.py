"""What Flask tells nobody outside: the exception behind a 500 that it answers itself."""

import logging
from typing import Any

logger = logging.getLogger("apimonitor_client")
ERROR = "apimonitor.error"


def remember_errors(wsgi_app: Any) -> None:
    """When this is `app.wsgi_app` of a Flask application, leave its exceptions in the request's environ."""
    owner = getattr(wsgi_app, "__self__", None)
    if owner is None or not any(each.__module__.startswith("flask.") for each in type(owner).__mro__):
        return
    try:
        from flask import got_request_exception

        got_request_exception.connect(_remember, owner)
    except Exception:
        logger.debug("Flask's exceptions are not followed", exc_info=True)


def _remember(sender: Any, exception: BaseException | None = None, **more: Any) -> None:
    from flask import request

    request.environ[ERROR] = exception
