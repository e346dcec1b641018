"""An application that knows nothing of OpenTelemetry, with a few routes to call."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel


class Item(BaseModel):
    name: str
    password: str


app = FastAPI()


@app.get("/items/{item_id}")
async def read_item(item_id: int) -> dict[str, Any]:
    return {"id": item_id}


@app.post("/items", status_code=201)
async def make_item(item: Item) -> Item:
    return item


@app.get("/boom")
async def boom() -> None:
    raise ValueError("boom happened")
