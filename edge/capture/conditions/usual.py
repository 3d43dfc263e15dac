"""How long something lasts here as a rule: what came and went by itself three times in a week is no news."""

from __future__ import annotations

from dataclasses import dataclass

REMEMBERED_S = 7 * 86_400.0
_TIMES = 3
_KEPT = 32
_MARGIN = 1.5


@dataclass(frozen=True, slots=True)
class Spells:
    """began_s: since when it is there now (monotonic), None: it is not; past: end and length of each, oldest first."""

    began_s: float | None = None
    past: tuple[tuple[float, float], ...] = ()

    @property
    def usual_s(self) -> float:
        """How long it lasts at least three times a week; 0 where it does not happen that often."""
        lengths = sorted((length_s for _, length_s in self.past), reverse=True)
        return _MARGIN * lengths[_TIMES - 1] if len(lengths) >= _TIMES else 0.0


def spell(spells: Spells, there: bool, at_s: float) -> Spells:
    """The next ``spells`` when at ``at_s`` (monotonic, rising) it is ``there`` or not."""
    if there:
        return spells if spells.began_s is not None else Spells(at_s, spells.past)
    if spells.began_s is None:
        return spells
    recent = tuple(one for one in spells.past if at_s - one[0] < REMEMBERED_S)
    return Spells(None, (*recent, (at_s, at_s - spells.began_s))[-_KEPT:])
