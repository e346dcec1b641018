"""YAML that strangers write, read at a cost that is known before: counted first, and read by libyaml.

A document of one MiB can be a quarter of a million values, which take seconds of a processor to make, and a
few aliases of aliases stand for more than any memory holds.
"""

from collections.abc import Hashable
from typing import Any

import yaml

MOST_CHARACTERS = 1024 * 1024
# Values, each key and each list or mapping among them; what an alias stands for is counted each time.
MOST_VALUES = 20_000
# Each level is a call of the reader's within another.
MOST_LEVELS = 100
# Written in C, it takes a twentieth of the time; not every build of PyYAML has it.
FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OPENING = (yaml.SequenceStartEvent, yaml.MappingStartEvent)
CLOSING = (yaml.SequenceEndEvent, yaml.MappingEndEvent)


class NotYaml(ValueError):
    """A text that is no YAML, or more of it than is read. The message names the line."""


class PlainLoader(FastLoader):
    """Plain values alone: no dates, which JSON lacks; no key twice, of which one would win unseen."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise NotYaml(f"{place(key.start_mark)}{key.value!r} is there twice.")
            seen.add(str(key.value))
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found


PlainLoader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str, *, loader: Any = PlainLoader, takes_aliases: bool = False) -> Any:
    """What the text says. Raises NotYaml: also for one that is too long, holds too much or goes too deep,
    before anything is made of it."""
    if len(text) > MOST_CHARACTERS:
        raise NotYaml(f"The document is longer than {MOST_CHARACTERS // 1024 // 1024} MiB.")
    try:
        check_size(text, takes_aliases=takes_aliases)
        return yaml.load(text, loader)  # noqa: S506 - safe loaders that read less
    except yaml.MarkedYAMLError as error:
        words = error.problem or error.context
        mark = error.problem_mark or error.context_mark
        raise NotYaml(f"{place(mark, last=text.rstrip().count(chr(10)))}this is no YAML: {words}.") from None
    except NotYaml:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotYaml(f"This is no YAML: {str(error).splitlines()[0]}.") from None


def check_size(text: str, *, takes_aliases: bool) -> None:
    """Counts values and levels as they are met, and stops at the first too many."""
    values = 0
    # Of each level that is open: its anchor, and how many values there were before it.
    open_levels: list[tuple[str | None, int]] = []
    weights: dict[str, int] = {}
    for event in yaml.parse(text, Loader=FastLoader):
        if isinstance(event, yaml.AliasEvent):
            if not takes_aliases:
                raise NotYaml(f"{place(event.start_mark)}aliases (*) are not read here.")
            # Within itself an alias has no weight yet; the reader refuses what it cannot end.
            values += weights.get(event.anchor or "", MOST_VALUES)
        elif isinstance(event, CLOSING):
            anchor, before = open_levels.pop()
            if anchor:
                weights[anchor] = values - before
        elif isinstance(event, (yaml.ScalarEvent, *OPENING)):
            values += 1
            if isinstance(event, OPENING):
                open_levels.append((event.anchor, values - 1))
            elif event.anchor:
                weights[event.anchor] = 1
        if values > MOST_VALUES:
            raise NotYaml(f"{place(event.start_mark)}more than {MOST_VALUES:,} values are not read.")
        if len(open_levels) > MOST_LEVELS:
            raise NotYaml(f"{place(event.start_mark)}more than {MOST_LEVELS} levels are not read.")


def place(mark: Any, *, last: int | None = None) -> str:
    """`Line 3: `, as people count. What is missing at the end is missing in the last line, and not below."""
    if not mark:
        return ""
    return f"Line {(mark.line if last is None else min(mark.line, last)) + 1}: "
