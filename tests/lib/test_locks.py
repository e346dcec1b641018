"""Advisory locks: one number for each kind of work."""

import re
from collections import defaultdict
from pathlib import Path

import monitor

NUMBER = re.compile(r"^(\w*LOCK) = (0x[0-9A-Fa-f]+|[0-9_]+)$", re.MULTILINE)


def test_no_two_kinds_of_work_take_the_same_advisory_lock():
    takers = defaultdict(set)
    for source in Path(monitor.__file__).parent.rglob("*.py"):
        for name, number in NUMBER.findall(source.read_text()):
            takers[int(number, 0)].add(f"{source.stem}.{name}")

    assert len(takers) >= 9
    assert [names for names in takers.values() if len(names) > 1] == []
