"""The plate reader reads what is written, and CTC is undone right."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.vocabulary import PlateColour
from demo.draw.plates import draw_plate
from models.plate_reader import CHARACTERS, decode
from models.protocols import PlateReading
from models.types import ModelInputError
from tests.support.evaluation import require_evaluation, rows

DRAWN = [
    ("京A12345", PlateColour.BLUE),
    ("苏E05EV8", PlateColour.BLUE),
    ("皖K66666", PlateColour.BLUE),
    ("粤B8Q2M7", PlateColour.YELLOW),
    ("沪AF12345", PlateColour.GREEN),
]


@pytest.mark.parametrize(("text", "colour"), DRAWN)
def test_a_drawn_plate_is_read(text: str, colour: PlateColour, plate_reader: PlateReading) -> None:
    read = plate_reader.read([draw_plate(text, colour)])[0]
    assert read.text == text
    assert min(read.confidences) > 0.5


def test_a_read_does_not_depend_on_the_crops_beside_it(plate_reader: PlateReading) -> None:
    crops = [draw_plate(text, colour) for text, colour in DRAWN] * 2
    together = plate_reader.read(crops)
    alone = [plate_reader.read([crop])[0] for crop in crops[: len(DRAWN)]]
    assert [read.text for read in together] == [read.text for read in alone] * 2
    for one, other in zip(together, alone, strict=False):
        np.testing.assert_allclose(one.confidences, other.confidences, atol=1e-4)


def test_nothing_gives_nothing(plate_reader: PlateReading) -> None:
    assert plate_reader.read([]) == []


def test_photographed_plates_are_read(plate_reader: PlateReading) -> None:
    folder = require_evaluation("plates")
    labels = rows(folder, "labels.csv")[::3]
    crops = [np.asarray(cv2.imread(str(folder / "crops" / row["file"])), np.uint8) for row in labels]
    right = sum(read.text == row["plate"] for read, row in zip(plate_reader.read(crops), labels, strict=True))
    assert right / len(labels) >= 0.98


@pytest.mark.parametrize("shape", [(0, 100, 3), (32, 0, 3), (32, 100), (32, 100, 4)])
def test_a_crop_that_is_no_picture_is_refused(shape: tuple[int, ...], plate_reader: PlateReading) -> None:
    with pytest.raises(ModelInputError, match=r"crops\[1\]"):
        plate_reader.read([np.zeros((32, 100, 3), np.uint8), np.zeros(shape, np.uint8)])


def _steps(path: list[tuple[int, float]]) -> np.ndarray:
    """Network output that takes symbol i with probability p at each step of ``path``."""
    steps = np.zeros((len(path), 73), np.float32)
    for time, (symbol, chance) in enumerate(path):
        steps[time] = (1 - chance) / 72
        steps[time, symbol] = chance
    return steps


def test_repeats_fall_together_and_a_blank_parts_them() -> None:
    read = decode(_steps([(2, 0.9), (2, 0.95), (0, 0.9), (2, 0.8), (11, 0.7), (11, 0.6)]))
    assert read.text == "11A"
    assert read.confidences == pytest.approx((0.95, 0.8, 0.7))


def test_blanks_alone_are_no_text() -> None:
    assert decode(_steps([(0, 0.9)] * 5)).text == ""


@given(st.lists(st.tuples(st.sampled_from(range(1, 73)), st.integers(1, 3)), max_size=12))
def test_any_text_written_with_repeats_and_blanks_is_read_back(written: list[tuple[int, int]]) -> None:
    path = [step for symbol, repeats in written for step in [(symbol, 0.9)] * repeats + [(0, 0.9)]]
    read = decode(_steps(path))
    assert read.text == "".join(CHARACTERS[symbol - 1] for symbol, _ in written)
    assert len(read.confidences) == len(written)
