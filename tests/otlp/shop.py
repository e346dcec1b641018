"""An application that knows nothing of OpenTelemetry."""

from fastapi import FastAPI, HTTPException

app = FastAPI()


@app.get("/items/{item_id}")
async def item(item_id: int) -> dict[str, int]:
    if item_id == 404:
        raise HTTPException(404)
    return {"id": item_id}


@app.get("/boom")
async def boom() -> None:
    raise ValueError("boom happened")
