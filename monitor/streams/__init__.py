"""What all streams of server-sent events share, whatever they tell.

`face` is the ASGI side of a stream, `hub` has all streams of one kind in this process and the one thread that
looks for them, `reader` says who reads, `events` spells it. Rooms that tell something add what they look at.
"""
