"""The rival does what its source says: where it looks, when it tries, whom it names."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.baseline import (
    AsFrigateDoes,
    MotionBoxes,
    RivalLists,
    RivalModels,
    likeliest_read,
    regions_of,
)
from benchmarks.pipelines import checkpoint
from core.contract.ids import SubjectKey, new_id
from demo.script import NORTH_GATE
from edge.evidence import Moment
from edge.vision.plate_vote import edits
from models.alignment import TEMPLATE
from models.types import Bodies, Faces, Float, Image

ALICE = SubjectKey(new_id())
boxes = st.tuples(st.integers(0, 1800), st.integers(0, 1000), st.integers(1, 119), st.integers(1, 79)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(st.lists(boxes, max_size=6))
def test_regions_cover_what_moved_and_lie_in_the_picture(moved: list[tuple[int, int, int, int]]) -> None:
    regions = regions_of(moved, 1920, 1080)
    assert all(0 <= x0 < x1 <= 1920 and 0 <= y0 < y1 <= 1080 for x0, y0, x1, y1 in regions)
    for x0, y0, x1, y1 in moved:
        assert any(a <= x0 and b <= y0 and x1 <= c and y1 <= d for a, b, c, d in regions)


def test_motion_is_where_a_picture_differs_from_those_before() -> None:
    motion = MotionBoxes()
    still = np.full((1080, 1920), 90, np.uint8)
    assert motion.find(still) == []
    assert motion.find(still) == []
    moved = still.copy()
    moved[400:700, 900:1100] = 200
    (box,) = motion.find(moved)
    assert box == pytest.approx((900, 400, 1100, 700), abs=30)


@given(st.text("AB1", max_size=6), st.text("AB1", max_size=6))
def test_texts_are_as_far_apart_as_levenshtein_says(one: str, other: str) -> None:
    assert edits(one, other) == edits(other, one)
    assert (edits(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= edits(one, other) <= max(len(one), len(other))


def test_the_surest_read_of_the_largest_group_is_the_plate() -> None:
    reads = [("京A12345", 0.91), ("京A12845", 0.95), ("京A12345", 0.93), ("鲁F7A718", 0.99)]
    assert likeliest_read(reads) == "京A12845", "no vote by character: one surer misread wins"


@dataclass
class _Walker:
    """Somebody who stands in the middle of the zone, large enough to be tried; ``attempts`` counted at the face."""

    vector: Float
    attempts: int = 0
    model: str = "fake"
    dimension: int = 4
    shown: list[Image] = field(default_factory=list)

    def detect(self, images: Sequence[Image], *, max_side: int, min_score: float) -> list[Any]:
        (image,) = images
        if max_side == 320:
            whole = np.array([[2, 2, image.shape[1] - 2, image.shape[0] - 2]], np.float32)
            return [Bodies(whole, np.zeros(1, np.uint8), np.full(1, 0.9, np.float32))]
        self.attempts += 1
        face = np.array([[40, 40, 160, 160]], np.float32)
        return [Faces(face, ((TEMPLATE - 56) + 100)[None].astype(np.float32), np.full(1, 0.9, np.float32))]

    def embed(self, crops: Image) -> Float:
        return np.repeat(self.vector[None], len(crops), axis=0)


def shown(rival: AsFrigateDoes, seconds: float) -> list[Any]:
    """Frames at 25 a second in which something moves in the middle all the time."""
    told = []
    for number in range(round(seconds * 25)):
        picture = np.full((1080, 1920, 3), 90, np.uint8)
        if number:
            picture[300:900, 860 + number % 5 : 1060 + number % 5] = 30 + 100 * (number // 5 % 2)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        told += rival.frame(frame, Moment(number / 25, datetime.now(UTC), time.monotonic()))
    return told


def rival_of(walker: _Walker, cosine: float) -> AsFrigateDoes:
    mean = np.array([cosine, np.sqrt(1 - cosine**2), 0, 0], np.float32)
    anybody = cast(Any, walker)
    lists = RivalLists({ALICE: mean}, frozenset(), cast(Any, None), identify=0.43, verify=0.4)
    return AsFrigateDoes(checkpoint(NORTH_GATE), RivalModels(anybody, anybody, anybody, anybody, anybody), lists)


def test_one_view_names_somebody_and_the_same_view_is_not_tried_again() -> None:
    walker = _Walker(np.array([1, 0, 0, 0], np.float32))
    rival = rival_of(walker, 0.6)
    (told,) = shown(rival, 4.0)
    assert told.subject == ALICE
    assert told.at_s < 1.0
    assert walker.attempts <= 2
    assert rival.detections <= 4.0 * 5 + 1


def test_who_is_below_the_threshold_is_never_named() -> None:
    walker = _Walker(np.array([1, 0, 0, 0], np.float32))
    assert shown(rival_of(walker, 0.41), 3.0) == []
    assert walker.attempts >= 1
