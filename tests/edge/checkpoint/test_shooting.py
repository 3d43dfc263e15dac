"""From looks at a face to one probe: when a shot is embedded, what is embedded again, and what stays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from core.contract.vocabulary import Presentation
from edge.checkpoint import shooting as module
from edge.checkpoint.shooting import EARLY_ABOVE, MAX_EMBEDDED, SETTLE_S, Shooting
from edge.checkpoint.watcher import StepSums, WatchCounts
from edge.vision.people import SeenFace
from edge.vision.quality import Check, FaceQuality, QualityLimits, Refusal
from edge.vision.tracker import Track
from models.protocols import PixelBox
from models.types import Float, Image
from tests.edge.checkpoint.watching import FPS, CountingEmbedder, faces, picture

LOOK_S = 1 / FPS


@dataclass
class ScriptedPresence:
    """Says these scores in turn, and keeps how large the parts were that it was shown."""

    scores: Sequence[float]
    model: str = "scripted"
    threshold: float = 0.5
    min_face_px: int = 40
    shown: list[tuple[int, ...]] = field(default_factory=list)

    def region(self, box: Float, width: int, height: int) -> PixelBox:
        x0, y0, x1, y1 = (int(value) for value in box)
        return max(0, x0 - 20), max(0, y0 - 20), min(width, x1 + 20), min(height, y1 + 20)

    def check(self, region: Image) -> float:
        self.shown.append(region.shape)
        return self.scores[len(self.shown) - 1]


class Range:
    """A shooting whose looks have the qualities that the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, presence: ScriptedPresence | None = None) -> None:
        self.embedder = CountingEmbedder()
        self.counts = WatchCounts()
        self.shooting = Shooting(self.embedder, QualityLimits(), self.counts, StepSums(), presence)
        self.looks = 0
        self._next = 0.0
        monkeypatch.setattr(module, "assess", self._assess)

    def look(self, quality: float, *, width: float = 90.0, hurry: bool = False) -> bool:
        """One look; whether there was something new to compare."""
        self._next = quality
        shown, found = picture(self.looks), faces((300, 180, width))
        track = Track(1, found.boxes[0], np.zeros(2, np.float32), 3, 0, shown.moment.pts_s, True)
        self.shooting.shoot(SeenFace(track, found.boxes[0], found.landmarks[0], 0.9), shown)
        self.looks += 1
        return self.shooting.probe(shown.moment.pts_s, hurry=hurry)

    def _assess(self, *_: object) -> FaceQuality:
        return FaceQuality(self._next, (Check(Refusal.BLURRED, self._next < 0.05, self._next, 0.05),))


def test_a_good_shot_is_embedded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Range(monkeypatch).look(0.9)


def test_a_poor_shot_waits_for_a_better_one_and_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch)
    waited = next(look for look in range(50) if one.look(0.6))
    assert waited * LOOK_S == pytest.approx(SETTLE_S, abs=LOOK_S)
    assert one.shooting.good_shots == 1


def test_a_better_shot_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch)
    assert [one.look(quality) for quality in (0.3, 0.5, 0.9)] == [False, False, True]
    assert len(one.embedder.crops) == 1


def test_three_good_shots_are_complete_and_nothing_more_is_embedded_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch)
    for _ in range(20):
        one.look(0.9)
    assert one.shooting.complete
    assert len(one.embedder.crops) == 3


def test_better_shots_that_come_later_take_the_place_of_poor_ones_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Range(monkeypatch)
    for look in range(100):
        one.look(0.2 + 0.005 * look)
    assert one.shooting.complete
    assert len(one.embedder.crops) == MAX_EMBEDDED
    assert one.shooting.good_shots == 3


def test_who_is_in_a_hurry_is_compared_by_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch)
    assert [one.look(0.6), one.look(0.6), one.look(0.6), one.look(0.6, hurry=True)] == [False, False, False, True]
    assert one.shooting.good_shots == 2, "the first, and one more that lies far enough from it in time"


def test_a_refused_look_is_counted_by_its_gate_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch)
    assert not one.look(0.01)
    assert one.counts.flat() == {"refused.blurred": 1, "gate.blur.asked": 1, "gate.blur.refused": 1}


def test_a_probe_is_clear_only_well_above_the_threshold_and_with_a_shot_worth_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = Range(monkeypatch)
    good.look(0.9)
    assert good.shooting.clear(0.4 + EARLY_ABOVE, 0.4)
    assert not good.shooting.clear(0.4 + 0.9 * EARLY_ABOVE, 0.4)
    poor = Range(monkeypatch)
    poor.look(0.3, hurry=True)
    assert not poor.shooting.clear(0.8, 0.4)


def test_nothing_stays_once_it_is_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch, ScriptedPresence((0.9,) * 9))
    for _ in range(5):
        one.look(0.9)
    probe = one.shooting.probes()
    assert np.linalg.norm(probe) == pytest.approx(1)
    one.shooting.wipe()
    assert one.shooting.good_shots == 0
    assert not any(vectors.any() for vectors in one.embedder.given)


def test_without_a_check_nothing_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch)
    one.look(0.9)
    assert one.shooting.presentation is Presentation.NOT_CHECKED


def test_what_looks_like_a_picture_is_never_embedded_and_known_as_such_after_three_shots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    presence = ScriptedPresence((0.1,) * 20)
    one = Range(monkeypatch, presence)
    shots = 0
    while not one.shooting.complete:
        one.look(0.9)
        shots += 1
        assert shots < 20
    assert one.shooting.presentation is Presentation.ATTACK
    assert one.embedder.crops == []
    assert len(presence.shown) == 3
    assert one.counts.flat()["gate.presentation.refused"] == 3


def test_one_lucky_shot_makes_no_face_of_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch, ScriptedPresence((0.05, 0.7, 0.1, 0.1)))
    while not one.shooting.complete:
        one.look(0.9)
    assert one.shooting.presentation is Presentation.ATTACK
    assert not one.shooting.clear(0.9, 0.4)


def test_nothing_is_clear_before_three_shots_were_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch, ScriptedPresence((0.9,) * 9))
    clear = []
    while not one.shooting.complete:
        if one.look(0.9):
            clear.append(one.shooting.clear(0.9, 0.4))
    assert clear == [False, False, True]


def test_one_doubtful_shot_makes_no_picture_of_a_face(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch, ScriptedPresence((0.4, 0.9, 0.9, 0.9)))
    for _ in range(12):
        one.look(0.9)
    assert one.shooting.presentation is Presentation.BONA_FIDE
    assert one.shooting.complete
    assert len(one.embedder.crops) == 3


def test_a_face_too_small_to_be_checked_was_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch, ScriptedPresence((0.9,) * 9, min_face_px=120))
    one.look(0.9)
    assert one.shooting.good_shots == 1
    assert one.shooting.presentation is Presentation.NOT_CHECKED


def test_checked_means_every_shot_that_was_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Range(monkeypatch, ScriptedPresence((0.9,) * 9, min_face_px=80))
    one.look(0.9, width=70)
    for _ in range(4):
        one.look(0.9, width=90)
    assert one.shooting.good_shots == 2
    assert one.shooting.presentation is Presentation.NOT_CHECKED
