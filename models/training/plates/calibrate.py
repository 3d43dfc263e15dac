"""Measure both readers' temperatures on drawn plates in held-out typefaces.

python -m models.training.plates.calibrate ANJU_PLATES.onnx CLP_REC.onnx [--fonts DIR]

Prints what `TEMPERATURE` in `models.plate_reader_own` and `OTHER_TEMPERATURE` in `models.plate_reader_pair` should be:
what makes the chances of the right characters largest. Other seeds than the benchmark's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.plate_forms import CHARACTERS, NONE
from models.plate_reader import PlateReader
from models.plate_reader_own import PLACES, TEMPERATURE, OwnPlateReader, log_softmax
from models.plate_reader_pair import chances_of
from models.training.plates.camera import ORDINARY
from models.training.plates.fonts import DEFAULT_FOLDER
from models.training.plates.glyphs import GlyphBank
from models.training.plates.samples import Sample, sample
from models.types import Float

SEED, COUNT = 3, 1500
_TRIED = np.exp(np.linspace(np.log(0.5), np.log(8), 57))


def best_temperature(log_chances: Sequence[Float], columns: Sequence[int]) -> float:
    """The divisor of ``log_chances`` (one row each) under which the right ``columns`` are likeliest together."""
    rows, right = np.stack(log_chances), np.array(columns)
    losses = []
    for tried in _TRIED:
        chances = log_softmax(np.asarray(rows / tried, np.float32))
        losses.append(-float(chances[np.arange(len(right)), right].mean()))
    return float(_TRIED[int(np.argmin(losses))])


def _columns(text: str) -> list[int]:
    return [CHARACTERS.index(text[place]) + 1 if place < len(text) else NONE for place in range(PLACES)]


def _own(reader: OwnPlateReader, samples: Sequence[Sample]) -> float:
    rows: list[Float] = []
    columns: list[int] = []
    for one, weighed in zip(samples, reader.weigh([one.crop for one in samples]), strict=True):
        rows += list(weighed.characters * np.float32(TEMPERATURE))
        columns += _columns(one.text)
    return best_temperature(rows, columns)


def _other(reader: PlateReader, samples: Sequence[Sample]) -> float:
    rows: list[Float] = []
    columns: list[int] = []
    for one, opinion in zip(samples, reader.weigh([one.crop for one in samples]), strict=True):
        if len(opinion) == len(one.text):
            rows += list(chances_of(opinion)[: len(one.text)])
            columns += _columns(one.text)[: len(one.text)]
    return best_temperature(rows, columns)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("own", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--fonts", type=Path, default=DEFAULT_FOLDER)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    bank = GlyphBank("held_out", arguments.fonts)
    samples = [sample(bank, ORDINARY, (SEED, number), None) for number in range(COUNT)]
    own, other = _own(OwnPlateReader(arguments.own), samples), _other(PlateReader(arguments.other), samples)
    print(f"TEMPERATURE = {own:.2f}\nOTHER_TEMPERATURE = {other:.2f}")  # noqa: T201 - a command that tells what it found


if __name__ == "__main__":
    main()
