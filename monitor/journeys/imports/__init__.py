"""Journeys out of what others write: Postman, HAR, cURL, OpenAPI, our own logs. Each with a report."""

from monitor.journeys.imports.bringing import BadImport, Imported, Note

__all__ = ["BadImport", "Imported", "Note"]
