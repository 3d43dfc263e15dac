"""Giving memory back to the system: what a broken connection leaves in the heap is free, but not returned."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any


def give_back_memory() -> None:
    """Return free pages of the heap, a millisecond's work. Only the GNU C library can; elsewhere nothing happens.

    Without it a process grew by 9 kB with each reconnect, none of it in use.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def _trim() -> Any | None:
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
