"""What an edge needs of a model, whichever model it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from models.types import Bodies, Faces, Float, Image, PlateRead, Plates

PixelBox = tuple[int, int, int, int]
"""x0 y0 x1 y1 of a part of a picture, whole pixels; x1 and y1 are the first ones outside."""


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

    @property
    def sure_px(self) -> int:
        """How wide a lane makes the narrowest plate it asks for, in pixels as the network sees it.

        Not every such plate is found in one look: each detector tells how many are.
        """
        ...

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
    """Reads straightened plates. Thread-safe.

    Readers trained by Anju take the whole plate, whether it has one row or two; `clp-rec` reads one row.
    """

    def read(self, crops: Sequence[Image]) -> list[PlateRead]:
        """Text and confidences of each crop; an unreadable one gives an empty text. Raises ModelInputError."""
        ...


class PresentationChecking(Protocol):
    """Tells a face from a picture of one (ISO/IEC 30107-1 presentation attack detection). Thread-safe."""

    @property
    def model(self) -> str:
        """Its name in the manifest."""
        ...

    @property
    def threshold(self) -> float:
        """The score from which on a presentation counts as bona fide, unless the estate measured its own."""
        ...

    @property
    def min_face_px(self) -> int:
        """Width of the narrowest face it can say anything about, pixels of the full-resolution picture."""
        ...

    def region(self, box: Float, width: int, height: int) -> PixelBox:
        """What it wants to see of a ``width`` x ``height`` picture with a face at ``box`` (x1 y1 x2 y2).

        Raises ModelInputError.
        """
        ...

    def check(self, region: Image) -> float:
        """Score of what `region` cut out, in [0, 1]; higher is more like a face.

        Raises ModelInputError; ModelRunError when there is no answer.
        """
        ...
