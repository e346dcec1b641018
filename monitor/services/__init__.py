"""Register services, give them keys, let them go."""

from monitor.services.register import NameTaken, change_service, register_service, remove_service

__all__ = ["NameTaken", "change_service", "register_service", "remove_service"]
