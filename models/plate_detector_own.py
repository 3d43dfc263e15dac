"""Plate detector `anju-plate-det` on ONNX Runtime: trained by us on composed scenes; a score and four corners each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.face_detector import suppress
from models.inputs import checked_image, checked_unit
from models.resize import resize
from models.session import Session
from models.types import Float, Image, ModelInputError, Plates

MIN_SIDE, MAX_SIDE = 32, 1920
STRIDE, STEP = 8, 32
NMS_OVERLAP = 0.3
CANDIDATES = 200
LOOKED_AT_AGAIN = 6
"""Plates of one picture, the surest first, that are looked at from near."""
_NEAR_PX, _NEAR_SCORE, _LOOKS = 224, 0.3, 2
"""How wide a plate is then, in network pixels: corners of one that is a third of that are two or three pixels off."""
_AROUND, _EDGE_PX = 1.5, 4.0
_OUTPUTS = ["scores", "corners"]


class OwnPlateDetector:
    """Finds plates of one and two rows and their corners. Thread-safe."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """path: anju_plate_det.onnx. Raises ModelDamagedError."""
        self._session = Session(path, threads)

    @property
    def sure_px(self) -> int:
        """Found in one look, in composed scenes: 77 of 100 that are 56 to 80 wide, 85 of 80 to 120, 94 of wider ones;

        all 136 in the drawn lane, 80 and wider (models/weights/anju_plate_det.md).
        """
        return 56

    def detect(self, images: Sequence[Image], *, max_side: int = 960, min_score: float = 0.6) -> list[Plates]:
        """Plates of each image, best score first, in pixels of that image.

        max_side: the longer side is scaled to it, up or down, 32..1920; min_score: in [0, 1]. Raises ModelInputError.
        """
        if not MIN_SIDE <= max_side <= MAX_SIDE:
            raise ModelInputError(f"max_side: {max_side} is not in {MIN_SIDE}..{MAX_SIDE}")
        checked_unit(min_score, "min_score")
        checked = [checked_image(image, f"images[{index}]") for index, image in enumerate(images)]
        return [self._with_near_corners(image, self._found(image, max_side, min_score)) for image in checked]

    def _with_near_corners(self, image: Image, plates: Plates) -> Plates:
        """``plates`` with the corners they have when looked at from near: half as far off as from afar."""
        quads = plates.quads.copy()
        for index in range(min(len(quads), LOOKED_AT_AGAIN)):
            for _ in range(_LOOKS):
                quads[index] = self._from_near(image, quads[index])
        boxes = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
        return Plates(boxes.astype(np.float32), quads, plates.scores)

    def _from_near(self, image: Image, quad: Float) -> Float:
        """The plate's corners (4, 2) as a look at it alone shows them; ``quad`` itself where that shows no plate."""
        low, high = quad.min(axis=0), quad.max(axis=0)
        middle, width = (low + high) / 2, float(max(high[0] - low[0], 1.5 * (high[1] - low[1])))
        half = np.array([_AROUND, _AROUND * 0.6], np.float32) * width / 2 + _EDGE_PX
        corner, (x1, y1) = np.maximum(middle - half, 0).astype(int), np.ceil(middle + half).astype(int)
        part = np.ascontiguousarray(image[corner[1] : y1, corner[0] : x1])
        if part.size == 0 or width < 1:
            return quad
        side = round(max(part.shape[:2]) * _NEAR_PX / width)
        again = self._found(part, min(MAX_SIDE, max(MIN_SIDE, side)), _NEAR_SCORE)
        if not len(again):
            return quad
        apart = np.linalg.norm(again.quads.mean(axis=1) + corner - middle, axis=1)
        nearest = int(apart.argmin())
        if apart[nearest] > width / 2:
            return quad
        return np.asarray(again.quads[nearest] + corner, np.float32)

    def _found(self, image: Image, max_side: int, min_score: float) -> Plates:
        small = _scaled(image, max_side)
        blob = np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32)
        scores, corners = (answer[0] for answer in self._session.run(_OUTPUTS, blob))
        rows, columns = np.nonzero(_peaks(scores[0], min_score))
        middles = (np.stack([columns, rows], axis=1).astype(np.float32) + 0.5) * STRIDE
        quads = corners[:, rows, columns].T.reshape(-1, 4, 2) + middles[:, None]
        quads = quads * np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]], np.float32)
        boxes = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
        found = scores[0][rows, columns]
        best = suppress(boxes, found, min_score, NMS_OVERLAP, CANDIDATES)
        return Plates(boxes[best].astype(np.float32), quads[best].astype(np.float32), found[best])


def _scaled(image: Image, max_side: int) -> Image:
    """The longer side at ``max_side``, both at multiples of 32: at most 16 pixels out of shape."""
    height, width = image.shape[:2]
    ratio = max_side / max(height, width)
    return resize(image, *(max(STEP, round(side * ratio / STEP) * STEP) for side in (width, height)))


def _peaks(scores: Float, min_score: float) -> np.ndarray:
    """bool (h, w): cells of at least ``min_score`` that no neighbour exceeds."""
    return np.asarray((scores >= min_score) & (scores >= cv2.dilate(scores, np.ones((3, 3), np.uint8))))
