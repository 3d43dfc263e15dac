"""Cutting a plate out of a picture by its four corners, as if seen from the front."""

from __future__ import annotations

import cv2
import numpy as np

from models.inputs import checked_image, checked_points
from models.types import Float, Image, ModelInputError

MAX_SIDE = 4096


def rectify(image: Image, quad: Float, *, margin: float = 0.04, width: int = 200, height: int = 64) -> Image:
    """uint8 (height, width, 3) BGR: the plate with corners ``quad``, straightened.

    quad: (4, 2) top left, top right, bottom right, bottom left, pixels of ``image``; margin: how much wider and higher
    than the quad the crop is, as a fraction, -0.5..1; outside the picture its edge is repeated. Raises ModelInputError,
    also for corners without an area.
    """
    picture = checked_image(image, "image")
    corners = checked_points(quad, 4, "quad")
    if not -0.5 <= margin <= 1.0:
        raise ModelInputError(f"margin: {margin} is not in -0.5..1")
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ModelInputError(f"width and height: {width}x{height} is not in 1..{MAX_SIDE}")
    if abs(cv2.contourArea(corners.astype(np.float32))) < 1.0:
        raise ModelInputError("quad: its corners enclose no area")
    centre = corners.mean(axis=0)
    wider = (centre + (corners - centre) * (1 + margin)).astype(np.float32)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(wider, target)
    crop = cv2.warpPerspective(
        picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8)
