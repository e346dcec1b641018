"""A small shop with a real HTTP API that reports its own traffic, and customers who call it.

It knows API Monitor by its HTTP API alone, as any service of yours does.
"""
