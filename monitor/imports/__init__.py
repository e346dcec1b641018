"""Logs out of files: HAR of browsers and proxies, and our own NDJSON.

Doors of the one pipeline, with a dry run: `har` reads entries, `bring` keeps them or only looks; `api`,
`pages` and the commands are faces.
"""

from monitor.imports.bring import HAR, NDJSON, Brought, Source, bring_in

__all__ = ["HAR", "NDJSON", "Brought", "Source", "bring_in"]
