"""Apitally's example for Flask, 0.x, with a few routes to call."""

import os

from apitally.flask import ApitallyMiddleware, set_consumer
from flask import Flask, request

LOGGED = {
    "enable_request_logging": True,
    "log_request_headers": True,
    "log_request_body": True,
    # Not `log_response_body`: client 0.25.1 then keeps the answer from Flask's callers.
}

app = Flask(__name__)
app.wsgi_app = ApitallyMiddleware(
    app,
    client_id=os.environ["CLIENT_ID"],
    env="dev",
    **(LOGGED if "REQUEST_LOGS" in os.environ else {}),
)


@app.before_request
def identify():
    if name := request.headers.get("x-consumer"):
        set_consumer(identifier=name, name=name.title(), group="Testers")


@app.get("/items/<int:item_id>")
def read_item(item_id):
    return {"id": item_id}


@app.post("/items")
def make_item():
    return request.get_json(), 201


@app.get("/boom")
def boom():
    raise ValueError("boom happened")


@app.get("/never")
def never():
    """Nobody calls this."""
