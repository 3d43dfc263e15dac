"""What the runners return: arrays side by side, validated once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""uint8 (h, w, 3), BGR, h and w at least 1."""
Float = npt.NDArray[np.float32]


class ModelInputError(ValueError):
    """A picture or crop no model can look at: empty, wrong type, wrong shape. The text says which."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces found in one picture, best score first.

    boxes: float32 (n, 4), x1 y1 x2 y2, pixels of the picture given.
    landmarks: float32 (n, 5, 2), right eye, left eye, nose, right and left mouth corner (the person's), pixels.
    scores: float32 (n,), detector confidence in [0, 1].
    """

    boxes: Float
    landmarks: Float
    scores: Float

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.landmarks.shape != (n, 5, 2) or self.scores.shape != (n,):
            raise ValueError(f"faces don't fit: {self.boxes.shape} {self.landmarks.shape} {self.scores.shape}")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Faces:
        return cls(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class Plates:
    """Plates found in one picture, best score first.

    boxes: float32 (n, 4), x1 y1 x2 y2, pixels of the picture given.
    quads: float32 (n, 4, 2), corners top left, top right, bottom right, bottom left as the plate is read, pixels.
    scores: float32 (n,), detector confidence in [0, 1].
    """

    boxes: Float
    quads: Float
    scores: Float

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.quads.shape != (n, 4, 2) or self.scores.shape != (n,):
            raise ValueError(f"plates don't fit: {self.boxes.shape} {self.quads.shape} {self.scores.shape}")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Plates:
        return cls(np.zeros((0, 4), np.float32), np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class PlateRead:
    """One crop as read: ``confidences`` holds one value in [0, 1] per character of ``text``.

    colour: ground colour the reader saw (`models.plate_forms.COLOURS`), "unknown" where it looks at none.
    """

    text: str
    confidences: tuple[float, ...]
    colour: str = "unknown"

    def __post_init__(self) -> None:
        if len(self.text) != len(self.confidences):
            raise ValueError(f"{len(self.text)} characters, {len(self.confidences)} confidences")


class BodyKind(IntEnum):
    """What moves about on an estate; nothing finer is told apart."""

    PERSON = 0
    VEHICLE = 1
    TWO_WHEELER = 2


@dataclass(frozen=True, slots=True)
class Bodies:
    """People, vehicles and two-wheelers found in one picture, best score first.

    boxes: float32 (n, 4), x1 y1 x2 y2, pixels of the picture given; kinds: uint8 (n,), values of ``BodyKind``;
    scores: float32 (n,), detector confidence in [0, 1].
    """

    boxes: Float
    kinds: npt.NDArray[np.uint8]
    scores: Float

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.kinds.shape != (n,) or self.scores.shape != (n,):
            raise ValueError(f"bodies don't fit: {self.boxes.shape} {self.kinds.shape} {self.scores.shape}")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Bodies:
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.uint8), np.zeros(0, np.float32))
