"""A FastAPI application with the client's two lines."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from apimonitor_client import AsgiMonitor, add_tags, set_consumer

app = FastAPI()
app.add_middleware(AsgiMonitor, exclude=["/health"], tags=["shop"], flush_s=0.1, max_retry_s=0.5)
orders = APIRouter(prefix="/orders")


@orders.post("")
async def create(request: Request) -> Any:
    set_consumer("acme")
    add_tags("checkout")
    body = await request.json()
    return JSONResponse({"id": 7, "token": "tok-secret-2", "got": body["items"]}, status_code=201)


# In a thread of the pool, so that the consumer travels with the context.
@orders.get("/{order_id}")
def show(order_id: int) -> Any:
    set_consumer("globex")
    return {"id": order_id}


@app.get("/boom")
async def boom() -> None:
    raise ValueError("boom with password=hunter2")


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.3)

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/health")
async def health() -> Any:
    return {"ok": True}


app.include_router(orders)
