"""What the bare ASGI applications in front of Django share: they say what its middlewares and views say.

`requests` reads who asks, `answers` spells problems and sends them, `standing` has what every answer says.
"""
