"""Thirty days of realistic logs in minutes: rows are made as bytes of COPY's own format.

Names come from the product's own pipeline and payloads are packed by it; only the door is left out.
"""
