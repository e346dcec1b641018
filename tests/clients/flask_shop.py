"""A Flask application with the client's two lines."""

import time
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request

from apimonitor_client import WsgiMonitor, add_tags, set_consumer

app = Flask(__name__)
app.wsgi_app = WsgiMonitor(  # type: ignore[method-assign]
    app.wsgi_app, exclude=["/health"], tags=["shop"], flush_s=0.1, max_retry_s=0.5
)


@app.post("/orders")
def create() -> Any:
    set_consumer("acme")
    add_tags("checkout")
    return {"id": 7, "token": "tok-secret-2", "got": request.get_json()["items"]}, 201


@app.get("/orders/<int:order_id>")
def show(order_id: int) -> Any:
    set_consumer("globex")
    return {"id": order_id}


@app.get("/boom")
def boom() -> None:
    raise ValueError("boom with password=hunter2")


@app.get("/stream")
def stream() -> Response:
    def events() -> Iterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"
            time.sleep(0.3)

    return Response(events(), mimetype="text/event-stream")


@app.get("/health")
def health() -> Any:
    return {"ok": True}
