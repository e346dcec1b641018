"""What the web process serves: Django's WSGI handler in threads, under an ASGI server.

Measured: Django's own ASGI handler answers about a third as many requests as its WSGI handler.
"""

from typing import Any, cast

from a2wsgi import WSGIMiddleware
from django.conf import settings

from apimonitor.wsgi import application as django_application
from monitor.access.leaving import CancelWhenLeft
from monitor.apitally.doors import hub_door
from monitor.health.lifespan import FlushAtStop
from monitor.ingest.lane import Lane
from monitor.lib.notices import Notices
from monitor.live.stream import MonitorChanges
from monitor.otlp.doors import ALL_DOORS
from monitor.own.flushing import end_keeping
from monitor.push.lane import PingLane
from monitor.status.front import StatusFront
from monitor.tail.stream import Tail

# The two packages spell the same WSGI type differently.
django_threads = cast(Any, WSGIMiddleware(cast(Any, django_application), workers=settings.WEB_THREADS))
# One connection a process listens for all who want to hear; the lane, which hears of start and stop, runs it.
notices = Notices()
lane = Lane(CancelWhenLeft(django_threads), doors=ALL_DOORS, find_door=hub_door, notices=notices)
streams = MonitorChanges(Tail(PingLane(lane), notices=notices))
application = FlushAtStop(StatusFront(streams), end_keeping)
