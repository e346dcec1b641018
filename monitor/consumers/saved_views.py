"""Let the name of a forgotten consumer go from saved views, each of which finds what it found.

What a word means depends on where it stands. `consumer:2` is the consumer; `path:/v/2/*` holds a version that
others call, too; `status:200`, `since:2d` and `consumer:acme-2` are nothing of its, whatever it is called.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from monitor.lib.mentions import is_version, names_segment, without_mentions, without_segments
from monitor.models import Consumer, RequestLog, SavedView, Service
from monitor.models.views import MAX_QUERY_CHARS
from monitor.search.language import BadQuery, Field, field_of
from monitor.search.language.tokens import Token, cut, quote

MAX_NAME_CHARS = 128


def forget_in_views(consumer: Consumer, names: Collection[str], *, routes_left: Collection[str]) -> int:
    """How many views lost the name. `routes_left` hold it and stay, so what is said of them stays, too.

    What a view is called goes where its query names the consumer; alone it may be anybody's word.
    """
    said = Said(consumer=consumer, names=names, routes_left=routes_left)
    views = SavedView.objects.filter(organization=consumer.organization_id).select_for_update()
    changed = 0
    for view in views.order_by("id"):
        query = said.of_view(view.query)
        if query != view.query:
            view.query = query[:MAX_QUERY_CHARS]
            view.name = free_name(view, said.in_text(view.name))
            view.save(update_fields=["query", "name", "updated_at"])
            changed += 1
    return changed


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a view says of a consumer, each thing without its names; itself where it says nothing."""

    consumer: Consumer
    names: Collection[str]
    routes_left: Collection[str]

    @property
    def instead(self) -> str:
        return self.consumer.identifier

    @property
    def words(self) -> list[str]:
        """The names that nothing else is called."""
        return [name for name in self.names if not is_version(name)]

    def of_view(self, query: str) -> str:
        """Of a query string. Filters that are not here hold ids, numbers and words of ours."""
        how: Mapping[str, Callable[[str], str]] = {
            "q": self.in_search,
            "consumer": self.in_consumer,
            "path": self.in_path,
            "tag": self.in_tag,
            "trace_id": self.in_text,
        }
        pairs = parse_qsl(query, keep_blank_values=True)
        said = [(key, how[key](value) if key in how else value) for key, value in pairs]
        return query if said == pairs else urlencode(said)

    def in_search(self, q: str) -> str:
        how: Mapping[Field, Callable[[str], str]] = {
            Field.CONSUMER: self.in_consumer,
            Field.PATH: self.in_path,
            Field.ENDPOINT: self.in_endpoint,
            Field.TAG: self.in_tag,
            Field.TRACE: self.in_text,
            Field.TEXT: self.in_text,
        }
        try:
            found = [(token, how.get(field_of(token))) for token in cut(q)]
        except BadQuery:
            # Kept by another version of the language.
            return self.in_text(q)
        for token, without in reversed(found):
            if without is not None and (text := without(token.text)) != token.text:
                q = q[: token.value_start] + spelled(text, token) + q[token.end :]
        return q

    def in_consumer(self, identifier: str) -> str:
        """Only as a whole: `acme-2` is somebody else."""
        return self.instead if names_segment(identifier, self.names) else identifier

    def in_text(self, text: str) -> str:
        return without_mentions(text, self.words, instead=self.instead)

    def in_tag(self, tag: str) -> str:
        without = without_mentions(tag, self.names, instead=self.instead)
        return self.in_text(tag) if without != tag and self.is_of_others(tag) else without

    def in_path(self, path: str) -> str:
        if self.stays(path):
            return path
        return without_segments(self.in_text(path), self.names, instead=self.instead)

    def in_endpoint(self, name: str) -> str:
        """As routes are renamed."""
        return name if self.stays(name) else without_segments(name, self.names, instead=self.instead)

    def stays(self, path: str) -> bool:
        """Whether it names what a route names that stays: by the segment before it, if there is one."""
        segments = path.split("/")
        places = [place for place, each in enumerate(segments) if names_segment(each, self.names)]
        named = ["/".join(segments[max(place - 1, 0) : place + 1]).strip("/") for place in places]
        return any(
            f"/{each}/" in f"{route}/".casefold()
            for each in map(str.casefold, named)
            for route in self.routes_left
        )

    def is_of_others(self, tag: str) -> bool:
        services = Service.objects.filter(organization=self.consumer.organization_id).values_list(
            "id", flat=True
        )
        logs = RequestLog.objects.of_services(list(services)).filter(tags__contains=[tag]).exclude(tags=[])
        return logs.exclude(consumer=None).exclude(consumer=self.consumer.id).exists()


def spelled(text: str, token: Token) -> str:
    return quote(text) if token.is_quoted else text


def free_name(view: SavedView, name: str) -> str:
    """The name, or with a number behind it where another view has it."""
    others = SavedView.objects.filter(organization=view.organization_id, owner=view.owner_id)
    taken = set(others.exclude(id=view.id).values_list("name", flat=True))
    name, number = name[:MAX_NAME_CHARS], 1
    candidate = name
    while candidate in taken:
        number += 1
        candidate = f"{name[: MAX_NAME_CHARS - 8]} {number}"
    return candidate
