"""One look at one plate: straightened from the full picture, and read as the rows it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import av
import cv2
import numpy as np
import pytest

from core.contract.vocabulary import PlateColour
from demo.draw.plates import draw_plate
from edge.vision.plate_reading import ONE_ROW_PX, TWO_ROWS_PX, WIDTH_PX, aspect, read, sharpness, straightened
from models.types import Float, Image, PlateRead
from tests.edge.checkpoint.watching import picture
from tests.support.lane import two_row_plate

NOTHING = PlateRead("", ())


def plate_read(text: str, confidence: float) -> PlateRead:
    return PlateRead(text, (confidence,) * len(text))


@dataclass
class Reader:
    """Answers by how the crop looks."""

    answer: Callable[[Image], PlateRead]
    crops: list[Image] = field(default_factory=list)

    def read(self, crops: Sequence[Image]) -> list[PlateRead]:
        self.crops += crops
        return [self.answer(crop) for crop in crops]


def on_a_road(plate: Image, corners: Sequence[tuple[float, float]]) -> tuple[Image, Float]:
    height, width = plate.shape[:2]
    quad = np.array(corners, np.float32)
    own = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    road = np.full((360, 640, 3), (120, 125, 118), np.uint8)
    matrix = cv2.getPerspectiveTransform(own, quad)
    cv2.warpPerspective(plate, matrix, (640, 360), road, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT)
    return road, quad


FRONTAL = ((200.0, 100.0), (420.0, 100.0), (420.0, 170.0), (200.0, 170.0))
SIDEWAYS = ((200.0, 100.0), (340.0, 80.0), (340.0, 160.0), (200.0, 172.0))
"""A one-row plate seen from so far to the side that two rows would have that shape."""
TWO_ROWS = ((200.0, 100.0), (420.0, 110.0), (420.0, 220.0), (200.0, 210.0))


def test_a_plate_is_straightened_from_the_pixels_around_it() -> None:
    road, quad = on_a_road(draw_plate("京A12D45", PlateColour.BLUE), FRONTAL)
    plate = straightened(picture(0, road), quad, look=1)
    assert plate is not None
    assert not plate.tall
    assert plate.crop.shape == (ONE_ROW_PX, WIDTH_PX, 3)
    wanted = cv2.resize(draw_plate("京A12D45", PlateColour.BLUE), (WIDTH_PX, ONE_ROW_PX), interpolation=cv2.INTER_AREA)
    assert float(np.abs(plate.crop.astype(float) - wanted).mean()) < 16


def test_the_margin_changes_from_look_to_look() -> None:
    road, quad = on_a_road(draw_plate("京A12D45", PlateColour.BLUE), FRONTAL)
    crops = [straightened(picture(0, road), quad, look) for look in range(4)]
    assert all(crop is not None for crop in crops)
    shown = [crop.crop.tobytes() for crop in crops if crop is not None]
    assert len(set(shown)) == 3
    assert shown[0] == shown[3]


@pytest.mark.parametrize(
    "quad",
    [
        np.zeros((4, 2), np.float32),
        np.array([[10, 10], [90, 10], [90, 10], [10, 10]], np.float32),
        np.array([[700, 10], [790, 10], [790, 40], [700, 40]], np.float32),
    ],
)
def test_corners_without_a_plate_give_nothing(quad: Float) -> None:
    assert straightened(picture(0), quad, 0) is None


def test_a_plate_at_the_pictures_edge_is_cut_out_as_far_as_it_goes() -> None:
    quad = np.array([[-4, -3], [80, -3], [80, 24], [-4, 24]], np.float32)
    assert straightened(picture(0), quad, 0) is not None


def test_one_row_is_read_once() -> None:
    road, quad = on_a_road(draw_plate("京A12D45", PlateColour.BLUE), FRONTAL)
    plate = straightened(picture(0, road), quad, 0)
    assert plate is not None
    reader = Reader(lambda _crop: NOTHING)
    assert read(reader, plate, 0.9, colourless=False).text == ""
    assert len(reader.crops) == 1


def test_one_row_seen_from_the_side_is_read_whole_when_that_gives_a_plate() -> None:
    road, quad = on_a_road(draw_plate("京A12D45", PlateColour.BLUE), SIDEWAYS)
    plate = straightened(picture(0, road), quad, 0)
    assert plate is not None
    assert plate.tall
    reader = Reader(lambda _crop: plate_read("京A12D45", 0.9))
    seen = read(reader, plate, 0.9, colourless=False)
    assert (seen.text, seen.colour, len(reader.crops)) == ("京A12D45", PlateColour.BLUE, 1)


@pytest.mark.parametrize("whole", [NOTHING, plate_read("82967", 0.95), plate_read("苏B82961", 0.4)])
def test_two_rows_are_read_one_beside_the_other_when_the_whole_gives_no_sure_plate(whole: PlateRead) -> None:
    road, quad = on_a_road(two_row_plate("苏B82967"), TWO_ROWS)
    plate = straightened(picture(0, road), quad, 0)
    assert plate is not None
    reader = Reader(lambda crop: whole if crop.shape[0] == TWO_ROWS_PX else plate_read("苏B82967", 0.8))
    seen = read(reader, plate, 0.9, colourless=False)
    assert (seen.text, seen.colour) == ("苏B82967", PlateColour.YELLOW)
    assert len(reader.crops) == 2


def test_rows_that_read_worse_than_the_whole_are_not_taken() -> None:
    road, quad = on_a_road(draw_plate("京A12D45", PlateColour.BLUE), SIDEWAYS)
    plate = straightened(picture(0, road), quad, 0)
    assert plate is not None
    reader = Reader(lambda crop: plate_read("京A12D45" if crop.shape[0] == TWO_ROWS_PX else "A12D", 0.5))
    assert read(reader, plate, 0.9, colourless=False).text == "京A12D45"


def test_by_infrared_light_the_colour_is_unknown_and_fits_every_form() -> None:
    road, quad = on_a_road(draw_plate("沪AF12345", PlateColour.GREEN), FRONTAL)
    grey = np.repeat(cv2.cvtColor(road, cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    plate = straightened(picture(0, np.asarray(grey, np.uint8)), quad, 0)
    assert plate is not None
    seen = read(Reader(lambda _crop: plate_read("沪AF12345", 0.9)), plate, 0.9, colourless=True)
    assert (seen.text, seen.colour) == ("沪AF12345", PlateColour.UNKNOWN)


def test_a_reader_that_saw_the_grounds_colour_is_believed_but_not_by_infrared_light() -> None:
    road, quad = on_a_road(draw_plate("沪AF12345", PlateColour.GREEN), FRONTAL)
    plate = straightened(picture(0, road), quad, 0)
    assert plate is not None
    reader = Reader(lambda _crop: PlateRead("沪AF12345", (0.9,) * 8, "yellow_green"))
    assert read(reader, plate, 0.9, colourless=False).colour is PlateColour.YELLOW_GREEN
    assert read(reader, plate, 0.9, colourless=True).colour is PlateColour.UNKNOWN


def test_motion_takes_a_plates_sharpness_and_light_does_not() -> None:
    crop = cv2.resize(draw_plate("京A12D45", PlateColour.BLUE), (220, 70), interpolation=cv2.INTER_AREA)
    smeared = cv2.blur(crop, (17, 1))
    dusk = (crop * 0.4).astype(np.uint8)
    assert sharpness(np.asarray(smeared, np.uint8)) < 0.4 * sharpness(np.asarray(crop, np.uint8))
    assert sharpness(dusk) == pytest.approx(sharpness(np.asarray(crop, np.uint8)), rel=0.1)
    assert 0 <= sharpness(np.full((70, 220, 3), 90, np.uint8)) < 0.01


def test_the_shape_of_a_plate_is_told_from_all_four_sides() -> None:
    assert aspect(np.array(FRONTAL, np.float32)) == pytest.approx(220 / 70)
    assert aspect(np.array(TWO_ROWS, np.float32)) == pytest.approx(2.0, abs=0.02)


@dataclass
class MainStream:
    """The full pictures of a camera that is watched by its small stream."""

    image: Image

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]

    def near(self, at_s: float) -> av.VideoFrame | None:
        return av.VideoFrame.from_ndarray(self.image, format="bgr24")


def test_where_a_small_stream_is_watched_the_plate_is_cut_from_the_full_picture() -> None:
    road, quad = on_a_road(draw_plate("京A12D45", PlateColour.BLUE), FRONTAL)
    small = np.asarray(cv2.resize(road, (160, 90), interpolation=cv2.INTER_AREA), np.uint8)
    watched = picture(0, small)
    watched.full = MainStream(road)
    from_full, from_small = straightened(watched, quad, 0), straightened(picture(0, small), quad * np.float32(0.25), 0)
    assert from_full is not None
    assert from_small is not None
    assert from_full.sharpness > 1.5 * from_small.sharpness
