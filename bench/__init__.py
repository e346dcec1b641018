"""Measures the product beside floors that the machine could reach, on a database of its own.

`scripts/bench PART` prints the figures of one part; with --write they go into docs/performance.md.
"""
