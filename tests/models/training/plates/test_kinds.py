"""Every type of plate has texts that can be issued, and a place on the plate for each character."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from core.contract.plates import PlateForm, parse_plate
from models.training.plates.glyphs import PROVINCES
from models.training.plates.kinds import KINDS, Kind

FORMS = {
    "new energy, small": PlateForm.NEV_SMALL,
    "new energy, large": PlateForm.NEV_LARGE,
    "police": PlateForm.POLICE,
    "motorcycle, police": PlateForm.POLICE,
    "learner": PlateForm.LEARNER,
    "trailer": PlateForm.TRAILER,
    "Hong Kong, Macau": PlateForm.HONG_KONG_MACAU,
    "embassy": PlateForm.EMBASSY,
    "consulate": PlateForm.CONSULATE,
    "military": PlateForm.MILITARY,
    "armed police": PlateForm.ARMED_POLICE,
    "emergency": PlateForm.EMERGENCY,
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_its_texts_are_plates_of_its_form(kind: Kind) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        text = kind.text(rng)
        plate = parse_plate(text)
        assert plate is not None, text
        assert plate.form is FORMS.get(kind.name, PlateForm.STANDARD), text


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_its_characters_stand_on_the_plate_and_apart(kind: Kind) -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        text = kind.text(rng)
        layout = kind.layout(text)
        assert len(layout.cells) == len(text)
        for cell in layout.cells:
            assert 0 <= cell.left <= layout.width - cell.width
            assert 0 <= cell.top <= layout.height - cell.height
        for one, other in zip(layout.cells, layout.cells[1:], strict=False):
            assert one.left + one.width <= other.left or one.top + one.height <= other.top


def test_rare_provinces_are_as_frequent_as_common_ones() -> None:
    rng = np.random.default_rng(3)
    blue = next(kind for kind in KINDS if kind.name == "blue")
    counts = Counter(blue.text(rng)[0] for _ in range(6200))
    assert set(counts) == set(PROVINCES)
    assert min(counts.values()) > 140
    assert max(counts.values()) < 270
