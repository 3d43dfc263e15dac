"""A phone that shows a QR pass, as a visitor's app would."""

from __future__ import annotations

import cv2
import numpy as np
import segno

from demo.draw.canvas import Canvas, Picture, Sprite, ellipse, rounded
from demo.draw.fonts import text_mask

QR_MODULE_PX = 5
"""Frame pixels per module: the pass must survive compression, and 5 was the least that always did."""
_QUIET_MODULES = 3


def qr_picture(text: str, module_px: int = QR_MODULE_PX) -> Picture:
    """The code of ``text`` at error level L with its quiet zone, uint8 (n, n, 3)."""
    rows = segno.make(text, error="l", micro=False, boost_error=False).matrix
    dark = np.asarray([[bool(module) for module in row] for row in rows])
    padded = np.pad(dark, _QUIET_MODULES)
    grey = np.where(padded, 26, 244).astype(np.uint8)
    large = cv2.resize(grey, None, fx=module_px, fy=module_px, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)


def draw_phone(pass_text: str) -> Sprite:
    """The phone held up with its pass, anchored in the middle of the code. Not to be scaled: pixels are modules."""
    code = qr_picture(pass_text)
    side = code.shape[0]
    bezel, head, foot = 14, 46, 34
    width, height = side + 2 * bezel, side + head + foot
    canvas = Canvas(width + 16, height + 16)
    left, top = 8, 6
    shadow = rounded(left + 3, top + 6, left + width + 3, top + height + 6, 26)
    canvas.shape(shadow, (20, 20, 20), soft=3, opacity=0.35)
    canvas.shape(rounded(left, top, left + width, top + height, 26), (34, 32, 32))
    canvas.shape(rounded(left + 6, top + 8, left + width - 6, top + height - 8, 20), (244, 244, 244))
    canvas.shape(rounded(left + 6, top + 8, left + width - 6, top + head - 4, 18), (150, 104, 40))
    label = text_mask("安居通行证", 22)
    canvas.stamp(
        label, (left + (width - label.shape[1]) / 2, top + 8 + (head - 12 - label.shape[0]) / 2), (255, 255, 255)
    )
    canvas.picture(code, (left + bezel, top + head))
    canvas.shape(ellipse((left + width / 2, top + height - 19), (34, 3)), (140, 140, 140))
    return canvas.to_sprite((left + bezel + side / 2, top + head + side / 2))


def draw_fingers(skin: tuple[float, float, float], unit_px: float) -> Sprite:
    """Four fingers round the phone's edge, anchored at their middle; they belong over the phone."""
    canvas = Canvas(round(0.7 * unit_px), round(1.5 * unit_px))
    x = 0.32 * unit_px
    for number in range(4):
        y = (0.28 + 0.31 * number) * unit_px
        canvas.shape(ellipse((x, y), (0.26 * unit_px, 0.145 * unit_px)), tuple(c * 0.72 for c in skin))  # type: ignore[arg-type]
        canvas.shape(ellipse((x + 1, y - 1), (0.25 * unit_px, 0.13 * unit_px)), tuple(c * 0.96 for c in skin))  # type: ignore[arg-type]
    return canvas.to_sprite((x, 0.75 * unit_px))
