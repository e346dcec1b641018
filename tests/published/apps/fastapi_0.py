"""Apitally's example for FastAPI, 0.x, with a few routes to call."""

import os
from typing import Annotated, Any

from apitally.fastapi import ApitallyConsumer, ApitallyMiddleware
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel


class Item(BaseModel):
    name: str
    password: str


def identify(request: Request) -> None:
    if name := request.headers.get("x-consumer"):
        request.state.apitally_consumer = ApitallyConsumer(
            identifier=name, name=name.title(), group="Testers"
        )


app = FastAPI(dependencies=[Depends(identify)])
app.add_middleware(
    ApitallyMiddleware,
    client_id=os.environ["CLIENT_ID"],
    env="dev",
    **(
        {
            "enable_request_logging": True,
            "log_request_headers": True,
            "log_request_body": True,
            "log_response_body": True,
        }
        if "REQUEST_LOGS" in os.environ
        else {}
    ),
)


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
def never(count: Annotated[int, "unused"] = 1) -> None:
    """Nobody calls this."""
