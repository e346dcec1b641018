"""How much may be asked of us, by whom: counted in the database for the API, in leased shares for logs."""

from monitor.limits.shares import admit

__all__ = ["admit"]
