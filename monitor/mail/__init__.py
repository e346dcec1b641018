"""Mail to the owners of an organization, for what no channel tells them."""

from monitor.mail.owners import write_to_owners

__all__ = ["write_to_owners"]
