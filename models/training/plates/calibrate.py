"""Measure what both readers' chances are worth.

python -m models.training.plates.calibrate ANJU_PLATES.onnx CLP_REC.onnx [--fonts DIR] [--crops DIR]

On plates drawn in held-out typefaces with other seeds than the benchmark's: the temperature that would make our chances
of the right characters largest (`models.plate_reader_own`). For `models.plate_reader_pair`: how often the other reader
is sure of itself and right then, how often it is asked, what share both together read exactly, by `OTHER_TEMPERATURE`,
and how many texts are told at all, and wrongly, by ours alone and by both. Also on photographs: every second crop of
DIR (labels.csv with file and plate beside a folder crops); the others stay for the benchmark.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.plate_forms import CHARACTERS, NONE
from models.plate_reader import CHARACTERS as OTHER_CHARACTERS
from models.plate_reader import PlateReader
from models.plate_reader_own import PLACES, TEMPERATURE, OwnPlateReader, Weighed, log_softmax, read_of
from models.plate_reader_pair import SURE, PairedPlateReader, paired, sure_of_itself
from models.training.plates.camera import ORDINARY
from models.training.plates.fonts import DEFAULT_FOLDER
from models.training.plates.glyphs import GlyphBank
from models.training.plates.samples import sample
from models.types import Float, Image, PlateRead

SEED, COUNT = 3, 1500
_TRIED = np.exp(np.linspace(np.log(0.5), np.log(8), 57))
_OTHER_TRIED = (1.0, 1.5, 2.5, 4.0, 6.0)
_LEAST = (0.6, 0.8, 0.9)
"""A lane hears a read from the first on, is content with two from the second, with one from the third."""


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


def own_temperature(weighed: Sequence[Weighed], texts: Sequence[str]) -> float:
    """See `best_temperature`; texts: what stands on the plates."""
    rows = [row for one in weighed for row in one.characters * np.float32(TEMPERATURE)]
    return best_temperature(rows, [column for text in texts for column in _columns(text)])


def worth(opinions: Sequence[Float], texts: Sequence[str]) -> str:
    """How many opinions are sure of themselves, and of those how many are right."""
    sure = [(text, opinion) for text, opinion in zip(texts, opinions, strict=True) if sure_of_itself(opinion)]
    right = sum(_text(opinion) == text for text, opinion in sure)
    return f"sure of itself: {len(sure)} of {len(texts)}, right then: {right}"


def exact(weighed: Sequence[Weighed], opinions: Sequence[Float], texts: Sequence[str], temperature: float) -> float:
    """Share of plates that both readers together read without a mistake."""
    told = [read_of(paired(*both, temperature)).text for both in zip(weighed, opinions, strict=True)]
    return sum(map(str.__eq__, told, texts)) / len(texts)


def told_wrong(reads: Sequence[PlateRead], texts: Sequence[str]) -> str:
    """How many texts are told, and how many of them wrong, from which lowest confidence on."""
    told = []
    for least in _LEAST:
        sure = [text == read.text for text, read in zip(texts, reads, strict=True) if _lowest(read) >= least]
        told.append(f"from {least}: {len(sure)} of {len(texts)}, {sure.count(False)} of them wrong")
    return "; ".join(told)


def _lowest(read: PlateRead) -> float:
    return min(read.confidences, default=0.0)


def _text(opinion: Float) -> str:
    return "".join(OTHER_CHARACTERS[index] for index in opinion.argmax(axis=1))


def _photographed(folder: Path) -> tuple[list[Image], list[str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as lines:
        labels = list(csv.DictReader(lines))[::2]
    pictures = [cv2.imread(str(folder / "crops" / row["file"])) for row in labels]
    return [np.asarray(picture, np.uint8) for picture in pictures], [row["plate"] for row in labels]


def _told(name: str, weighed: Sequence[Weighed], opinions: Sequence[Float], texts: Sequence[str]) -> list[str]:
    asked = [index for index, one in enumerate(weighed) if one.two_rows < 0.5]
    ours, theirs = [weighed[index] for index in asked], [opinions[index] for index in asked]
    written = [texts[index] for index in asked]
    shares = ", ".join(f"{tried}: {exact(ours, theirs, written, tried):.4f}" for tried in _OTHER_TRIED)
    doubtful = sum(_lowest(read_of(one)) < SURE for one in ours)
    return [
        f"{name}, one row: {worth(theirs, written)}; asked {doubtful} times",
        f"{name}, exact by OTHER_TEMPERATURE: {shares}",
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("own", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--fonts", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--crops", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    own, other = OwnPlateReader(arguments.own), PlateReader(arguments.other)
    both = PairedPlateReader(arguments.own, arguments.other)
    bank = GlyphBank("held_out", arguments.fonts)
    samples = [sample(bank, ORDINARY, (SEED, number), None) for number in range(COUNT)]
    sets = {"drawn": ([one.crop for one in samples], [one.text for one in samples])}
    if arguments.crops:
        sets["photographed"] = _photographed(arguments.crops)
    for name, (crops, texts) in sets.items():
        weighed = own.weigh(crops)
        lines = [f"{name}, TEMPERATURE that fits: {own_temperature(weighed, texts):.2f}"]
        lines.append(f"{name}, told by ours: {told_wrong([read_of(one) for one in weighed], texts)}")
        lines.append(f"{name}, told by both: {told_wrong(both.read(crops), texts)}")
        sys.stdout.write("\n".join(lines + _told(name, weighed, other.weigh(crops), texts)) + "\n")


if __name__ == "__main__":
    main()
