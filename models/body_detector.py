"""People, vehicles and two-wheelers: NanoDet-g (Apache-2.0, trained on COCO) on ONNX Runtime."""

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
from models.types import Bodies, BodyKind, Float, Image, ModelInputError

MIN_SIDE, MAX_SIDE = 32, 1280
MEAN_BGR = (103.53, 116.28, 123.675)
STRIDES = (8, 16, 32)
NMS_OVERLAP = 0.55
CANDIDATES = 300
_REACH = 11
"""A side lies 0 to 10 cells from its cell's centre; the network tells a weight for each whole distance."""
_OUTPUTS = ["scores", "sides"]
_KIND_OF_COLUMN = np.array(
    [
        BodyKind.PERSON,
        BodyKind.TWO_WHEELER,  # bicycle
        BodyKind.VEHICLE,  # car
        BodyKind.TWO_WHEELER,  # motorcycle
        BodyKind.VEHICLE,  # bus
        BodyKind.VEHICLE,  # truck
    ],
    np.uint8,
)
"""See ``models.training.nanodet.COCO_KINDS``."""


class BodyDetector:
    """Finds bodies, of whatever pose and side, and says nothing about who they are. Thread-safe.

    Feed it so that a person is at least 40 network pixels high; below 20 few are found.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """path: nanodet_g_bodies.onnx. Raises ModelDamagedError."""
        self._session = Session(path, threads)

    def detect(self, images: Sequence[Image], *, max_side: int = 416, min_score: float = 0.4) -> list[Bodies]:
        """Bodies of each image, best score first, in pixels of that image.

        max_side: the longer side is scaled to it, up or down, 32..1280; min_score: in [0, 1]. Raises ModelInputError.
        """
        if not MIN_SIDE <= max_side <= MAX_SIDE:
            raise ModelInputError(f"max_side: {max_side} is not in {MIN_SIDE}..{MAX_SIDE}")
        checked_unit(min_score, "min_score")
        checked = [checked_image(image, f"images[{index}]") for index, image in enumerate(images)]
        return [self._detect_one(image, max_side, min_score) for image in checked]

    def _detect_one(self, image: Image, max_side: int, min_score: float) -> Bodies:
        height, width = image.shape[:2]
        small = _scaled(image, max_side)
        blob = np.asarray(cv2.dnn.blobFromImage(small, mean=MEAN_BGR), np.float32)
        scores, sides = (answer[0] for answer in self._session.run(_OUTPUTS, blob))
        kept = np.flatnonzero(scores.max(axis=1) >= min_score)
        column = scores[kept].argmax(axis=1)
        score, kinds = scores[kept, column], _KIND_OF_COLUMN[column]
        boxes = _boxes(sides[kept], _cells(blob.shape[2], blob.shape[3])[kept])
        boxes *= np.tile(np.array([width / small.shape[1], height / small.shape[0]], np.float32), 2)
        np.clip(boxes, 0, np.tile(np.array([width, height], np.float32), 2), out=boxes)
        best = _best_of_each_kind(boxes, score, kinds, min_score)
        return Bodies(boxes[best], kinds[best], score[best])


def _scaled(image: Image, max_side: int) -> Image:
    """The longer side at ``max_side``, both at whole cells of the coarsest level: at most 16 pixels out of shape."""
    height, width = image.shape[:2]
    ratio, step = max_side / max(height, width), STRIDES[-1]
    return resize(image, *(max(step, round(side * ratio / step) * step) for side in (width, height)))


def _boxes(sides: Float, cells: Float) -> Float:
    """float32 (n, 4), x1 y1 x2 y2, network pixels. sides: (n, 44); cells: (n, 3), centre x y and stride."""
    weights = sides.reshape(-1, 4, _REACH)
    weights = np.exp(weights - weights.max(axis=2, keepdims=True))
    reach = weights @ np.arange(_REACH, dtype=np.float32) / weights.sum(axis=2) * cells[:, 2:]
    return np.concatenate([cells[:, :2] - reach[:, :2], cells[:, :2] + reach[:, 2:]], axis=1).astype(np.float32)


def _best_of_each_kind(boxes: Float, scores: Float, kinds: np.ndarray, min_score: float) -> np.ndarray:
    """Indices that stay, best first. A rider and what is ridden overlap, and both stay."""
    apart = boxes + kinds[:, None].astype(np.float32) * np.float32(boxes.max(initial=0) + 1)
    return suppress(apart, scores, min_score, NMS_OVERLAP, CANDIDATES)


@lru_cache(maxsize=16)
def _cells(height: int, width: int) -> Float:
    """float32 (n, 3): centre x y and stride of every cell of a picture of that size, in the graph's order."""
    levels = []
    for stride in STRIDES:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride].astype(np.float32)
        centre = [(one.reshape(-1) + 0.5) * stride for one in (x, y)]
        levels.append(np.stack([*centre, np.full_like(centre[0], stride)], axis=1))
    cells = np.concatenate(levels).astype(np.float32)
    cells.setflags(write=False)
    return cells
