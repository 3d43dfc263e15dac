"""One number, one picture; what is drawn fills its cell and can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.plates.camera import ORDINARY, TRAINING
from models.training.plates.fonts import CHINESE, LATIN, PACKAGES, FontsMissingError, located
from models.training.plates.glyphs import DIGITS, LETTERS
from models.training.plates.kinds import KINDS, Kind
from models.training.plates.paint import paint
from models.training.plates.samples import sample
from models.training.plates.strokes import Hand, draw_stroke
from tests.models.training.plates.typefaces import few_typefaces

SIZE = (208, 64)


def test_the_same_number_draws_the_same_crop() -> None:
    first, again = (sample(few_typefaces(), TRAINING, (1, 7), SIZE) for _ in range(2))
    assert first.text == again.text
    np.testing.assert_array_equal(first.crop, again.crop)


def test_another_number_or_stream_draws_another() -> None:
    texts = {sample(few_typefaces(), TRAINING, seed, SIZE).text for seed in ((1, 7), (1, 8), (2, 7))}
    assert len(texts) == 3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_type_can_be_drawn_and_photographed(kind: Kind) -> None:
    drawing = paint(kind, kind.text(np.random.default_rng(1)), few_typefaces(), np.random.default_rng(1))
    left, top = drawing.quad[0].astype(int)
    right, bottom = drawing.quad[2].astype(int)
    assert drawing.bgr[top:bottom, left:right].std() > 15
    one = sample(few_typefaces(), ORDINARY, (3, 4), None, kind)
    assert one.crop.shape == ((100 if kind.layout(one.text).rows == 2 else 64), 200, 3)
    assert one.crop.dtype == np.uint8


@pytest.mark.parametrize("character", LETTERS + DIGITS)
def test_drawn_characters_fill_their_box(character: str) -> None:
    for seed in range(5):
        mask = draw_stroke(character, Hand.drawn(np.random.default_rng(seed)), 44, 88)
        rows, columns = np.flatnonzero(mask.max(axis=1) > 127), np.flatnonzero(mask.max(axis=0) > 127)
        assert rows[0] <= 4
        assert rows[-1] >= 83
        assert character == "1" or (columns[0] <= 5 and columns[-1] >= 38)


def test_no_typeface_is_in_training_and_held_out_too() -> None:
    for group in (LATIN, CHINESE):
        assert not {face.package for face in group["train"]} & {face.package for face in group["held_out"]}


def test_every_typeface_names_a_package_with_a_licence() -> None:
    for face in (*LATIN["train"], *LATIN["held_out"], *CHINESE["train"], *CHINESE["held_out"]):
        assert PACKAGES[face.package][2]


def test_missing_fonts_say_how_to_get_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("fonts")
    with pytest.raises(FontsMissingError, match=r"python -m models\.training\.plates\.fonts"):
        located(LATIN["held_out"], folder)
