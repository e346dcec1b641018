"""Apitally's example for Flask, 1.x, with a few routes to call. The token is in the environment."""

import apitally
from flask import Flask, request

app = Flask(__name__)


@app.before_request
def identify():
    if name := request.headers.get("x-consumer"):
        apitally.set_consumer(name, name=name.title(), group="Testers")


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


apitally.init(app, capture_request_headers=True, capture_request_body=True, capture_response_body=True)
