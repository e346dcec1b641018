"""What happened, before it is an event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from monitor.lib.ids import new_uuid7


@dataclass(frozen=True, kw_only=True)
class Draft:
    """`data` fits the type's schema in the catalogue and holds no secret."""

    organization_id: UUID
    type: str
    data: Mapping[str, Any]
    happened_at: datetime
    service_id: UUID | None = None
    mode: str = "live"
    environment: str = ""
    # Made here, so that what is recorded twice has one id.
    id: UUID = field(default_factory=new_uuid7)
