"""What a search box offers: the fields, what each takes, and the values that need no look at the logs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.search.language.terms import Field


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """`means` is for people; `values` are known ahead, and others of a field that `is_counted` are in the
    logs."""

    means: str
    values: Sequence[str] = ()
    is_counted: bool = False


LENGTHS = ("15m", "1h", "24h", "7d")
OFFERS: Mapping[Field, Offer] = {
    Field.STATUS: Offer(
        means="404, 5xx, >=500, 400..499, none", values=("2xx", "3xx", "4xx", "5xx", ">=400", "none")
    ),
    Field.METHOD: Offer(means="GET, POST, …", is_counted=True),
    Field.PATH: Offer(means="a part, or all of it with *: /users/*"),
    Field.ENDPOINT: Offer(means="a route, of any method or of one", is_counted=True),
    Field.LATENCY: Offer(means=">500, <=1.5s, 100..500", values=(">100", ">500", ">1s", ">5s")),
    Field.CONSUMER: Offer(means="who called", is_counted=True),
    Field.TAG: Offer(means="exactly this one", is_counted=True),
    Field.ENVIRONMENT: Offer(means="the environment", is_counted=True),
    Field.SERVICE: Offer(means="by its name", is_counted=True),
    Field.ERROR: Offer(means="whether error text was reported", values=("true", "false")),
    Field.TRACE: Offer(means="a trace id"),
    Field.SPAN: Offer(means="a span id"),
    Field.SINCE: Offer(means="15m, 1h, 7d, or a moment", values=LENGTHS),
    Field.UNTIL: Offer(means="15m, 1h, 7d, or a moment", values=LENGTHS),
}


def offers() -> str:
    """As the page's script reads them: JSON, for an attribute, as pages have no script of their own."""
    told = [
        {
            "field": field.value,
            "means": offer.means,
            "values": list(offer.values),
            "isCounted": offer.is_counted,
        }
        for field, offer in OFFERS.items()
    ]
    return json.dumps(told, ensure_ascii=False)
