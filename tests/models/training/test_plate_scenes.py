"""Composed scenes: the corners told are where the plates are, whatever is laid over and done to them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.plate_crop import rectify
from models.training.plate_detector.backgrounds import draw_background
from models.training.plate_detector.lettering import NoFontError
from models.training.plate_detector.lookalikes import draw_lookalike
from models.training.plate_detector.placing import Pose, in_front, lay, see, seen_at
from models.training.plate_detector.plate_pictures import PlatePicture
from models.training.plate_detector.scene import MIN_PX, Kit, Scene, compose
from models.training.plate_detector.targets import targets
from models.training.plate_detector.vehicles import _car_back
from models.training.plate_detector.views import view
from models.types import Float, Image


def checked_plate() -> Image:
    """Red left, green right, a blue upper edge: its corners can be told from its colours."""
    plate = np.zeros((140, 440, 3), np.uint8)
    plate[:, :220], plate[:, 220:], plate[:20] = (0, 0, 255), (0, 255, 0), (255, 0, 0)
    return plate


@pytest.fixture(scope="module")
def kit() -> Kit:
    plates = (
        PlatePicture(checked_plate(), 440, 140, 1, "checked"),
        PlatePicture(np.asarray(cv2.resize(checked_plate(), (440, 220)), np.uint8), 440, 220, 2, "checked, two rows"),
    )
    try:
        return Kit.drawn(np.random.default_rng(1), plates, (), vehicles=4, lookalikes=12)
    except NoFontError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def scenes(kit: Kit) -> list[Scene]:
    random = np.random.default_rng(2)
    return [compose(random, kit, 512, 320) for _ in range(24)]


def test_most_scenes_have_plates_and_some_have_none(scenes: list[Scene]) -> None:
    counts = [len(scene.quads) for scene in scenes]
    assert sum(counts) >= len(scenes) / 2
    assert max(counts) <= 3


def test_plates_asked_for_are_whole_wide_enough_and_told_clockwise_from_their_top_left(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.picture.shape == (320, 512, 3)
        for quad in scene.quads:
            assert (quad > -2).all()
            assert (quad < (514, 322)).all()
            assert np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3]) >= 1.9 * MIN_PX
            assert cv2.contourArea(quad.astype(np.float32), oriented=True) > 0
            assert quad[0, 0] < quad[1, 0]


def test_the_same_seed_composes_the_same_scene(kit: Kit) -> None:
    one, other = (compose(np.random.default_rng(7), kit, 320, 192) for _ in range(2))
    assert np.array_equal(one.picture, other.picture)
    assert np.array_equal(one.quads, other.quads)


def test_a_thing_laid_in_perspective_lies_at_the_corners_told() -> None:
    plate = np.dstack([checked_plate(), np.full((140, 440), 255, np.uint8)])
    picture = np.full((320, 512, 3), 90, np.uint8)
    matrix = see(Pose(roll=0.3, yaw=-0.5, pitch=0.3), 0.5, (220, 70), (250, 160), 512)
    assert in_front(matrix, 440, 140)
    cover = lay(picture, plate, matrix)
    quad = seen_at(matrix, np.array([[0, 0], [440, 0], [440, 140], [0, 140]], np.float32))
    crop = rectify(picture, quad, margin=-0.06, width=88, height=28)
    assert np.abs(crop[10:24, 6:38].astype(int) - (0, 0, 255)).max() < 40
    assert np.abs(crop[10:24, 50:82].astype(int) - (0, 255, 0)).max() < 40
    inside = np.zeros((320, 512), np.uint8)
    cv2.fillConvexPoly(inside, np.round(quad).astype(np.int32), 1)
    assert abs(int((cover > 127).sum()) - int(inside.sum())) < 0.05 * inside.sum()


def test_what_would_reach_behind_the_camera_is_not_laid() -> None:
    assert not in_front(see(Pose(yaw=1.4, lens=0.5), 3.0, (220, 70), (250, 160), 512), 440, 140)


def square(*box: float) -> Float:
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def test_the_cell_in_a_plates_middle_wants_a_score_of_one_and_knows_the_corners() -> None:
    quad = square(64, 60, 192, 100)
    wanted = targets(quad[None], np.zeros((0, 4, 2), np.float32), 320, 192, 8)
    row, column = np.unravel_index(int(wanted.score.argmax()), wanted.score.shape)
    middle = (np.array((column, row), np.float32) + 0.5) * 8
    assert wanted.score.max() == 1
    assert np.abs(middle - (128, 80)).max() <= 8
    assert np.allclose(wanted.corners[:, row, column].reshape(4, 2) + middle, quad)
    assert wanted.height_px[row, column] == pytest.approx(40)
    assert wanted.score[:, :7].max() < 0.01


def test_nothing_is_asked_where_a_plate_may_be_found_or_not_but_for_the_middle_of_another() -> None:
    maybe, sure = square(40, 40, 200, 120), square(100, 60, 180, 100)
    wanted = targets(sure[None], maybe[None], 320, 192, 8)
    assert wanted.counts[6, 6] == 0
    assert wanted.counts[10, 17] > 0
    assert wanted.counts[20, 35] == 1


def test_small_plates_are_not_drowned_by_large_ones() -> None:
    none = np.zeros((0, 4, 2), np.float32)
    small = targets(square(100, 60, 140, 73)[None], none, 320, 192, 8).near.sum()
    large = targets(square(20, 40, 300, 130)[None], none, 320, 192, 8).near.sum()
    assert small < large < 8 * small


def test_a_view_shows_the_plates_it_tells_of(scenes: list[Scene]) -> None:
    random = np.random.default_rng(5)
    for scene in scenes:
        part = view(scene, random, 320, 192)
        assert part.picture.shape == (192, 320, 3)
        assert len(part.quads) + len(part.ignored) == len(scene.quads) + len(scene.ignored)
        for quad in part.quads:
            assert (quad > -2).all()
            assert (quad < (322, 194)).all()


def test_a_car_whose_boot_reaches_far_down_still_has_a_place_for_its_plate() -> None:
    vehicle = _car_back(np.random.default_rng(79), draw_background(np.random.default_rng(9), (), 320, 240))
    left, top, right, bottom = vehicle.plate
    assert 0 <= left < right <= vehicle.picture.shape[1]
    assert 0 <= top < bottom <= vehicle.picture.shape[0]


def test_lookalikes_of_every_kind_can_be_drawn() -> None:
    try:
        drawn = [draw_lookalike(np.random.default_rng(seed)) for seed in range(60)]
    except NoFontError as missing:
        pytest.skip(str(missing))
    assert all(one.ndim == 3 and one.shape[2] == 4 and one[..., 3].any() for one in drawn)
