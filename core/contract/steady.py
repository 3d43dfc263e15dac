"""Seconds that nobody can set: what wall clocks are checked against."""

from __future__ import annotations

import time


def steady_s() -> float:
    """Seconds since this machine was switched on, those it slept included (Linux; elsewhere they may be missing)."""
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_clock is None else time.clock_gettime(boot_clock)
