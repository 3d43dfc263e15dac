"""Our own plate detector, on drawn plates: found where they were drawn, corners in reading order, nothing invented."""

from __future__ import annotations

import numpy as np
import pytest

from core.contract.vocabulary import PlateColour
from models.manifest import load_manifest
from models.plate_detector_own import OwnPlateDetector
from models.protocols import PlateDetecting
from models.store import open_plate_detector
from models.types import Image, ModelInputError
from tests.models.test_plate_detector import WIDTH_PX, scene_with_corners
from tests.support.lane import DrawnLane, Drive, through

LANE = (slice(378, 972), slice(422, 1498))
"""What a lane's watcher looks at: without the booth, whose blue nameboard with white letters is boxed like a plate."""


def watched(picture: Image) -> Image:
    return np.ascontiguousarray(picture[LANE])


@pytest.fixture(scope="module")
def detector() -> PlateDetecting:
    return open_plate_detector("anju-plate-det")


def test_it_comes_with_anju_and_needs_nobodys_yes(detector: PlateDetecting) -> None:
    model = load_manifest().model("anju-plate-det")
    assert isinstance(detector, OwnPlateDetector)
    assert model.files[0].bundled
    assert not model.acceptance
    assert model.files[0].size <= 1_500_000


@pytest.mark.parametrize("angle", [-30, -12, 0, 12, 30])
def test_corners_are_told_in_reading_order_however_the_plate_is_tilted(angle: float, detector: PlateDetecting) -> None:
    picture, corners = scene_with_corners("京A12345", PlateColour.BLUE, angle=angle)
    found = detector.detect([picture])[0]
    assert len(found) == 1
    assert np.abs(found.quads[0] - corners).max() < 0.1 * WIDTH_PX


@pytest.mark.parametrize(("plate", "rows"), [("苏B82967", 2), ("苏B82K67", 1)])
@pytest.mark.parametrize("max_side", [960, 1280, 1920])
def test_plates_of_both_shapes_are_found_on_a_lane(
    plate: str, rows: int, max_side: int, detector: PlateDetecting
) -> None:
    film = DrawnLane([Drive(plate, through(0), PlateColour.YELLOW, rows)], 30)
    found = detector.detect([watched(film.frame(26))], max_side=max_side)[0]
    assert len(found) == 1
    corners = film.corners(26)[plate] - (LANE[1].start, LANE[0].start)
    assert np.abs(found.quads[0] - corners).max() < 0.3 * np.ptp(corners[:, 1])


def test_an_empty_lane_has_no_plates(detector: PlateDetecting) -> None:
    assert len(detector.detect([watched(DrawnLane([], 1).frame(0))])[0]) == 0


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (900, 7), (33, 31)])
def test_a_picture_of_any_shape_is_looked_at(size: tuple[int, int], detector: PlateDetecting) -> None:
    assert len(detector.detect([np.full((*size, 3), 120, np.uint8)], max_side=320)[0]) == 0


@pytest.mark.parametrize("max_side", [31, 1921])
def test_a_size_out_of_range_is_refused(max_side: int, detector: PlateDetecting) -> None:
    with pytest.raises(ModelInputError, match="max_side"):
        detector.detect([np.zeros((90, 90, 3), np.uint8)], max_side=max_side)
