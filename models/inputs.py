"""The border between the world's pictures and the models: whatever no model can look at stops here."""

from __future__ import annotations

import numpy as np

from models.types import Image, ModelInputError

MAX_PIXELS = 100_000_000
"""No camera of an estate gives more; something that does is refused before it costs memory."""


def checked_image(image: object, what: str) -> Image:
    """``image`` as a contiguous uint8 (h, w, 3) array. Raises ModelInputError that names ``what``."""
    if not isinstance(image, np.ndarray):
        raise ModelInputError(f"{what}: a numpy array is needed, not {type(image).__name__}")
    if image.dtype != np.uint8:
        raise ModelInputError(f"{what}: 8-bit pixels (uint8) are needed, not {image.dtype}")
    if image.ndim != 3 or image.shape[2] != 3:
        raise ModelInputError(f"{what}: shape (height, width, 3) in BGR is needed, not {image.shape}")
    height, width = image.shape[:2]
    if height == 0 or width == 0:
        raise ModelInputError(f"{what}: the picture is empty ({width}x{height} pixels)")
    if height * width > MAX_PIXELS:
        raise ModelInputError(f"{what}: {width}x{height} pixels are more than {MAX_PIXELS}")
    return np.ascontiguousarray(image)


def checked_points(points: object, count: int, what: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """``points`` as float64 (count, 2). Raises ModelInputError when they are not ``count`` finite points."""
    if not isinstance(points, np.ndarray) or points.dtype.kind not in "fiu":
        raise ModelInputError(f"{what}: a numpy array of numbers is needed")
    if points.shape != (count, 2):
        raise ModelInputError(f"{what}: shape ({count}, 2) is needed, not {points.shape}")
    if not np.isfinite(points).all():
        raise ModelInputError(f"{what}: a coordinate is not a finite number")
    return points.astype(np.float64)


def checked_unit(value: float, what: str) -> float:
    """``value`` if it lies in [0, 1]. Raises ModelInputError, for NaN too."""
    if not 0.0 <= value <= 1.0:
        raise ModelInputError(f"{what}: {value} is not in 0..1")
    return value
