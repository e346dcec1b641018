"""Reports the requests of an application to API Monitor, off the request path."""

from apimonitor_client.asgi import AsgiMonitor, FlushAtStop
from apimonitor_client.context import add_tags, set_consumer
from apimonitor_client.options import Options
from apimonitor_client.outgoing import async_httpx_hooks, httpx_hooks
from apimonitor_client.reporter import Reporter, flush
from apimonitor_client.wsgi import WsgiMonitor

__all__ = [
    "AsgiMonitor",
    "FlushAtStop",
    "Options",
    "Reporter",
    "WsgiMonitor",
    "add_tags",
    "async_httpx_hooks",
    "flush",
    "httpx_hooks",
    "set_consumer",
]
