"""YuNet (OpenCV Zoo, MIT) on ONNX Runtime: same boxes and landmarks as OpenCV's `FaceDetectorYN`, at any size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.inputs import checked_image, checked_unit
from models.resize import resize
from models.session import Session
from models.types import Faces, Float, Image, ModelInputError

MAX_SIDE = 1280
"""Faces above some 500 network pixels get bad landmarks, and a larger picture is how they come about."""
STRIDES = (8, 16, 32)
NMS_OVERLAP = 0.3
CANDIDATES = 5000
_HEADS = [f"{head}_{stride}" for head in ("cls", "obj", "bbox", "kps") for stride in STRIDES]


class FaceDetector:
    """Finds faces with YuNet. Thread-safe.

    Images are looked at one by one: batching YuNet costs more than it saves (3.8 ms a frame alone, 4.8 in fours).
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """path: YuNet with free height and width (`models.rewrite`). Raises ModelDamagedError."""
        self._session = Session(path, threads)

    def detect(self, images: Sequence[Image], *, max_side: int = 640, min_score: float = 0.6) -> list[Faces]:
        """Faces of each image, best score first, in pixels of that image.

        max_side: longer side above which an image is scaled down first, 32..1280; small images stay as they are.
        min_score: in [0, 1]. Raises ModelInputError.
        """
        if not STRIDES[-1] <= max_side <= MAX_SIDE:
            raise ModelInputError(f"max_side: {max_side} is not in {STRIDES[-1]}..{MAX_SIDE}")
        checked_unit(min_score, "min_score")
        checked = [checked_image(image, f"images[{index}]") for index, image in enumerate(images)]
        return [self._detect_one(image, max_side, min_score) for image in checked]

    def _detect_one(self, image: Image, max_side: int, min_score: float) -> Faces:
        height, width = image.shape[:2]
        small = shrink(image, max_side)
        blob = _blob(small)
        heads = self._session.run(_HEADS, blob)
        scale = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
        return _decode(heads, blob.shape[3] // STRIDES[0], scale, min_score)


def shrink(image: Image, max_side: int) -> Image:
    """``image``, or a smaller one of the same shape whose longer side is ``max_side``; at least 1 pixel each way."""
    height, width = image.shape[:2]
    ratio = max_side / max(height, width)
    if ratio >= 1:
        return image
    return resize(image, max(1, round(width * ratio)), max(1, round(height * ratio)))


def _blob(image: Image) -> Float:
    """float32 (1, 3, h, w), BGR 0..255, filled with black on the right and below to multiples of 32."""
    height, width = image.shape[:2]
    step = STRIDES[-1]
    blob = np.zeros((1, 3, -(-height // step) * step, -(-width // step) * step), np.float32)
    blob[0, :, :height, :width] = image.transpose(2, 0, 1)
    return blob


def _decode(heads: list[Float], columns_at_8: int, scale: Float, min_score: float) -> Faces:
    """Faces out of YuNet's twelve heads; arithmetic as in OpenCV's `face_detect.cpp`."""
    boxes, landmarks, scores = [], [], []
    for index, stride in enumerate(STRIDES):
        cls, obj, box, points = (heads[index + 3 * head][0] for head in range(4))
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        kept = np.flatnonzero(score >= min_score)
        columns = columns_at_8 * STRIDES[0] // stride
        corner = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)
        centre = (corner + box[kept, :2]) * stride
        half = np.exp(box[kept, 2:]) * stride / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
        landmarks.append((points[kept].reshape(-1, 5, 2) + corner[:, None]) * stride)
        scores.append(score[kept])
    every_box, every_score = np.concatenate(boxes), np.concatenate(scores)
    best = suppress(every_box, every_score, min_score, NMS_OVERLAP, CANDIDATES)
    return Faces(
        boxes=(every_box[best] * np.tile(scale, 2)).astype(np.float32),
        landmarks=(np.concatenate(landmarks)[best] * scale).astype(np.float32),
        scores=every_score[best].astype(np.float32),
    )


def suppress(boxes: Float, scores: Float, min_score: float, overlap: float, candidates: int) -> np.ndarray:
    """Indices of the boxes (n, 4; x1 y1 x2 y2) that stay when those overlapping a better one go, best first."""
    if not len(boxes):
        return np.zeros(0, np.intp)
    as_rectangles = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(as_rectangles.tolist(), scores.tolist(), min_score, overlap, top_k=candidates)
    return np.asarray(kept, np.intp).reshape(-1)
