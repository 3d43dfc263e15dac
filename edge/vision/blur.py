"""Faces made unrecognisable before a picture is stored, and the picture made small enough to send.

A blur can be inverted in part; averages of a few large blocks can't be: what is left of a face is 4 x 4 colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.contract.events import MAX_PICTURE_BYTES
from models.protocols import FaceDetecting
from models.types import Float, Image

BLOCKS = 4
_GROWTH = 1.7
"""Detector boxes end at brows and chin; ears, hair and jaw line tell people apart too."""
_MIN_SCORE = 0.3
"""Far below what recognition wants: a blurred lamp costs nothing, a missed face does."""
_NETWORK_SIDES = (1280, 480)
"""Small faces need the large picture; faces that fill a frame are only found on a small one."""
_QUALITIES = (82, 70, 55, 40)


@dataclass(frozen=True, slots=True)
class BlurredPicture:
    """image: uint8 (h, w, 3) BGR with ``faces`` regions blurred, a copy of what was given."""

    image: Image
    faces: int


class PictureTooLargeError(ValueError):
    """The picture can't be made small enough to send."""


def blur_faces(image: Image, detector: FaceDetecting) -> BlurredPicture:
    """``image`` with every face in it blurred.

    Whatever the detector raises is let through: a picture that couldn't be searched must not be stored.
    """
    boxes = np.concatenate(
        [detector.detect([image], max_side=side, min_score=_MIN_SCORE)[0].boxes for side in _NETWORK_SIDES]
    )
    grown = _distinct(_grow(boxes, image.shape[1], image.shape[0]))
    blurred = image.copy()
    for x0, y0, x1, y1 in grown:
        # Taken from the original: overlapping regions must not average each other's edges back in.
        blurred[y0:y1, x0:x1] = _blocks(image[y0:y1, x0:x1])
    return BlurredPicture(blurred, len(grown))


def encode_jpeg(image: Image, *, max_width: int = 1280) -> tuple[bytes, int, int]:
    """JPEG of at most ``MAX_PICTURE_BYTES``, its width and height in pixels. Raises PictureTooLargeError."""
    height, width = image.shape[:2]
    scale = min(1.0, max_width / width, 4 * max_width / height)
    for shrink in (1.0, 0.75, 0.5):
        size = (max(1, round(width * scale * shrink)), max(1, round(height * scale * shrink)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if size != (width, height) else image
        for quality in _QUALITIES:
            done, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if done and encoded.nbytes <= MAX_PICTURE_BYTES:
                return encoded.tobytes(), size[0], size[1]
    raise PictureTooLargeError(f"a picture of {width}x{height} does not fit into {MAX_PICTURE_BYTES} bytes as JPEG")


def _grow(boxes: Float, width: int, height: int) -> list[tuple[int, int, int, int]]:
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]) / 2 * _GROWTH
    corners = np.concatenate([np.floor(centres - halves), np.ceil(centres + halves)], axis=1)
    limited = np.clip(corners, 0, [width, height, width, height]).astype(int)
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in limited.tolist() if x1 > x0 and y1 > y0]


def _distinct(regions: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Without regions whose middle another one nearly shares: both network sizes usually find the same face."""
    kept: list[tuple[int, int, int, int]] = []
    for region in regions:
        twin = next((at for at, other in enumerate(kept) if _same(region, other)), None)
        if twin is None:
            kept.append(region)
        else:
            other = kept[twin]
            kept[twin] = (
                min(region[0], other[0]),
                min(region[1], other[1]),
                max(region[2], other[2]),
                max(region[3], other[3]),
            )
    return kept


def _same(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return False
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height > 0.5 * smaller


def _blocks(region: Image) -> Image:
    height, width = region.shape[:2]
    small = cv2.resize(
        region, (max(1, min(BLOCKS, width // 4)), max(1, min(BLOCKS, height // 4))), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
