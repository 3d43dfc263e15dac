"""What a stream's packets tell while pictures show that nothing moves, and what telling of movements is worth then."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MEMORY_S = 900.0
_BY_CHANCE = 0.01


@dataclass(slots=True)
class FalseAlarms:
    """Counted over the looks at one stream, the latest quarter of an hour weighing most.

    explains_s: what packets tell is explained by movement that is seen so long after it.
    still_s: seconds without movement; busy_s: of them, those in which packets told of some; bursts: how often they did.
    """

    explains_s: float
    still_s: float = 0.0
    busy_s: float = 0.0
    bursts: float = 0.0
    _was_busy: bool = False
    _unexplained_s: float | None = None

    def look(self, at_s: float, passed_s: float, *, moving: bool, busy: bool) -> None:
        """Take the ``passed_s`` before the look at ``at_s``. moving: pictures show movement, or did a moment ago."""
        begins, self._was_busy = busy and not self._was_busy, busy
        if moving:
            self._unexplained_s = None
            return
        if self.still_s > _MEMORY_S:
            self.still_s, self.busy_s, self.bursts = self.still_s / 2, self.busy_s / 2, self.bursts / 2
        self.still_s += passed_s
        self.busy_s += passed_s if busy else 0.0
        if self._unexplained_s is not None and at_s - self._unexplained_s > self.explains_s:
            self.bursts += 1
            self._unexplained_s = None
        if begins:
            self._unexplained_s = at_s

    def told_by_chance(self, window_s: float) -> float:
        """Chance that packets tell within some ``window_s`` in which nothing moves, in [0, 1]."""
        return min(1.0, (self.busy_s + self.bursts * window_s) / max(self.still_s, window_s))

    def proof(self, window_s: float, least: int, most: int) -> int:
        """``least`` to ``most`` movements told within ``window_s`` each: so many are told by chance once in a hundred.

        The chance of one, to the power of their number, is below that.
        """
        chance = self.told_by_chance(window_s)
        if chance <= 0.0:
            return least
        needed = math.ceil(math.log(_BY_CHANCE) / math.log(chance)) if chance < 1.0 else most
        return min(most, max(least, needed))
