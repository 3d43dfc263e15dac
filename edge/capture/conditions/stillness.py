"""Whether a camera still makes pictures, or sends the same one again and again.

No sensor makes the same picture twice: its noise leaves no part of the picture exactly as it was. A frozen camera's
encoder does send parts again exactly as they were, though not all of them every time, since it spends its bits now
here, now there. A date that is burnt in goes on, always at its place. A picture without noise (a drawn one, or much
smoothed by a cheap encoder) is known by its own past, and never called frozen for a minute's stillness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from models.types import Image

WIDTH, HEIGHT = 320, 176
_ROWS, _COLUMNS = 11, 16
_PAIRS = 20
_PAIRS_TO_JUDGE = 15
_AWAKE_PAIRS = 5
_NEW = 0.02
_MOVED = 6.0
"""Grey levels by which a tile changes on average when something in it moves."""
_CLOCK_TILES = 0.12
_ALL_TILES = 0.5
_SAME = 0.4
_NOISY = 0.1
_FORGETS_S = 300.0
_LEARNING_LOOKS = 15

Tiles = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Stillness:
    """The last glance, uint8 (HEIGHT, WIDTH), its time, and what changed between the last few, oldest first.

    same: which tiles were exactly as before; moved: in which something moved, bool (_ROWS, _COLUMNS) each.
    usual: ``share`` as a rule; learnt: of how many glances. frozen: still, and this camera never was before.
    """

    luma: Image | None = None
    at_s: float = 0.0
    same: tuple[Tiles, ...] = ()
    moved: tuple[Tiles, ...] = ()
    usual: float = 0.0
    learnt: int = 0
    frozen: bool = False

    @property
    def share(self) -> float | None:
        """Share of the tiles without a clock that came exactly the same at least once lately; None: not yet known."""
        if len(self.same) < _PAIRS_TO_JUDGE:
            return None
        without_clock = ~np.logical_or.reduce(self.moved)
        return float(np.logical_or.reduce(self.same)[without_clock].mean()) if without_clock.any() else None

    @property
    def still(self) -> bool:
        """Nothing moved lately, and much of the picture came exactly the same again."""
        share = self.share
        return share is not None and share >= _SAME


def watch_stillness(stillness: Stillness, luma: Image, at_s: float) -> Stillness:
    """The next ``stillness`` after the glance ``luma``, uint8 (h, w), made at ``at_s`` (monotonic)."""
    looked = np.asarray(cv2.resize(luma, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST), np.uint8)
    if stillness.luma is None:
        return Stillness(looked, at_s)
    change = cv2.absdiff(looked, stillness.luma).reshape(_ROWS, HEIGHT // _ROWS, _COLUMNS, WIDTH // _COLUMNS)
    same = np.asarray(change.max(axis=(1, 3)) == 0, np.bool_)
    moved = np.asarray(change.mean(axis=(1, 3)) > _MOVED, np.bool_)
    if moved.mean() > _ALL_TILES:
        # Another light, another exposure: what was usual under the light before tells nothing.
        return Stillness(looked, at_s)
    kept = ((*stillness.same, same)[-_PAIRS:], (*stillness.moved, moved)[-_PAIRS:])
    if np.logical_or.reduce(kept[1]).mean() > _CLOCK_TILES or _awake(kept[0]):
        kept = ((same,), (moved,))
    return _judged(replace(stillness, luma=looked, at_s=at_s, same=kept[0], moved=kept[1]), at_s - stillness.at_s)


def _awake(same: tuple[Tiles, ...]) -> bool:
    """The last few pairs were new all over, after some that were not."""
    new = [one.mean() <= _NEW for one in same]
    return len(new) > _AWAKE_PAIRS and all(new[-_AWAKE_PAIRS:]) and not all(new)


def _judged(stillness: Stillness, passed_s: float) -> Stillness:
    share = stillness.share
    if share is None or share < _SAME:
        stillness = replace(stillness, frozen=False)
    elif stillness.learnt >= _LEARNING_LOOKS and stillness.usual <= _NOISY:
        stillness = replace(stillness, frozen=True)
    if share is None or stillness.frozen:
        return stillness
    learnt = stillness.learnt + 1
    weight = max(1 / learnt, 1 - math.exp(-min(passed_s, 60.0) / _FORGETS_S))
    return replace(stillness, usual=stillness.usual + weight * (share - stillness.usual), learnt=learnt)
