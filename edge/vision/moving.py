"""Bodies without a model for them: whatever moves against a background that stays, told apart by its shape alone.

A makeshift, and the edge says so. Somebody who stands still, or a vehicle that has parked, becomes background within a
minute or so; people close together are one; rain, headlights and trees in the wind may count. One instance a camera:
it learns that camera's background.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.face_detector import shrink
from models.inputs import checked_image
from models.types import Bodies, BodyKind, Image

_SIDE = 320
_HISTORY_LOOKS = 200
_VARIANCE = 30.0
_SMALLEST = 0.002
"""Of the picture's area."""
_UPRIGHT = 1.2
"""Higher than wide by that much: somebody on foot; else a vehicle."""
_SCORE = 0.5
_MOVED = 255


class MovingBodies:
    """`models.protocols.BodyDetecting` by background subtraction; the pictures of one camera, in order."""

    def __init__(self) -> None:
        self._background = cv2.createBackgroundSubtractorMOG2(_HISTORY_LOOKS, _VARIANCE, detectShadows=True)
        self._learned = False

    def detect(self, images: Sequence[Image], *, max_side: int = 416, min_score: float = 0.4) -> list[Bodies]:
        """What moves in each image, in pixels of that image. Raises ModelInputError."""
        return [self._moving(checked_image(image, "image"), min(max_side, _SIDE), min_score) for image in images]

    def _moving(self, image: Image, side: int, min_score: float) -> Bodies:
        small = shrink(image, side)
        mask = self._background.apply(small)
        if not self._learned or min_score > _SCORE:
            self._learned = True
            return Bodies.none()
        moved = np.asarray(mask == _MOVED, np.uint8)
        moved = np.asarray(cv2.morphologyEx(moved, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
        moved = np.asarray(cv2.dilate(moved, np.ones((9, 5), np.uint8)), np.uint8)
        found = [
            cv2.boundingRect(shape) for shape in cv2.findContours(moved, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
        ]
        area = small.shape[0] * small.shape[1]
        found = [(x, y, wide, high) for x, y, wide, high in found if wide * high >= _SMALLEST * area]
        boxes = np.array([(x, y, x + wide, y + high) for x, y, wide, high in found], np.float32).reshape(-1, 4)
        boxes *= np.float32(image.shape[1] / small.shape[1])
        kinds = [BodyKind.PERSON if high >= _UPRIGHT * wide else BodyKind.VEHICLE for _, _, wide, high in found]
        return Bodies(boxes, np.array(kinds, np.uint8), np.full(len(found), _SCORE, np.float32))
