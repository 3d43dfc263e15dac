"""Fonts from Python packages, so that a picture is the same on every machine.

Chinese: Noto Sans CJK Bold (OFL) from `cvttf-notosanscjk-bold`. Latin and digits: DejaVu Sans from matplotlib.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Script = Literal["latin", "cjk"]


class FontMissingError(RuntimeError):
    """A package that carries a font is not installed."""


def _package_folder(package: str, distribution: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FontMissingError(f"the demo draws with a font from {distribution}: install the 'dev' extra")
    return Path(spec.origin).parent


@lru_cache(maxsize=2)
def font_path(script: Script) -> Path:
    """File of the bold font for ``script``. Raises FontMissingError."""
    if script == "cjk":
        return _package_folder("cvttf_NotoSansCJK_Bold", "cvttf-notosanscjk-bold") / "NotoSansCJKtc-Bold.otf"
    return _package_folder("matplotlib", "matplotlib") / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"


@lru_cache(maxsize=64)
def _font(script: Script, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_path(script)), size_px)


def script_of(text: str) -> Script:
    """The font that has all of ``text``: Noto for anything beyond Latin."""
    return "cjk" if any(ord(character) > 0x2E7F for character in text) else "latin"


@lru_cache(maxsize=512)
def text_mask(text: str, size_px: int) -> npt.NDArray[np.uint8]:
    """Coverage of ``text`` set in one line, uint8 (h, w), cropped to its ink."""
    font = _font(script_of(text), size_px)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
    picture = Image.new("L", (right - left + 4, bottom - top + 4), 0)
    ImageDraw.Draw(picture).text((2 - left, 2 - top), text, 255, font=font)
    box = picture.getbbox()
    mask = np.asarray(picture.crop(box) if box else picture, np.uint8)
    mask.setflags(write=False)
    return mask
