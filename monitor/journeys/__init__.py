"""Journeys: steps that follow each other, each using what those before it found. Pure but for its faces."""

from monitor.journeys.document import BadDocument, Journey, as_plain, read_document
from monitor.journeys.written import as_yaml, from_yaml

__all__ = ["BadDocument", "Journey", "as_plain", "as_yaml", "from_yaml", "read_document"]
