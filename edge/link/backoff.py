"""How long to wait before trying again: longer each time, never for ever, and not all edges at once."""

from __future__ import annotations

import random
from collections.abc import Iterator

FIRST_S = 0.5
MOST_S = 30.0


def delays(chance: random.Random, first_s: float = FIRST_S, most_s: float = MOST_S) -> Iterator[float]:
    """Seconds to wait, doubling from ``first_s`` up to ``most_s``, each between half of that and all of it."""
    step = first_s
    while True:
        yield step * chance.uniform(0.5, 1.0)
        step = min(most_s, step * 2)
