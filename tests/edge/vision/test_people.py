"""Faces in a zone: found in a small picture, told where they are in the full one."""

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
from edge.vision.people import ZonePeople
from edge.vision.zone import Zone
from models.types import Faces, Image

EVERYWHERE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
RIGHT_HALF = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
FACE = (1200, 400, 1320, 560)


def drawn(width: int = 1920, height: int = 1080, *, shifted: int = 0) -> av.VideoFrame:
    """A grey picture with a white face, ``shifted`` pixels of the full picture to the right."""
    full = np.full((1080, 1920, 3), 60, np.uint8)
    x0, y0, x1, y1 = FACE
    full[y0:y1, x0 + shifted : x1 + shifted] = 230
    image = np.asarray(cv2.resize(full, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")


@dataclass
class MainStream:
    frame: av.VideoFrame
    size: tuple[int, int] = (1920, 1080)
    asked: int = 0

    def near(self, at_s: float) -> av.VideoFrame | None:
        self.asked += 1
        return self.frame


def picture(frame: av.VideoFrame, at_s: float = 0.0, full: MainStream | None = None) -> Picture:
    return Picture(Moment(at_s, datetime(2026, 3, 1, tzinfo=UTC), at_s), frame, at_s, full)


@dataclass
class WhiteFaces:
    """Takes what is white for a face."""

    looked_at: list[tuple[int, int]] = field(default_factory=list)

    def detect(self, images: Sequence[Image], *, max_side: int = 640, min_score: float = 0.6) -> list[Faces]:
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Faces:
        self.looked_at.append((image.shape[1], image.shape[0]))
        ys, xs = np.nonzero(image[:, :, 0] > 150)
        if not len(xs):
            return Faces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
        box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)
        eyes = np.tile((box[:2] + box[2:]) / 2, (5, 1)).astype(np.float32)
        return Faces(box[None], eyes[None], np.array([0.9], np.float32))


@pytest.mark.parametrize("zone", [EVERYWHERE, RIGHT_HALF])
def test_a_face_is_found_in_a_small_picture_and_told_in_pixels_of_the_full_one(
    zone: tuple[tuple[float, float], ...],
) -> None:
    detector = WhiteFaces()
    people = ZonePeople(Zone(zone), detector, min_face_px=80)
    for number in range(3):
        seen = people.look(picture(drawn(), number / 10)).seen
    assert np.abs(seen[0].box - np.array(FACE)).max() <= 3
    assert np.abs(seen[0].landmarks - np.array([1260, 480])).max() <= 3
    assert max(detector.looked_at[0]) < 1920


def test_with_a_small_stream_a_face_is_where_the_full_picture_shows_it() -> None:
    detector = WhiteFaces()
    people = ZonePeople(Zone(EVERYWHERE), detector, min_face_px=60)
    main = MainStream(drawn(shifted=24))
    for number in range(3):
        seen = people.look(picture(drawn(640, 360), number / 10, main)).seen
    x0, y0, x1, y1 = FACE
    assert np.abs(seen[0].box - np.array([x0 + 24, y0, x1 + 24, y1])).max() <= 4
    assert max(detector.looked_at[0]) <= 640, "the full picture is not decoded to look for faces"
    assert main.asked == 3


def test_a_full_picture_is_not_decoded_for_a_face_that_is_too_small_to_be_used() -> None:
    people = ZonePeople(Zone(EVERYWHERE), WhiteFaces(), min_face_px=200)
    main = MainStream(drawn())
    for number in range(3):
        people.look(picture(drawn(640, 360), number / 10, main))
    assert main.asked == 0
