"""Our plate reader reads every type, one row or two, and says which ground it saw."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.contract.vocabulary import PlateColour
from demo.draw.plates import draw_plate
from models.directory import ModelDirectory
from models.protocols import PlateReading
from models.store import open_plate_reader
from models.training.plates.kinds import KINDS, Kind
from models.training.plates.paint import paint
from models.types import ModelInputError
from tests.models.training.plates.typefaces import few_typefaces
from tests.support.evaluation import require_evaluation, rows

DRAWN = [
    ("京A12345", PlateColour.BLUE),
    ("苏E05EV8", PlateColour.BLUE),
    ("琼K66666", PlateColour.BLUE),
    ("粤B8Q2M7", PlateColour.YELLOW),
    ("沪AF12345", PlateColour.GREEN),
]


@pytest.fixture(scope="module")
def reader(store: ModelDirectory) -> PlateReading:
    return open_plate_reader("anju-plates", store=store)


@pytest.mark.parametrize(("text", "colour"), DRAWN)
def test_a_drawn_plate_is_read_with_its_ground(text: str, colour: PlateColour, reader: PlateReading) -> None:
    read = reader.read([draw_plate(text, colour)])[0]
    assert (read.text, read.colour) == (text, colour)
    assert min(read.confidences) > 0.5


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_type_is_read_in_one_row_or_two(kind: Kind, reader: PlateReading) -> None:
    right = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        text = kind.text(rng)
        drawing = paint(kind, text, few_typefaces(), rng)
        left, top = drawing.quad[0].astype(int)
        right_edge, bottom = drawing.quad[2].astype(int)
        right += reader.read([drawing.bgr[top:bottom, left:right_edge]])[0].text == text
    assert right >= 7


def test_a_read_does_not_depend_on_the_crops_beside_it(reader: PlateReading) -> None:
    crops = [draw_plate(text, colour) for text, colour in DRAWN] * 2
    together = reader.read(crops)
    alone = [reader.read([crop])[0] for crop in crops[: len(DRAWN)]]
    assert [read.text for read in together] == [read.text for read in alone] * 2
    for one, other in zip(together, alone, strict=False):
        np.testing.assert_allclose(one.confidences, other.confidences, atol=1e-4)


def test_nothing_gives_nothing(reader: PlateReading) -> None:
    assert reader.read([]) == []


def test_a_wall_is_no_plate(reader: PlateReading) -> None:
    walls = [np.full((64, 200, 3), shade, np.uint8) for shade in (0, 90, 255)]
    assert all(min(read.confidences, default=0.0) < 0.6 for read in reader.read(walls))


def test_photographed_plates_are_read(reader: PlateReading) -> None:
    folder = require_evaluation("plates")
    labels = rows(folder, "labels.csv")[::3]
    crops = [np.asarray(cv2.imread(str(folder / "crops" / row["file"])), np.uint8) for row in labels]
    right = sum(read.text == row["plate"] for read, row in zip(reader.read(crops), labels, strict=True))
    assert right / len(labels) >= 0.98


@pytest.mark.parametrize("shape", [(0, 100, 3), (32, 0, 3), (32, 100), (32, 100, 4)])
def test_a_crop_that_is_no_picture_is_refused(shape: tuple[int, ...], reader: PlateReading) -> None:
    with pytest.raises(ModelInputError, match=r"crops\[1\]"):
        reader.read([np.zeros((32, 100, 3), np.uint8), np.zeros(shape, np.uint8)])
