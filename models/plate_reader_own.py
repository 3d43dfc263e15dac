"""Plate reader `anju-plates` on ONNX Runtime: trained by us on drawn plates of every type.

Every character has its place, one to nine; at each the network weighs all characters it knows, and none. The text is
the likeliest one that a plate of some form can bear (`models.plate_forms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.inputs import checked_image
from models.plate_forms import CHARACTERS, COLOURS, NONE, best_text
from models.resize import resize
from models.session import Session
from models.types import Float, Image, PlateRead

WIDTH_PX, HEIGHT_PX = 208, 64
PLACES = 9
"""The longest plate, emergency services' with seven characters before 应急."""
BATCH = 8
TEMPERATURE = 1.0
"""Divides the network's figures. Drawn plates would say 0.61, photographs 0.78 (`models.training.plates.calibrate`): at
1 it sounds a little less sure than it may be, on the side on which nothing opens."""
MIN_CONFIDENCE = 0.1
"""A text with a character less likely than this is a guess, and is not told."""
_OUTPUTS = ["characters", "colours", "rows"]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the network makes of one crop: log chances of characters float32 (9, columns), chances of colours (7,).

    two_rows: the chance that the plate has two.
    """

    characters: Float
    colours: Float
    two_rows: float


class OwnPlateReader:
    """Reads straightened plates of one or two rows. Thread-safe."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """path: anju_plates.onnx. Raises ModelDamagedError."""
        self._session = Session(path, threads)

    def weigh(self, crops: Sequence[Image]) -> list[Weighed]:
        """Chances for each crop, uint8 (h, w, 3) BGR of any size. Raises ModelInputError."""
        blobs = [
            resize(checked_image(crop, f"crops[{index}]"), WIDTH_PX, HEIGHT_PX).transpose(2, 0, 1)
            for index, crop in enumerate(crops)
        ]
        weighed: list[Weighed] = []
        for start in range(0, len(blobs), BATCH):
            pictures = np.stack(blobs[start : start + BATCH]).astype(np.float32)
            characters, colours, rows = self._session.run(_OUTPUTS, pictures)
            chances = log_softmax(characters / np.float32(TEMPERATURE))
            two = np.exp(log_softmax(rows))[:, 1].tolist()
            weighed += [Weighed(*one) for one in zip(chances, np.exp(log_softmax(colours)), two, strict=True)]
        return weighed

    def read(self, crops: Sequence[Image]) -> list[PlateRead]:
        """Text and confidences of each crop; "" where nothing is to be read. Raises ModelInputError."""
        return [read_of(one) for one in self.weigh(crops)]


def read_of(weighed: Weighed) -> PlateRead:
    """The likeliest well-formed text with each character's chance, or nothing where that is a guess.

    The last one's is no larger than the chance that the plate ends there: 沪AD1234 may be the most of 沪AD12345.
    """
    text = best_text(weighed.characters, weighed.colours).text
    chances = [float(np.exp(weighed.characters[place, CHARACTERS.index(c) + 1])) for place, c in enumerate(text)]
    if len(text) < PLACES:
        chances[-1] = min(chances[-1], float(np.exp(weighed.characters[len(text), NONE])))
    if min(chances) < MIN_CONFIDENCE:
        return PlateRead("", (), likeliest_colour(weighed))
    return PlateRead(text, tuple(min(chance, 1.0) for chance in chances), likeliest_colour(weighed))


def likeliest_colour(weighed: Weighed) -> str:
    """One of `COLOURS`."""
    return COLOURS[int(weighed.colours.argmax())]


def log_softmax(logits: Float) -> Float:
    """Log chances over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float32)
