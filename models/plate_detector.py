"""Plate detector `clp-det` on ONNX Runtime: RetinaFace on MobileNet 0.25 with a plate's four corners as landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from models.face_detector import suppress
from models.inputs import checked_image, checked_unit
from models.resize import resize
from models.session import Session
from models.types import Float, Image, ModelInputError, Plates

MIN_SIDE, MAX_SIDE = 32, 1920
MEAN_BGR = (104.0, 117.0, 123.0)
STRIDES = (8, 16, 32)
ANCHORS_PX = ((24, 48), (96, 192), (384, 768))
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
NMS_OVERLAP = 0.4
CANDIDATES = 1000
CORNER_ORDER = [2, 3, 0, 1]
"""The network tells bottom right first. Its own order, unlike sorting by angle, holds for tilted plates (45°)."""
_OUTPUTS = ["loc", "conf", "landms"]


class PlateDetector:
    """Finds plates and their corners. Thread-safe.

    Feed it so that a plate is at least 80 network pixels wide: 95 of 100 such are found, 65 at 50 pixels, none at 25.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """path: clp_det.onnx. Raises ModelDamagedError."""
        self._session = Session(path, threads)

    @property
    def sure_px(self) -> int:
        """Found: 95 of 100 of this width in the network's picture, 65 of 100 at 50 pixels."""
        return 80

    def detect(self, images: Sequence[Image], *, max_side: int = 960, min_score: float = 0.6) -> list[Plates]:
        """Plates of each image, best score first, in pixels of that image.

        max_side: the longer side is scaled to it, up or down, 32..1920; min_score: in [0, 1]. Raises ModelInputError.
        """
        if not MIN_SIDE <= max_side <= MAX_SIDE:
            raise ModelInputError(f"max_side: {max_side} is not in {MIN_SIDE}..{MAX_SIDE}")
        checked_unit(min_score, "min_score")
        checked = [checked_image(image, f"images[{index}]") for index, image in enumerate(images)]
        return [self._detect_one(image, max_side, min_score) for image in checked]

    def _detect_one(self, image: Image, max_side: int, min_score: float) -> Plates:
        height, width = image.shape[:2]
        blob = np.asarray(cv2.dnn.blobFromImage(_scaled(image, max_side), mean=MEAN_BGR), np.float32)
        loc, conf, landms = (answer[0] for answer in self._session.run(_OUTPUTS, blob))
        score = conf[:, 1]
        kept = np.flatnonzero(score >= min_score)
        prior = priors(blob.shape[2], blob.shape[3])[kept]
        centre = prior[:, :2] + loc[kept, :2] * CENTRE_VARIANCE * prior[:, 2:]
        half = prior[:, 2:] * np.exp(loc[kept, 2:] * SIZE_VARIANCE) / 2
        size = np.array([width, height], np.float32)
        boxes = np.concatenate([(centre - half) * size, (centre + half) * size], axis=1)
        offsets = landms[kept].reshape(-1, 4, 2) * CENTRE_VARIANCE * prior[:, None, 2:]
        quads = (prior[:, None, :2] + offsets) * size
        best = suppress(boxes, score[kept], min_score, NMS_OVERLAP, CANDIDATES)
        return Plates(boxes[best], quads[best][:, CORNER_ORDER], score[kept][best])


def _scaled(image: Image, max_side: int) -> Image:
    height, width = image.shape[:2]
    ratio = max_side / max(height, width)
    return resize(image, max(MIN_SIDE, round(width * ratio)), max(MIN_SIDE, round(height * ratio)))


@lru_cache(maxsize=16)
def priors(height: int, width: int) -> Float:
    """Anchors of a picture of that size, float32 (n, 4): centre x y, width, height, fractions of the picture.

    Kept for the last 16 sizes: an edge sees one per camera.
    """
    levels = []
    for stride, sides in zip(STRIDES, ANCHORS_PX, strict=True):
        rows, columns = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)].astype(np.float32)
        x, y = (columns + 0.5) * stride / width, (rows + 0.5) * stride / height
        anchors = [np.stack([x, y, np.full_like(x, s / width), np.full_like(x, s / height)], axis=-1) for s in sides]
        levels.append(np.stack(anchors, axis=2).reshape(-1, 4))
    anchors_of_all = np.concatenate(levels).astype(np.float32)
    anchors_of_all.setflags(write=False)
    return anchors_of_all
