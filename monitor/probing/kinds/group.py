"""A group is as well as the worst of its active children."""

import msgspec

from monitor.probing.registry import Kind


class GroupOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Its children name it as their parent."""


KIND = Kind(
    name="group", words="Group", order=80, options=GroupOptions, target=lambda options: "its children"
)
