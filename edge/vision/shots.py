"""The best few shots of one track: bounded, and wiped when the pass is decided."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.evidence import Moment
from models.types import Image


@dataclass(frozen=True, slots=True)
class Shot:
    """crop: aligned face, uint8 (112, 112, 3) BGR; quality in [0, 1]."""

    crop: Image
    quality: float
    moment: Moment


@dataclass(slots=True)
class BestShots:
    """Keeps the ``keep`` best shots offered, best first; earlier ones win ties."""

    keep: int = 3
    shots: list[Shot] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.shots)

    def offer(self, shot: Shot) -> bool:
        """Take ``shot`` if it is among the best so far; whatever it displaces is wiped."""
        self.shots.append(shot)
        self.shots.sort(key=lambda one: -one.quality)
        dropped = self.shots[self.keep :]
        del self.shots[self.keep :]
        for one in dropped:
            one.crop.fill(0)
        return all(one is not shot for one in dropped)

    def take_best(self) -> Shot | None:
        """The best shot, which the caller now owns (and wipes)."""
        return self.shots.pop(0) if self.shots else None

    def wipe(self) -> None:
        """Overwrite every crop and forget it."""
        for shot in self.shots:
            shot.crop.fill(0)
        self.shots.clear()
