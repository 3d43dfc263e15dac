"""Plates in a lane that has a small stream: looked for there, and closely only where that is worth a full picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import av
import cv2
import numpy as np
import pytest

from edge.capture.picture import Picture
from edge.evidence import Moment
from edge.vision.plates import ZonePlates
from models.types import Image, Plates

EVERYWHERE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
MIN_PX = 100
NO_PLATE = None


@dataclass
class MainStream:
    size: tuple[int, int] = (1920, 1080)
    shown: tuple[int, int] | None = None
    asked: int = 0

    def near(self, at_s: float) -> av.VideoFrame | None:
        self.asked += 1
        return drawn(1920, 1080, self.shown)


@dataclass
class WhitePlates:
    """Takes what is white for a plate; ``blind_below``: pixels of width from which it sees one."""

    blind_below: int = 20
    sure_px: int = 56
    looked_at: list[tuple[int, int]] = field(default_factory=list)

    def detect(self, images: Sequence[Image], *, max_side: int = 960, min_score: float = 0.6) -> list[Plates]:
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Plates:
        self.looked_at.append((image.shape[1], image.shape[0]))
        ys, xs = np.nonzero(image[:, :, 0] > 150)
        if not len(xs) or xs.max() - xs.min() < self.blind_below:
            return Plates(np.zeros((0, 4), np.float32), np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))
        x0, y0, x1, y1 = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        quad = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
        return Plates(np.array([[x0, y0, x1, y1]], np.float32), quad[None], np.array([0.9], np.float32))


def drawn(width: int, height: int, plate: tuple[int, int] | None, ground: int = 60) -> av.VideoFrame:
    """plate: left edge and width, pixels of the full picture; ground: how bright the lowest part is."""
    full = np.full((1080, 1920, 3), 60, np.uint8)
    full[900:] = ground
    if plate is not None:
        full[500 : 500 + plate[1] // 3, plate[0] : sum(plate)] = 230
    image = np.asarray(cv2.resize(full, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")


@dataclass
class Lane:
    """Looks five times a second, through a small picture of a third of the size."""

    detector: WhitePlates = field(default_factory=WhitePlates)
    main: MainStream = field(default_factory=MainStream)
    looks: int = 0

    def __post_init__(self) -> None:
        self.plates = ZonePlates(EVERYWHERE, self.detector, MIN_PX)

    def look(self, plate: tuple[int, int] | None, *, expected: bool = False, check: bool = False) -> list[float]:
        """Widths of the plates found; what the main stream was asked for before is forgotten."""
        at_s = self.looks / 5
        self.looks += 1
        self.main.asked, self.main.shown = 0, plate
        # Something else moves all the time.
        frame = drawn(640, 360, plate, ground=20 + 40 * (self.looks % 2))
        look = self.plates.look(
            Picture(Moment(at_s, datetime(2026, 3, 1, tzinfo=UTC), at_s), frame, at_s, self.main),
            expected=expected,
            check=check,
        )
        return [] if look is None else [plate.width_px for plate in look.found]


def test_what_moves_and_shows_no_plate_costs_no_full_picture_but_one_now_and_then() -> None:
    lane = Lane()
    asked = []
    for _ in range(30):
        lane.look(NO_PLATE)
        asked.append(lane.main.asked)
    assert sum(asked) == 3, "one in two seconds, for a plate that is too small for the small picture"
    assert asked[:10] == [1, *[0] * 9]


def test_a_plate_too_small_for_the_small_picture_is_found_all_the_same() -> None:
    lane = Lane(WhitePlates(blind_below=50))
    found = [lane.look((800, 140)) for _ in range(12)]
    assert [bool(one) for one in found].count(True) >= 1


def test_a_plate_that_comes_is_looked_at_closely_and_told_in_pixels_of_the_full_picture() -> None:
    lane = Lane()
    lane.look(NO_PLATE)
    asked, found = [], []
    for number in range(3):
        found.append(lane.look((800 + 40 * number, 150)))
        asked.append(lane.main.asked)
    assert asked == [1, 0, 0], "it is new, then where it was expected"
    assert found == [[pytest.approx(150, abs=1)], [pytest.approx(150, abs=6)], [pytest.approx(150, abs=6)]]


def test_one_that_is_to_be_read_is_always_looked_at_closely() -> None:
    lane = Lane()
    for number in range(6):
        lane.look((800, 150), expected=True)
        assert lane.main.asked == 1, number
    for number in range(6):
        lane.look((800, 150), check=True)
        assert lane.main.asked == 1, number


def test_another_plate_elsewhere_is_news() -> None:
    lane = Lane()
    for _ in range(4):
        lane.look((800, 150))
    assert lane.main.asked == 0
    lane.look((200, 150))
    assert lane.main.asked == 1


def test_far_plates_are_no_news() -> None:
    lane = Lane()
    lane.look(NO_PLATE)
    for _ in range(8):
        lane.look((800, 66))
        assert lane.main.asked == 0
