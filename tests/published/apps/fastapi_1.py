"""Apitally's example for FastAPI, 1.x, with a few routes to call. The token is in the environment."""

from typing import Any

import apitally
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel


class Item(BaseModel):
    name: str
    password: str


async def identify(request: Request) -> None:
    if name := request.headers.get("x-consumer"):
        apitally.set_consumer(name, name=name.title(), group="Testers")


app = FastAPI(dependencies=[Depends(identify)])
apitally.init(app, capture_request_headers=True, capture_request_body=True, capture_response_body=True)


@app.get("/items/{item_id}")
def read_item(item_id: int) -> dict[str, Any]:
    return {"id": item_id}


@app.post("/items", status_code=201)
def make_item(item: Item) -> Item:
    return item


@app.get("/boom")
def boom() -> None:
    raise ValueError("boom happened")


@app.get("/never")
def never() -> None:
    """Nobody calls this."""
