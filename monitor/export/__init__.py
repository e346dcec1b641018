"""All logs that a search finds, as a file: CSV, NDJSON or HAR, streamed.

`walking` reads pages by key, a module a format writes them, `api` is the face.
"""
