"""Shares that were counted, with how sure they are."""

from __future__ import annotations

import math

_Z95 = 1.959964


def wilson(part: int, whole: int) -> tuple[float, float]:
    """95 % interval of a share, both ends in [0, 1] (Wilson 1927). Raises ValueError where nothing was counted."""
    if not 0 <= part <= whole or whole == 0:
        raise ValueError(f"{part} of {whole} is no share")
    share, spread = part / whole, _Z95**2 / whole
    centre = (share + spread / 2) / (1 + spread)
    half = _Z95 / (1 + spread) * math.sqrt(share * (1 - share) / whole + spread / (4 * whole))
    return max(0.0, centre - half), min(1.0, centre + half)


def within(part: int, whole: int, digits: int = 1) -> str:
    """The interval of a share in words, per cent: "95.1 to 98.3"."""
    low, high = wilson(part, whole)
    return f"{100 * low:.{digits}f} to {100 * high:.{digits}f}"


def per_cent(part: int, whole: int, digits: int = 1) -> str:
    """A share with its interval, per cent: "97.0 (95.1 to 98.3)"."""
    return f"{100 * part / whole:.{digits}f} ({within(part, whole, digits)})"
