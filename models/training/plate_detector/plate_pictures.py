"""Upright plates for scenes, of every type, drawn by what draws them for the reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.training.plates.fonts import Split
from models.training.plates.glyphs import GlyphBank
from models.training.plates.kinds import KINDS
from models.training.plates.paint import paint
from models.types import Image


@dataclass(frozen=True, slots=True)
class PlatePicture:
    """picture: uint8 (h, w, 3), the plate and nothing else; width_mm, height_mm: how large it is; rows: 1 or 2."""

    picture: Image
    width_mm: float
    height_mm: float
    rows: int
    kind: str


def draw_plates(random: np.random.Generator, count: int, fonts: Path, split: Split) -> tuple[PlatePicture, ...]:
    """``count`` plates in the typefaces of ``split``. Raises FontsMissingError."""
    bank = GlyphBank(split, fonts)
    weights = np.array([kind.weight for kind in KINDS])
    plates = []
    for index in random.choice(len(KINDS), count, p=weights / weights.sum()):
        kind = KINDS[index]
        text = kind.text(random)
        layout, drawing = kind.layout(text), paint(kind, text, bank, random)
        (left, top), (right, bottom) = drawing.quad[0].astype(int), drawing.quad[2].astype(int)
        plate = drawing.bgr[top:bottom, left:right].copy()
        plates.append(PlatePicture(plate, layout.width, layout.height, layout.rows, kind.name))
    return tuple(plates)
