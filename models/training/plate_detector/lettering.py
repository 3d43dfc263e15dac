"""Letters for signs, badges and lamps, set in whatever fonts the machine has (Debian: fonts-noto-cjk, fonts-dejavu)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from models.training.plate_detector.chance import any_of
from models.training.plate_detector.sheet import Grey

FONTS = Path("/usr/share/fonts")
_LATIN = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
_CHINESE = (
    "停车场入口出请勿占用消防通道高压危险小心慢行安全出租公交校运货物流有限公司东西南北中京沪粤苏浙汽限载人电动快递"
)
_COMMON = tuple(bytes((row, cell)).decode("gb2312") for row in range(0xB0, 0xD7) for cell in range(0xA1, 0xFF))
"""The 3,666 commonest characters: GB 2312, level one, but for its last, short row."""
_SIZE = 96


class NoFontError(RuntimeError):
    """No font to draw with. The text says what to install."""


@lru_cache(maxsize=2)
def _files(*, chinese: bool) -> tuple[Path, ...]:
    found = sorted(FONTS.rglob("*CJK*.tt[cf]" if chinese else "*.ttf"))
    if not found:
        raise NoFontError(f"no font in {FONTS}: install fonts-noto-cjk and fonts-dejavu")
    return tuple(found)


@lru_cache(maxsize=64)
def _font(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), _SIZE)


def words(random: np.random.Generator, height_px: int, *, chinese: bool, plate_like: bool = False) -> Grey:
    """Coverage of a line of random letters, uint8 (height_px, w).

    plate_like: as many and such letters as a plate has, as on the boards of lorries.
    """
    letters: Sequence[str] = _LATIN
    if chinese:
        letters = _CHINESE if random.random() < 0.5 else _COMMON
    count = 7 if plate_like else int(random.integers(2, 8))
    text = "".join(letters[index] for index in random.integers(len(letters), size=count))
    if chinese and random.random() < 0.3:
        text = text[: len(text) // 2] + " " + text[len(text) // 2 :]
    files = _files(chinese=chinese)
    if plate_like:
        text, files = _CHINESE[random.integers(38, 44)] + text[1:], _files(chinese=True)
    font = _font(any_of(random, files))
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
    paper = Pictures.new("L", (max(1, right - left), max(1, bottom - top)), 0)
    ImageDraw.Draw(paper).text((-left, -top), text, 255, font=font)
    width = max(1, round(paper.width * height_px / paper.height * random.uniform(0.7, 1.2)))
    return np.asarray(paper.resize((width, height_px), Pictures.Resampling.BOX), np.uint8)
