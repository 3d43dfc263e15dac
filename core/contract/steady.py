"""Seconds that nobody can set: what wall clocks are checked against."""

from __future__ import annotations

import re
import time
from functools import cache
from pathlib import Path

from core.contract.ids import UUID_PATTERN

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has the first, whose other clocks stand still while the machine sleeps; on macOS the second goes on."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def steady_s() -> float:
    """Seconds since this machine was switched on, those it slept included; not those a virtual one was paused."""
    return time.clock_gettime(_CLOCK)


@cache
def boot_id() -> str | None:
    """Which start of which machine ``steady_s`` counts from, containers on it included; None where nobody says."""
    try:
        text = _BOOT_ID.read_text().strip()
    except OSError:
        return None
    return text if re.match(UUID_PATTERN, text) else None
