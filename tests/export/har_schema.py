"""HAR 1.2 as its specification has it (http://www.softwareishard.com/blog/har-12-spec/), and strictly: names
beside it must begin with an underscore."""

from typing import Any

TEXT = {"type": "string"}
SIZE = {"type": "integer", "minimum": -1}
TIME = {"type": "number", "minimum": 0}
MOMENT = {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-Z]"}


def record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional, "comment": TEXT},
        "patternProperties": {"^_": {}},
        "additionalProperties": False,
    }


def many(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


PAIR = record({"name": TEXT, "value": TEXT})
REQUEST = record(
    {
        "method": {"type": "string", "minLength": 1},
        "url": {"type": "string", "pattern": r"^https?://[^\s/]+(/[!-~]*)?(\?[!-~]*)?$"},
        "httpVersion": TEXT,
        "cookies": many(PAIR),
        "headers": many(PAIR),
        "queryString": many(PAIR),
        "headersSize": SIZE,
        "bodySize": SIZE,
    },
    postData=record({"mimeType": TEXT, "text": TEXT}),
)
RESPONSE = record(
    {
        "status": {"type": "integer", "minimum": 0},
        "statusText": TEXT,
        "httpVersion": TEXT,
        "cookies": many(PAIR),
        "headers": many(PAIR),
        "content": record({"size": {"type": "integer", "minimum": 0}, "mimeType": TEXT}, text=TEXT),
        "redirectURL": TEXT,
        "headersSize": SIZE,
        "bodySize": SIZE,
    }
)
ENTRY = record(
    {
        "startedDateTime": MOMENT,
        "time": TIME,
        "request": REQUEST,
        "response": RESPONSE,
        "cache": record({}),
        "timings": record({"send": TIME, "wait": TIME, "receive": TIME}),
    }
)
HAR = record(
    {
        "log": record(
            {
                "version": {"const": "1.2"},
                "creator": record({"name": TEXT, "version": TEXT}),
                "entries": many(ENTRY),
            }
        )
    }
)
