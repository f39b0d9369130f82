"""Bytes: how messages travel between the parties, and what they cost."""

from trine.net.channel import PARTIES, Bytes, Channel
from trine.net.trace import Cost

__all__ = ["PARTIES", "Bytes", "Channel", "Cost"]
