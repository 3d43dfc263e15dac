"""How long something lasts here as a rule: what came and went by itself three times in a week is no news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

REMEMBERED_S = 7 * 86_400.0
_TIMES = 3
_KEPT = 256
_MARGIN = 1.5
_DAY_S = 86_400.0
_SAME_TIME_S = 2 * 3600.0
"""Dusk comes and lamps go out at about the same time of day; a lens is covered at any."""


@dataclass(frozen=True, slots=True)
class Spells:
    """began_s: since when it is there now (monotonic), None: it is not; past: end and length of each, oldest first."""

    began_s: float | None = None
    past: tuple[tuple[float, float], ...] = ()

    @property
    def usual_s(self) -> float:
        """How long it lasts at least three times a week; 0 where it does not happen that often."""
        return _usual_s(self.past)

    @property
    def usual_now_s(self) -> float:
        """How long it lasts at least three times a week where it begins at about the time of day at which it began now.

        0 where it does not happen that often, or is not there.
        """
        began_s = self.began_s
        if began_s is None:
            return 0.0
        return _usual_s(
            [
                (end_s, length_s)
                for end_s, length_s in self.past
                if began_s - end_s < REMEMBERED_S and _from_whole_days_s(began_s - end_s + length_s) <= _SAME_TIME_S
            ]
        )


def _usual_s(past: Sequence[tuple[float, float]]) -> float:
    lengths = sorted((length_s for _, length_s in past), reverse=True)
    return _MARGIN * lengths[_TIMES - 1] if len(lengths) >= _TIMES else 0.0


def _from_whole_days_s(passed_s: float) -> float:
    """By how much ``passed_s`` misses the nearest whole number of days."""
    return abs(passed_s - round(passed_s / _DAY_S) * _DAY_S)


def spell(spells: Spells, there: bool, at_s: float) -> Spells:
    """The next ``spells`` when at ``at_s`` (monotonic, rising) it is ``there`` or not."""
    if there:
        return spells if spells.began_s is not None else Spells(at_s, spells.past)
    if spells.began_s is None:
        return spells
    recent = tuple(one for one in spells.past if at_s - one[0] < REMEMBERED_S)
    return Spells(None, (*recent, (at_s, at_s - spells.began_s))[-_KEPT:])
