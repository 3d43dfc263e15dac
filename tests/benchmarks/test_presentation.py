"""The figures of ISO/IEC 30107-3 are counted right, and what is drawn for an attack is what it says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.attacks import ATTACKS, SIDE_PX, Scene, bona_fide
from benchmarks.presentation import (
    AS_THEY_ARE,
    THROUGH_CAMERA,
    Check,
    Seen,
    equal_error,
    interval,
    regularity,
    score_all,
    sharpness,
    table,
    threshold_at,
)
from models.types import Float, Image

BOX = np.asarray([150, 130, 330, 350], np.float32)


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Two plain pictures with some structure in them; nobody's face."""
    rows, columns = np.mgrid[0:240, 0:240]
    photo = np.stack([120 + 80 * np.sin(rows / 9), 100 + 60 * np.cos(columns / 7), 90 + 0.5 * rows], axis=-1)
    box = np.asarray([70, 60, 170, 180], np.float32)
    return Scene(photo.astype(np.uint8), box, np.full((240, 240, 3), 90, np.uint8))


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"), [(0, 50, 0.0, 0.0714), (5, 50, 0.0435, 0.2136), (50, 50, 0.9286, 1.0)]
)
def test_an_interval_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    assert interval(part, whole) == pytest.approx((low, high), abs=1e-3)


def test_a_check_that_separates_errs_never_and_a_blind_one_every_other_time() -> None:
    low, high = np.linspace(0, 0.4, 50, dtype=np.float32), np.linspace(0.6, 1, 50, dtype=np.float32)
    assert equal_error(high, low) == 0
    assert equal_error(high, high) == pytest.approx(0.5, abs=0.02)
    assert equal_error(low, high) == 1


def test_a_threshold_refuses_the_share_of_faces_it_was_put_for() -> None:
    faces = np.arange(1000, dtype=np.float32)
    assert (faces < threshold_at(faces, 0.05)).mean() == pytest.approx(0.05)


def test_every_attack_of_every_kind_is_counted_and_faces_nobody_found_are_told() -> None:
    def shown() -> Iterator[Seen]:
        for person in range(40):
            for kind in (AS_THEY_ARE, THROUGH_CAMERA, *ATTACKS):
                good = kind in (AS_THEY_ARE, THROUGH_CAMERA)
                box: Float = BOX if good or kind != "cut out" or person else np.full(4, np.nan, np.float32)
                yield Seen(kind, person, np.full((480, 480, 3), 200 if good else 50, np.uint8), box)

    def brightness(picture: Image, _box: Float) -> float:
        return float(picture.mean())

    scored = score_all({"brightness": Check(brightness)}, shown())
    assert scored.missed == {"cut out": 1}
    rows = {row["what"]: row["ours"] for row in table(scored, {})}
    assert set(rows.values()) == {0.0}
    assert sum("BPCER" in what for what in rows) == 2
    assert any("cut out (D-EER 0 %, 1 not found as faces), 0-9 of 39" in what for what in rows)


def test_a_check_is_also_measured_as_it_ships_by_its_own_threshold_and_by_the_rule_for_passes() -> None:
    """Every third shot of an attack is lucky, and every third of a face is not: single shots err, passes do not."""

    def shown() -> Iterator[Seen]:
        for person in range(20):
            yield Seen(AS_THEY_ARE, person, np.full((480, 480, 3), 250, np.uint8), BOX)
            for kind in (THROUGH_CAMERA, *ATTACKS):
                for drawing in range(3):
                    lucky = (person + drawing) % 3 == 0
                    brightness = 250 if (kind == THROUGH_CAMERA) != lucky else 0
                    box: Float = np.full(4, np.nan, np.float32) if (kind, person) == ("printed", 0) else BOX
                    yield Seen(kind, person, np.full((480, 480, 3), brightness, np.uint8), box, drawing)

    scored = score_all({"brightness": Check(lambda picture, _: float(picture.mean()) / 255, 0.5)}, shown())
    assert scored.missed == {"printed": 1}
    rows = {row["what"]: row["ours"] for row in table(scored, {"brightness": 0.5})}

    def ours(start: str) -> float:
        (found,) = [share for what, share in rows.items() if what.startswith(start)]
        return float(found)

    single, passes = "brightness as it ships (at 0.5): ", "brightness as it ships (at 0.5), passes of 3 drawings: "
    assert ours(f"{single}BPCER, %, faces {THROUGH_CAMERA}") == 35.0
    assert ours(f"{single}BPCER, %, faces {AS_THEY_ARE}") == 0.0
    assert ours(f"{single}APCER, %, simulated: on a screen") == 35.0
    assert ours(f"{passes}BPCER, %, faces {THROUGH_CAMERA}") == 0.0
    assert ours(f"{passes}APCER, %, simulated: on a screen") == 0.0
    assert any(what.startswith(f"{passes}APCER, %, simulated: printed") and "of 19" in what for what in rows)


def test_what_is_drawn_is_a_cameras_picture_and_the_same_for_the_same_numbers(scene: Scene) -> None:
    for draw in (bona_fide, ATTACKS["on a screen"]):
        first, again = draw(scene, np.random.default_rng(5)), draw(scene, np.random.default_rng(5))
        assert first.shape == (SIDE_PX, SIDE_PX, 3)
        assert first.dtype == np.uint8
        np.testing.assert_array_equal(first, again)


def test_prints_are_duller_and_displays_bluer_than_what_they_show(scene: Scene) -> None:
    seen = bona_fide(scene, np.random.default_rng(6))[200:280, 200:280].astype(np.float32)
    sheet = ATTACKS["printed"](scene, np.random.default_rng(6))[200:280, 200:280].astype(np.float32)
    shown = ATTACKS["screen fills the view"](scene, np.random.default_rng(6))[200:280, 200:280].astype(np.float32)
    assert np.ptp(sheet, axis=2).mean() < np.ptp(seen, axis=2).mean()
    assert shown[..., 0].mean() / shown[..., 2].mean() > seen[..., 0].mean() / seen[..., 2].mean()


def test_the_plain_checks_see_softness_and_regularity() -> None:
    noise = np.random.default_rng(7).integers(90, 160, (480, 480, 3)).astype(np.uint8)
    soft = np.full_like(noise, 120)
    grid = np.clip(noise.astype(np.float32) + 60 * np.sin(np.arange(480) * 2)[None, :, None], 0, 255).astype(np.uint8)
    assert sharpness(noise, BOX) > sharpness(soft, BOX)
    assert regularity(noise, BOX) > regularity(grid, BOX)
