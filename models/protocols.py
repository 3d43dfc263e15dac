"""What an edge needs of a model, whichever model it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from models.types import Bodies, Faces, Float, Image, PlateRead, Plates


class FaceDetecting(Protocol):
    """Finds faces. Thread-safe."""

    def detect(self, images: Sequence[Image], *, max_side: int = 640, min_score: float = 0.6) -> list[Faces]:
        """Faces of each image, in pixels of that image.

        max_side: an image whose longer side is above it is scaled down before it is looked at (1..1280).
        Raises ModelInputError.
        """
        ...


class FaceEmbedding(Protocol):
    """Turns aligned faces into vectors whose cosine says how alike they are. Thread-safe."""

    @property
    def model(self) -> str:
        """``name@first 12 hex digits of the weights' sha256``: vectors of two models never meet."""
        ...

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        ...

    def embed(self, crops: Image) -> Float:
        """float32 (n, dimension), each row of unit length, for uint8 (n, 112, 112, 3) BGR crops of `align`.

        Raises ModelInputError.
        """
        ...


class PlateDetecting(Protocol):
    """Finds number plates and their corners. Thread-safe."""

    def detect(self, images: Sequence[Image], *, max_side: int = 960, min_score: float = 0.6) -> list[Plates]:
        """Plates of each image, in pixels of that image.

        max_side: the longer side is scaled to it, up or down (32..1920). Raises ModelInputError.
        """
        ...


class BodyDetecting(Protocol):
    """Finds people, vehicles and two-wheelers. Thread-safe."""

    def detect(self, images: Sequence[Image], *, max_side: int = 416, min_score: float = 0.4) -> list[Bodies]:
        """Bodies of each image, in pixels of that image.

        max_side: the longer side is scaled to it, up or down (32..1280). Raises ModelInputError.
        """
        ...


class PlateReading(Protocol):
    """Reads upright crops of one plate row each. Thread-safe."""

    def read(self, crops: Sequence[Image]) -> list[PlateRead]:
        """Text and confidences of each crop; an unreadable one gives an empty text. Raises ModelInputError."""
        ...
