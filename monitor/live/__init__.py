"""Pages of monitors that change while one looks: which monitors did, as server-sent events.

`changes` says what was committed since the last look; `hub` looks once a second for all readers of this
process; `stream` is its address.
"""
