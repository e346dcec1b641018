"""Accept, check, mask and keep logs: one pipeline behind every door."""

from monitor.ingest.accept import Outcome, Rejection, accept
from monitor.ingest.decode import LogItem, Undecodable, decode_batch, decode_one

__all__ = ["LogItem", "Outcome", "Rejection", "Undecodable", "accept", "decode_batch", "decode_one"]
