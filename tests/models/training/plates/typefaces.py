"""Typefaces that need no fetched fonts: two drawn alphabets, and the Chinese font of the dev extra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from demo.draw.fonts import font_path
from models.training.plates.glyphs import MARKS, PROVINCES, Typeface, from_font, from_hand
from models.training.plates.strokes import Hand


@dataclass(frozen=True, slots=True)
class FewTypefaces:
    printed: tuple[Typeface, ...]
    drawn: tuple[Typeface, ...]
    chinese: tuple[Typeface, ...]


@cache
def few_typefaces() -> FewTypefaces:
    hands = tuple(from_hand(Hand.drawn(np.random.default_rng(seed))) for seed in (1, 2))
    return FewTypefaces(hands, hands, (from_font(font_path("cjk"), 0, PROVINCES + MARKS),))
