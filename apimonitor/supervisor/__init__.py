"""Starts and watches the processes of one installation: PostgreSQL, web, worker, deliverer and, on request,
a demo.

It stays small (the standard library, no Django set-up), because it lives as long as they do.
"""
