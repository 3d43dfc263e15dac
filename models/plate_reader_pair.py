"""Two plate readers as one: ours for every type, and a second opinion from `clp-rec` where ours is in doubt.

`clp-rec` knows photographs and one row; ours knows drawings of every type. Where ours is not sure of every character of
a plate of one row, both readers' chances are multiplied place by place, and the likeliest text that a plate can bear
wins. The other is taken at its word where it is sure of every character; else it counts for as much as drawn plates of
typefaces that neither has learnt say it is worth. Where the other is firm and says what ours, which thinks it knows,
calls next to impossible, the mean of their chances is told: about a half, which opens nothing. The text is the other's
then where it is certain of all characters, as of photographs, or sure of them and ours guesses at one; else ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.plate_forms import CHARACTERS, NONE
from models.plate_reader import CHARACTERS as OTHER_CHARACTERS
from models.plate_reader import PlateReader
from models.plate_reader_own import PLACES, OwnPlateReader, Weighed, log_softmax, read_of
from models.types import Float, Image, PlateRead

SURE = 0.98
"""Of every character: then the other is not asked."""
SURE_OF_ITSELF = 0.93
"""The other, of every character: right then on photographs, and on drawn plates two times in three
(`models.training.plates.calibrate`)."""
OTHER_TEMPERATURE = 4.0
"""Divides the log chances of the other where it is not."""
_GUESS = 0.6
"""Where ours is less sure than this of a character, it may be wrong about how many there are, too."""
_CERTAIN = 0.995
"""The other, of every character. Where both contradicted each other, ours was right on 30 of 30 drawn plates, where the
other never was so sure, and the other on 6 of 6 photographed ones, where it was three times."""
_BELIEVED = 0.52
"""Weight, in that mean, of the one whose text is told: enough to break a tie, and no more."""
_FIRM, _KNOWN, _IMPOSSIBLE = (float(np.log(chance)) for chance in (0.9, 0.5, 0.05))
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
        doubtful = [index for index, read in enumerate(reads) if _least(read) < SURE and weighed[index].two_rows < 0.5]
        opinions = self._other.weigh([crops[index] for index in doubtful])
        for index, opinion in zip(doubtful, opinions, strict=True):
            reads[index] = read_of(paired(weighed[index], opinion))
        return reads


def _least(read: PlateRead) -> float:
    """The least sure character's confidence; 0 where nothing was read."""
    return min(read.confidences, default=0.0)


def paired(own: Weighed, other: Float, temperature: float = OTHER_TEMPERATURE) -> Weighed:
    """Chances of both; ``own`` as it is where they count differently, unless ours guesses and the other is sure.

    other: float32 (characters read, 72), chances of each of the other's characters; temperature: see
    `OTHER_TEMPERATURE`.
    """
    read = read_of(own)
    sure = sure_of_itself(other)
    if len(other) != len(read.text) and not (sure and _least(read) < _GUESS):
        return own
    theirs = log_softmax(chances_of(other) / np.float32(1.0 if sure else temperature))
    both = log_softmax(own.characters + theirs)
    opposed = _opposed(own.characters, theirs)
    believed = _least_of(other) >= _CERTAIN or (sure and _least(read) < _GUESS)
    theirs_weighs = np.float32(_BELIEVED if believed else 1 - _BELIEVED)
    both[opposed] = np.logaddexp(own.characters + np.log1p(-theirs_weighs), theirs + np.log(theirs_weighs))[opposed]
    return Weighed(both, own.colours, own.two_rows)


def _opposed(own: Float, theirs: Float) -> npt.NDArray[np.bool_]:
    """Places where one of the two is wrong, and the product of their chances would sound sure of it."""
    said, place = theirs.argmax(axis=1), np.arange(len(own))
    known = (own.max(axis=1) > _KNOWN) & (own[place, said] < _IMPOSSIBLE)
    return np.asarray(known & (theirs[place, said] > _FIRM), np.bool_)


def sure_of_itself(other: Float) -> bool:
    """Whether the other reader is sure of every character. other: float32 (characters read, 72)."""
    return _least_of(other) >= SURE_OF_ITSELF


def _least_of(other: Float) -> float:
    """The other's least sure character's chance; 0 where it read nothing."""
    return float(other.max(axis=1).min()) if len(other) else 0.0


def chances_of(other: Float) -> Float:
    """The other reader's answer as ours are: log chances float32 (9, columns), none after its last character."""
    length = min(len(other), PLACES)
    chances = np.full((PLACES, len(CHARACTERS) + 1), _FLOOR, np.float32)
    chances[:length, _COLUMNS] = np.maximum(other[:length], _FLOOR)
    chances[:length, NONE] = _FLOOR
    chances[length:, NONE] = 1.0
    return np.asarray(np.log(chances), np.float32)
