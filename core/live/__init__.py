"""What pages are told: numbered in commit order, resumable by number."""

from __future__ import annotations

from core.live.rows import LiveEvent, LiveKind, append, append_many, newest, prune, read_after

__all__ = ["LiveEvent", "LiveKind", "append", "append_many", "newest", "prune", "read_after"]
