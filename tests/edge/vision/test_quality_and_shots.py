"""Which faces may be compared, and which shots of them are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import ClassVar

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge.evidence import Moment
from edge.vision.quality import (
    Measures,
    QualityLimits,
    Refusal,
    assess,
    chance,
    measure,
    pitch_proxy,
    roll_deg,
    yaw_proxy,
)
from edge.vision.shots import APART_S, BestShots, Shot, fused
from models.alignment import TEMPLATE, align
from models.types import Float, Image

FRONTAL: Float = TEMPLATE.astype(np.float32)
LIMITS = QualityLimits(min_face_px=60)
BOX = np.array([0, 0, 100, 120], np.float32)


def crop(grey: float = 130, contrast: float = 40) -> Image:
    blocks = np.random.default_rng(3).normal(grey, contrast, (14, 14, 1))
    return np.asarray(np.clip(np.kron(blocks, np.ones((8, 8, 3))), 0, 255), np.uint8)


def blurred(sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(crop(), (0, 0), sigma), np.uint8)


def turned(by: float) -> Float:
    landmarks = FRONTAL.copy()
    landmarks[2, 0] += by * (landmarks[1, 0] - landmarks[0, 0])
    return landmarks


def test_a_large_sharp_frontal_face_is_good() -> None:
    quality = assess(crop(), BOX, FRONTAL, 0.95, LIMITS)
    assert quality.refusal is None
    assert quality.value > 0.7


@pytest.mark.parametrize(
    ("picture", "box", "landmarks", "refusal"),
    [
        (crop(), np.array([0, 0, 59, 70], np.float32), FRONTAL, Refusal.TOO_SMALL),
        (crop(), BOX, turned(1.7), Refusal.TURNED),
        (crop(), BOX, turned(-1.7), Refusal.TURNED),
        (crop(), BOX, FRONTAL[[0, 1, 2, 3, 4]][:, ::-1].copy(), Refusal.TURNED),
        (crop(14, 1), BOX, FRONTAL, Refusal.DARK),
        (crop(252, 2), BOX, FRONTAL, Refusal.BRIGHT),
        (blurred(9), BOX, FRONTAL, Refusal.BLURRED),
    ],
)
def test_the_gate_says_what_is_wrong(picture: Image, box: Float, landmarks: Float, refusal: Refusal) -> None:
    assert assess(picture, box, landmarks, 0.7, LIMITS).refusal is refusal


def test_who_is_refused_was_asked_nothing_after_that() -> None:
    quality = assess(blurred(9), BOX, turned(1.7), 0.7, LIMITS)
    assert [check.refusal for check in quality.checks] == [Refusal.TOO_SMALL, Refusal.TURNED]
    assert quality.checks[-1].figure == pytest.approx(1.7 / LIMITS.max_yaw, abs=0.02)
    assert quality.checks[-1].limit == 1


def test_a_face_refused_for_its_tilt_or_nod_is_told_with_a_figure_beyond_the_limit() -> None:
    upside = FRONTAL.copy()
    upside[2, 1] = upside[3:, 1].mean()
    sideways = FRONTAL[:, ::-1].copy()
    for landmarks in (upside, sideways):
        check = assess(crop(), BOX, landmarks, 0.7, LIMITS).checks[-1]
        assert check.refusal is Refusal.TURNED
        assert check.figure > check.limit


def test_blur_turning_distance_and_an_unsure_detector_lower_the_value() -> None:
    best = assess(crop(), BOX, FRONTAL, 0.9, LIMITS).value
    assert assess(blurred(3), BOX, FRONTAL, 0.9, LIMITS).value < best
    assert assess(crop(), BOX, turned(0.5), 0.9, LIMITS).value < best
    assert assess(crop(), BOX * 0.3, FRONTAL, 0.9, LIMITS).value < best
    assert assess(crop(), BOX, FRONTAL, 0.7, LIMITS).value < best


def test_a_face_shown_larger_or_smaller_has_the_same_pose_and_the_less_detail_the_smaller_it_was() -> None:
    scene = np.asarray(cv2.resize(crop(), (448, 448), interpolation=cv2.INTER_CUBIC), np.uint8)
    seen = []
    for side in (448, 224, 112, 56, 28):
        picture = np.asarray(cv2.resize(scene, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        landmarks = (FRONTAL * (side / 112)).astype(np.float32)
        box = np.array([0.15 * side, 0.1 * side, 0.85 * side, 0.95 * side], np.float32)
        seen.append(measure(align(picture, landmarks), box, landmarks, 0.9))
    sharpness = [one.sharpness for one in seen]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[0] == pytest.approx(sharpness[2], rel=0.15), "what a crop can't show makes no difference"
    assert all(one.yaw == pytest.approx(seen[0].yaw, abs=0.02) for one in seen)


def test_a_smear_in_one_direction_is_as_bad_as_it_is_to_the_embedder() -> None:
    kernel = np.full((1, 13), 1 / 13)
    smeared = np.asarray(cv2.filter2D(crop(), -1, kernel), np.uint8)
    still, moved = (measure(one, BOX, FRONTAL, 0.9) for one in (crop(), smeared))
    assert moved.edges < 0.6 * still.edges


@given(
    st.tuples(
        st.floats(10, 300), st.floats(0, 1), st.floats(0.2, 0.9), st.floats(0, 60), st.floats(0, 1),
        st.floats(0, 1), st.floats(0, 1e5), st.floats(1, 20),
    ),
    st.sampled_from(["width_px", "score", "edges", "sharpness"]),
    st.floats(1, 3),
)  # fmt: skip
def test_a_better_component_never_makes_a_face_worse(parts: tuple[float, ...], component: str, times: float) -> None:
    width, yaw, pitch, roll, score, white, edges, sharp = parts
    one = Measures(width, yaw, pitch, roll, score, 128, white, edges, sharp)
    better = replace(one, **{component: getattr(one, component) * times})
    assert chance(better) >= chance(one)
    assert chance(replace(one, yaw=yaw / 2, roll_deg=roll / 2, white=white / 2)) >= chance(one)


@given(st.floats(-40, 40), st.floats(0.3, 5), st.floats(-500, 500))
def test_pose_does_not_depend_on_place_size_and_tilt(degrees: float, scale: float, shift: float) -> None:
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = ((turned(0.2) @ rotation.T) * scale + shift).astype(np.float32)
    assert yaw_proxy(moved) == pytest.approx(yaw_proxy(turned(0.2)), abs=0.02)
    assert pitch_proxy(moved) == pytest.approx(pitch_proxy(turned(0.2)), abs=0.02)
    assert roll_deg(moved) == pytest.approx(abs(degrees), abs=1.0)


@given(
    arrays.arrays(np.float32, (5, 2), elements=st.floats(-1e4, 1e4, width=32)),
    arrays.arrays(np.uint8, (112, 112, 3)),
    st.floats(0, 1),
)
def test_any_landmarks_and_pixels_give_a_value_between_0_and_1(landmarks: Float, pixels: Image, score: float) -> None:
    assert 0 <= assess(pixels, BOX, landmarks, score, LIMITS).value <= 1


def shot(quality: float, at_s: float = 0.0) -> Shot:
    return Shot(np.full((112, 112, 3), 7, np.uint8), quality, Moment(at_s, datetime.now(UTC), 0.0))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 2)), max_size=30))
def test_at_most_three_are_kept_apart_in_time_best_first_and_the_rest_is_wiped(
    offers: list[tuple[float, float]],
) -> None:
    shots = BestShots()
    offered = [shot(quality, at_s) for quality, at_s in offers]
    for one in offered:
        shots.offer(one)
    kept = shots.shots
    assert len(kept) <= 3
    assert [one.quality for one in kept] == sorted((one.quality for one in kept), reverse=True)
    assert all(abs(one.moment.pts_s - other.moment.pts_s) >= APART_S for one, other in combinations(kept, 2))
    assert not offers or max(quality for quality, _ in offers) == kept[0].quality
    ids = {id(one) for one in [*kept, shots.spare]}
    assert all((id(one) in ids) == bool(one.crop.any()) for one in offered)
    assert all(shots.spare is None or shots.spare.moment.pts_s > one.moment.pts_s for one in kept)
    shots.wipe()
    assert not any(one.crop.any() for one in offered)


def test_the_newest_shot_is_set_aside_where_better_ones_are_older_and_takes_the_poorest_ones_place_when_asked() -> None:
    shots = BestShots()
    best = [shot(0.9 - at_s / 10, at_s) for at_s in (0.0, 1.0, 2.0)]
    poor = [shot(0.5, at_s) for at_s in (2.4, 2.6, 3.0)]
    assert [shots.offer(one) for one in best + poor] == [True, True, True, False, True, True]
    assert shots.spare is poor[2]
    assert [bool(one.crop.any()) for one in poor] == [False, False, True]
    shots.use_spare()
    assert shots.shots == [best[0], best[1], poor[2]]
    assert not best[2].crop.any()


def test_a_better_shot_takes_the_place_of_the_one_beside_it_unless_that_was_embedded() -> None:
    shots, first = BestShots(), shot(0.5, 1.0)
    shots.offer(first)
    assert shots.offer(shot(0.6, 1.1))
    assert len(shots) == 1
    shots.shots[0].vector = np.ones(4, np.float32)
    assert not shots.offer(shot(0.9, 1.2))
    assert shots.offer(shot(0.9, 1.31))


def test_wiping_leaves_no_pixel_and_no_vector() -> None:
    shots, one = BestShots(), shot(0.5)
    one.surroundings, one.vector = np.ones((4, 4, 3), np.uint8), np.ones(4, np.float32)
    vector = one.vector
    shots.offer(one)
    shots.wipe()
    assert not one.crop.any()
    assert not one.surroundings.any()
    assert not vector.any()
    assert len(shots) == 0


def unit(*numbers: float) -> Float:
    return np.array(numbers, np.float32) / np.float32(np.linalg.norm(numbers))


def test_a_fused_probe_leans_to_the_better_shots_and_is_of_length_1() -> None:
    good, poor = unit(1, 0.2, 0), unit(0, 0.2, 1)
    probe = fused(np.stack([good, poor]), np.array([0.9, 0.3], np.float32))
    assert np.linalg.norm(probe) == pytest.approx(1, abs=1e-6)
    assert probe @ good > probe @ poor


def test_one_shot_is_its_own_probe_and_shots_that_cancel_out_leave_the_best() -> None:
    one = unit(1, 2, 3)
    assert fused(one[None], np.array([0.4], np.float32)) == pytest.approx(one, abs=1e-6)
    assert fused(np.stack([one, -one]), np.array([0.7, 0.7], np.float32)) == pytest.approx(one, abs=1e-6)


class Watched(np.ndarray):
    """Remembers every array that was made of one."""

    made: ClassVar[list[np.ndarray]] = []

    def __array_finalize__(self, _source: object) -> None:
        Watched.made.append(self)


@pytest.mark.parametrize("sign", [1, -1], ids=["alike", "cancelling out"])
def test_of_what_was_fused_nothing_is_left_but_the_probe(sign: int) -> None:
    one = unit(1, 2, 3)
    vectors = np.stack([one, np.float32(sign) * one]).view(Watched)
    Watched.made.clear()
    probe = fused(vectors, np.array([0.7, 0.7001], np.float32))
    left = [array for array in Watched.made if array.size >= 3 and not np.shares_memory(array, vectors)]
    assert all(np.shares_memory(array, probe) or not np.asarray(array).any() for array in left)
