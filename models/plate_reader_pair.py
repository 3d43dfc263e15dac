"""Two plate readers as one: ours for every type, and a second opinion from `clp-rec` where ours is in doubt.

One rule: where our reader is not sure of every character, and the other reads as many characters, both readers' chances
are multiplied place by place, and the likeliest text that a plate can bear wins. How much either counts is set by
temperatures measured on drawn plates of typefaces that neither has learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.plate_forms import CHARACTERS, NONE
from models.plate_reader import CHARACTERS as OTHER_CHARACTERS
from models.plate_reader import PlateReader
from models.plate_reader_own import PLACES, OwnPlateReader, Weighed, log_softmax, read_of
from models.types import Float, Image, PlateRead

SURE = 0.98
"""Of every character: then the other is not asked."""
OTHER_TEMPERATURE = 2.5
"""Divides the log chances of the other reader, which is as sure of its mistakes as of the rest."""
_FLOOR = 1e-4
_COLUMNS = np.array([CHARACTERS.find(character) + 1 for character in OTHER_CHARACTERS])
"""Our column of each of the other's characters; 0 (none) for those that are on no plate of ours."""


class PairedPlateReader:
    """Reads straightened plates of one or two rows. Thread-safe."""

    def __init__(self, own: Path, other: Path, threads: int = 1) -> None:
        """own: anju_plates.onnx; other: clp_v2_c_rec.onnx. Raises ModelDamagedError."""
        self._own = OwnPlateReader(own, threads)
        self._other = PlateReader(other, threads)

    def read(self, crops: Sequence[Image]) -> list[PlateRead]:
        """Text and confidences of each crop; "" where nothing is to be read. Raises ModelInputError."""
        weighed = self._own.weigh(crops)
        reads = [read_of(one) for one in weighed]
        doubtful = [index for index, read in enumerate(reads) if min(read.confidences, default=0.0) < SURE]
        opinions = self._other.weigh([crops[index] for index in doubtful])
        for index, opinion in zip(doubtful, opinions, strict=True):
            reads[index] = read_of(paired(weighed[index], opinion, len(reads[index].text)))
        return reads


def paired(own: Weighed, other: Float, length: int) -> Weighed:
    """Chances of both.

    other: float32 (characters read, 72), chances of each of the other's characters; length: characters ours reads.
    """
    if len(other) != length:
        return own
    return Weighed(log_softmax(own.characters + chances_of(other) / np.float32(OTHER_TEMPERATURE)), own.colours)


def chances_of(other: Float) -> Float:
    """The other reader's answer as ours are: log chances float32 (9, columns), none after its last character."""
    length = min(len(other), PLACES)
    chances = np.full((PLACES, len(CHARACTERS) + 1), _FLOOR, np.float32)
    chances[:length, _COLUMNS] = np.maximum(other[:length], _FLOOR)
    chances[:length, NONE] = _FLOOR
    chances[length:, NONE] = 1.0
    return np.asarray(np.log(chances), np.float32)
