"""Live tail: new logs that match a search, as server-sent events.

`hub` looks for what was committed, once a tick for all readers of this process; `watching` says who may see
what; `stream` is its address.
"""
