"""Packs of the insightface model zoo (SCRFD + ArcFace) behind the same doors as YuNet and SFace.

Importing this module imports insightface, which takes about a second: `models.store` does so only for a chosen pack.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from insightface.model_zoo import get_model
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from insightface.model_zoo.scrfd import SCRFD

from models.errors import ModelDamagedError
from models.face_detector import MAX_SIDE, STRIDES
from models.face_embedder import check_crops, model_id, unit_rows
from models.inputs import checked_image, checked_unit
from models.session import LOAD_ERRORS, choose_providers, session_options
from models.types import Faces, Float, Image, ModelInputError

BATCH = 4
_STEP = STRIDES[-1]


class ScrfdDetector:
    """Finds faces with SCRFD. Thread-safe."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """path: an SCRFD graph with landmarks. Raises ModelDamagedError."""
        self._model = _load(path, threads, SCRFD)
        if not self._model.use_kps:
            raise ModelDamagedError(f"{path.name} finds no landmarks: choose an SCRFD model with key points")

    def detect(self, images: Sequence[Image], *, max_side: int = 640, min_score: float = 0.6) -> list[Faces]:
        """Faces of each image, best score first, in pixels of that image.

        max_side: longer side above which an image is scaled down first, 32..1280; min_score: in [0, 1].
        Raises ModelInputError.
        """
        if not _STEP <= max_side <= MAX_SIDE:
            raise ModelInputError(f"max_side: {max_side} is not in {_STEP}..{MAX_SIDE}")
        checked_unit(min_score, "min_score")
        checked = [checked_image(image, f"images[{index}]") for index, image in enumerate(images)]
        return [self._detect_one(image, max_side, min_score) for image in checked]

    def _detect_one(self, image: Image, max_side: int, min_score: float) -> Faces:
        longer, shorter = max(image.shape[:2]), min(image.shape[:2])
        # A whole number of network cells, so that there are few sizes; SCRFD lays the image into the square itself.
        side = max(_STEP, min(max_side, -(-longer // _STEP) * _STEP) // _STEP * _STEP)
        if shorter * side < longer:
            return Faces.none()  # less than one network pixel across
        found, landmarks = self._model.detect(image, input_size=(side, side), det_thresh=min_score)
        return Faces(
            boxes=np.asarray(found[:, :4], np.float32),
            landmarks=np.asarray(landmarks, np.float32),
            scores=np.asarray(found[:, 4], np.float32),
        )


class ArcFaceEmbedder:
    """Embeds aligned faces with ArcFace. Thread-safe."""

    def __init__(self, path: Path, sha256: str, name: str, threads: int = 1) -> None:
        """path: an ArcFace graph for 112x112; sha256: of that file. Raises ModelDamagedError."""
        self._recogniser = _load(path, threads, ArcFaceONNX)
        self._model = model_id(name, sha256)
        self._dimension = int(self._recogniser.output_shape[1])

    @property
    def model(self) -> str:
        return self._model

    @property
    def dimension(self) -> int:
        return self._dimension

    def embed(self, crops: Image) -> Float:
        """float32 (n, 512), rows of unit length, for uint8 (n, 112, 112, 3) BGR crops of `align`; n may be 0.

        Raises ModelInputError.
        """
        check_crops(crops)
        vectors = np.zeros((len(crops), self._dimension), np.float32)
        for start in range(0, len(crops), BATCH):
            vectors[start : start + BATCH] = self._recogniser.get_feat(list(crops[start : start + BATCH]))
        return unit_rows(vectors)


def _load(path: Path, threads: int, kind: type) -> Any:
    """The insightface runner of ``path``, if it is a ``kind``. Raises ModelDamagedError."""
    try:
        loaded = get_model(
            str(path),
            providers=choose_providers(ort.get_available_providers()),
            sess_options=session_options(threads),
            static_shape_sessions=False,  # one session for every size: memory stays bounded
        )
    except LOAD_ERRORS as error:
        raise ModelDamagedError(f"{path.name} can't be loaded: {error}; run: anju models fetch") from error
    if not isinstance(loaded, kind):
        raise ModelDamagedError(f"{path.name} is no {kind.__name__} graph: insightface takes it for something else")
    return loaded
