"""Quoted text: looked for in error texts and in bodies, which are packed and which no index reaches.

A full-text index on bodies was tried: it costs 50 times the rate of COPY.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.models import LogPayload, RequestLog
from monitor.search.language import Holds, Term

SEARCHED = ("error", "request_body", "response_body")


def keep_matching(logs: Sequence[RequestLog], phrases: Sequence[Term]) -> list[RequestLog]:
    """Those of the logs for which all phrases hold, in their order. Needs `id` and `error` of them."""
    wanted = [(term.value.text.casefold(), term.negated) for term in phrases if isinstance(term.value, Holds)]
    contents = LogPayload.objects.contents_by_id(log.id for log in logs)
    return [log for log in logs if matches(texts_of(log, contents.get(log.id, {})), wanted)]


def texts_of(log: RequestLog, contents: Mapping[str, Any]) -> list[str]:
    """The texts that are searched, folded to one case."""
    # A long error is whole in the payload, and cut in the row.
    texts = {"error": log.error, **contents}
    return [texts[name].casefold() for name in SEARCHED if texts.get(name)]


def matches(texts: Sequence[str], wanted: Sequence[tuple[str, bool]]) -> bool:
    return all(any(phrase in text for text in texts) != negated for phrase, negated in wanted)
