"""Character masks of many typefaces, drawn once and then only stretched into their cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from models.training.plates.fonts import CHINESE, LATIN, Split, located
from models.training.plates.strokes import NARROW, Hand, draw_stroke
from models.types import Image

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS = "0123456789"
PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
MARKS = "使领警学挂港澳应急"
CELL = (44, 88)
"""Width and height of a stored mask, pixels: finer than any plate is drawn."""
_NARROW_SHARE = (0.22, 0.5)
_POINT_SIZE = 120
_HANDS: dict[Split, tuple[int, int]] = {"train": (0, 150), "held_out": (10_000, 30)}
"""First seed and number of drawn alphabets of a split."""
_VARIANTS: dict[Split, int] = {"train": 12, "held_out": 0}
"""How often each Chinese typeface is there once more, its characters bent and their strokes of another weight."""
_MOST_INK = 0.6
"""Share of the cell; with more, characters fill up."""
_BENT_PX, _KNOTS = 1.3, (4, 7)
"""How far parts of a character wander, and how many parts across and down wander on their own."""


@dataclass(frozen=True, slots=True)
class Typeface:
    """Masks uint8 (88, 44) by character, each filling its cell but for narrow ones."""

    masks: dict[str, Image]


class Typefaces(Protocol):
    """What plates are lettered with."""

    @property
    def printed(self) -> Sequence[Typeface]:
        """Letters and digits of font files."""
        ...

    @property
    def drawn(self) -> Sequence[Typeface]:
        """Letters and digits drawn as lines of one width."""
        ...

    @property
    def chinese(self) -> Sequence[Typeface]:
        """Provinces and marks of font files."""
        ...


class GlyphBank:
    """All typefaces of one split. Drawn on first use, a few seconds."""

    def __init__(self, split: Split, fonts: Path) -> None:
        self._split: Split = split
        self._latin_files = [
            (path, face.index) for path, face in zip(located(LATIN[split], fonts), LATIN[split], strict=True)
        ]
        self._chinese_files = [
            (path, face.index) for path, face in zip(located(CHINESE[split], fonts), CHINESE[split], strict=True)
        ]

    @cached_property
    def printed(self) -> list[Typeface]:
        """Letters and digits of font files."""
        return [from_font(path, index, LETTERS + DIGITS) for path, index in self._latin_files]

    @cached_property
    def drawn(self) -> list[Typeface]:
        """Letters and digits drawn as lines of one width."""
        first, count = _HANDS[self._split]
        return [from_hand(Hand.drawn(np.random.default_rng(first + index))) for index in range(count)]

    @cached_property
    def chinese(self) -> list[Typeface]:
        """Provinces and marks of font files, and variants of them."""
        plain = [from_font(path, index, PROVINCES + MARKS) for path, index in self._chinese_files]
        rng = np.random.default_rng(1)
        return plain + [varied(one, rng) for one in plain for _ in range(_VARIANTS[self._split])]


def varied(typeface: Typeface, rng: np.random.Generator) -> Typeface:
    """``typeface`` as another designer might have drawn it: all strokes bolder or finer, each character bent anew."""
    weight = rng.uniform(0.85, 1.25)
    return Typeface({character: _weighed(_bent(mask, rng), weight) for character, mask in typeface.masks.items()})


def _bent(mask: Image, rng: np.random.Generator) -> Image:
    width, height = CELL
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = rng.normal(0, _BENT_PX, (2, _KNOTS[1], _KNOTS[0])).astype(np.float32)
    aside, down = (cv2.resize(field, CELL, interpolation=cv2.INTER_CUBIC) for field in moved)
    return np.asarray(cv2.remap(mask, x + aside, y + 2 * down, cv2.INTER_LINEAR), np.uint8)


def _weighed(mask: Image, weight: float) -> Image:
    """weight: how much ink there is now for what was there before."""
    soft = cv2.GaussianBlur(mask, (0, 0), 1.2).astype(np.float32)
    share = min(_MOST_INK, float(mask.mean()) / 255 * weight)
    edge = float(np.quantile(soft, 1 - share))
    return np.asarray(np.clip((soft - edge) * 4 + 128, 0, 255), np.uint8)


def from_hand(hand: Hand) -> Typeface:
    """Letters and digits as ``hand`` draws them."""
    width, height = CELL
    narrow = round(width * (0.46 if hand.flag else 0.3))
    return Typeface(
        {
            character: _centred(draw_stroke(character, hand, narrow, height))
            if character in NARROW
            else draw_stroke(character, hand, width, height)
            for character in LETTERS + DIGITS
        }
    )


def from_font(path: Path, index: int, characters: str) -> Typeface:
    """``characters`` of face ``index`` in the font file ``path``."""
    font = ImageFont.truetype(str(path), _POINT_SIZE, index=index)
    return Typeface({character: _fitted(character, font) for character in characters})


def _fitted(character: str, font: ImageFont.FreeTypeFont) -> Image:
    """The character's ink stretched to its cell, as plates stretch theirs; a 1 keeps most of its shape."""
    canvas = PilImage.new("L", (_POINT_SIZE * 2, _POINT_SIZE * 2), 0)
    ImageDraw.Draw(canvas).text((_POINT_SIZE // 2, _POINT_SIZE // 3), character, 255, font=font)
    box = canvas.getbbox()
    assert box is not None, f"{character} is empty in this font"
    ink = np.asarray(canvas.crop(box), np.uint8)
    width, height = CELL
    if character not in NARROW:
        return np.asarray(cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    share = float(np.clip(ink.shape[1] / ink.shape[0] * height / width * 0.8, *_NARROW_SHARE))
    return _centred(np.asarray(cv2.resize(ink, (round(width * share), height), interpolation=cv2.INTER_AREA), np.uint8))


def _centred(mask: Image) -> Image:
    width, height = CELL
    cell = np.zeros((height, width), np.uint8)
    left = (width - mask.shape[1]) // 2
    cell[:, left : left + mask.shape[1]] = mask
    return cell
