"""The best few shots of one pass, apart in time, and how they become one probe: bounded, and wiped once decided."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edge.evidence import Moment
from models.types import Float, Image

APART_S = 0.2
"""Pictures closer together than this show the same face in the same light: a second shot would add nothing."""
SPARE_AFTER_S = 0.5
_LEAST_WEIGHT = 1e-3


@dataclass(slots=True, eq=False)
class Shot:
    """crop: aligned face, uint8 (112, 112, 3) BGR; quality in [0, 1]; vector: once embedded, float32 (d,).

    surroundings: what a presentation check wants to see, uint8 (h, w, 3) BGR; presence: what it said, in [0, 1].
    """

    crop: Image
    quality: float
    moment: Moment
    surroundings: Image | None = None
    presence: float | None = None
    vector: Float | None = None

    def wipe_pixels(self) -> None:
        self.crop.fill(0)
        if self.surroundings is not None:
            self.surroundings.fill(0)

    def wipe(self) -> None:
        self.wipe_pixels()
        if self.vector is not None:
            self.vector.fill(0)


@dataclass(slots=True)
class BestShots:
    """Keeps the ``keep`` best shots offered that lie ``apart_s`` or more apart, best first; earlier ones win ties.

    spare: the newest shot that is none of them, where they are all older by ``SPARE_AFTER_S``: it can still tell
    whether the same person is there.
    """

    keep: int = 3
    apart_s: float = APART_S
    shots: list[Shot] = field(default_factory=list)
    spare: Shot | None = None

    def __len__(self) -> int:
        return len(self.shots)

    def offer(self, shot: Shot) -> bool:
        """Take ``shot`` if it is among the best so far, or as the spare; what it displaces is wiped, and it if refused.

        A shot that was embedded keeps its place in time: one right beside it would only cost another embedding.
        """
        beside = [one for one in self.shots if abs(one.moment.pts_s - shot.moment.pts_s) < self.apart_s]
        if any(one.vector is not None or one.quality >= shot.quality for one in beside):
            return self._set_aside(shot)
        ranked = sorted([one for one in self.shots if one not in beside] + [shot], key=lambda one: -one.quality)
        self.shots = ranked[: self.keep]
        for one in beside + ranked[self.keep :]:
            if one is not shot:
                one.wipe()
        if all(one is not shot for one in self.shots):
            return self._set_aside(shot)
        self._drop_spare()
        return True

    def use_spare(self) -> None:
        """Take the spare, if there is one, among the best: in the place of the poorest where they are ``keep``."""
        if self.spare is None:
            return
        for one in self.shots[self.keep - 1 :]:
            one.wipe()
        self.shots = sorted([*self.shots[: self.keep - 1], self.spare], key=lambda one: -one.quality)
        self.spare = None

    def drop(self, shot: Shot) -> None:
        """Wipe and forget ``shot``."""
        self.shots = [one for one in self.shots if one is not shot]
        shot.wipe()

    def wipe(self) -> None:
        """Overwrite every shot and forget it."""
        for shot in self.shots:
            shot.wipe()
        self.shots.clear()
        self._drop_spare()

    def _set_aside(self, shot: Shot) -> bool:
        """Keep ``shot``, none of the best, as the spare if it is newer by enough; whether it was kept."""
        if any(shot.moment.pts_s - one.moment.pts_s < SPARE_AFTER_S for one in self.shots):
            shot.wipe()
            return False
        self._drop_spare()
        self.spare = shot
        return True

    def _drop_spare(self) -> None:
        if self.spare is not None:
            self.spare.wipe()
            self.spare = None


def fused(vectors: Float, qualities: Float) -> Float:
    """One probe of several shots: the mean of their unit vectors weighted by quality squared, float32 (d,), length 1.

    vectors: float32 (n, d), unit length, n at least 1; qualities: float32 (n,) in [0, 1]. At one threshold it lets in
    no more strangers than a threshold made for single shots allows. It misses a little more than the best score of
    three does at a stricter threshold of its own (2.3 and 2.1 % of people, `benchmarks.identification`).
    Vectors that cancel each other out can't be of one face: then the best one alone.
    """
    weights = np.maximum(qualities, _LEAST_WEIGHT) ** 2
    total = weights @ vectors
    length = float(np.linalg.norm(total))
    if length < 1e-3 * float(weights.sum()):
        total.fill(0)
        return np.array(vectors[int(np.argmax(qualities))], np.float32)
    # In place: of a face there is one vector, the caller's to wipe.
    total /= np.float32(length)
    return np.asarray(total, np.float32)
