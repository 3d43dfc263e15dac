"""What the edge needs of the model runners, as protocols, so that every part can be tested without weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.types import Faces, Float, Image, PlateRead, Plates


class FaceFinder(Protocol):
    """Finds faces; see `models.face_detector`."""

    def detect(self, images: Sequence[Image], *, max_side: int = 640, min_score: float = 0.6) -> list[Faces]: ...


class FaceReader(Protocol):
    """Aligned faces, uint8 (n, 112, 112, 3) BGR, to float32 (n, d) of unit length; see `models.face_embedder`."""

    def embed(self, crops: npt.NDArray[np.uint8]) -> Float: ...


class PlateFinder(Protocol):
    """Finds plates; see `models.plate_detector`."""

    def detect(self, images: Sequence[Image], *, max_side: int = 960, min_score: float = 0.6) -> list[Plates]: ...


class PlateTextReader(Protocol):
    """Reads rectified plates; see `models.plate_reader`."""

    def read(self, crops: Sequence[Image]) -> list[PlateRead]: ...
