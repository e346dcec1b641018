"""An application that calls others with httpx, itself in fact, and reports those calls alone."""

import os
from typing import Any

import httpx
from fastapi import FastAPI, Request

from apimonitor_client import async_httpx_hooks, httpx_hooks

app = FastAPI()
OPTIONS: dict[str, Any] = {"tags": ["caller"], "flush_s": 0.1, "max_retry_s": 0.5}
later = httpx.AsyncClient(event_hooks=async_httpx_hooks(**OPTIONS), timeout=30)
now = httpx.Client(event_hooks=httpx_hooks(**OPTIONS), timeout=30)


@app.get("/orders/{number}")
async def order(number: int, request: Request) -> Any:
    answer = await later.get(f"{request.base_url}stock/{number}?api_key=tok-secret-1")
    return answer.json()


@app.get("/login")
def login(request: Request) -> Any:
    sent = {"user": "zoe", "password": "hunter2"}
    answer = now.post(f"{request.base_url}token", json=sent, headers={"Authorization": "Bearer tok-secret-2"})
    return {"status": answer.status_code}


@app.get("/stock/{number}")
async def stock(number: int) -> Any:
    return {"id": number, "pid": os.getpid()}


@app.post("/token", status_code=201)
async def token() -> Any:
    return {"token": "tok-secret-3"}


@app.get("/health")
async def health() -> Any:
    return {"ok": True}
