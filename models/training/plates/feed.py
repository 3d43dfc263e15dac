"""Batches for the network, drawn by one process beside it."""

from __future__ import annotations

import multiprocessing as mp
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.plate_forms import CHARACTERS, COLOURS
from models.plate_reader_own import HEIGHT_PX, PLACES, WIDTH_PX
from models.training.plates.camera import Conditions
from models.training.plates.fonts import Split
from models.training.plates.glyphs import GlyphBank, Typefaces
from models.training.plates.samples import Sample, sample
from models.types import Image

_WAIT_S = 600.0
_AHEAD = 6


@dataclass(frozen=True, slots=True)
class Batch:
    """What the network sees, and what it should say.

    pictures: uint8 (n, 3, h, w) BGR; places: int64 (n, 9), 0 for none; colours: int64 (n,); rows: int64 (n,), 0 for one
    row; cpu_s: what drawing took.
    """

    pictures: Image
    places: npt.NDArray[np.int64]
    colours: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Stream:
    """Which crops: those of ``split`` under ``conditions``, numbered within ``seed``."""

    split: Split
    fonts: Path
    conditions: Conditions
    seed: int
    size: int


def drawn(bank: Typefaces, stream: Stream, number: int) -> Batch:
    """Batch ``number`` of the stream."""
    started = time.process_time()
    first = number * stream.size
    samples = [
        sample(bank, stream.conditions, (stream.seed, first + index), (WIDTH_PX, HEIGHT_PX))
        for index in range(stream.size)
    ]
    return batch_of(samples, started)


def batch_of(samples: list[Sample], started: float) -> Batch:
    """``samples`` as the network takes them. started: process time when drawing began."""
    places = np.zeros((len(samples), PLACES), np.int64)
    for row, one in enumerate(samples):
        places[row, : len(one.text)] = [CHARACTERS.index(character) + 1 for character in one.text]
    colours = np.array([COLOURS.index("unknown" if one.grey else one.kind.colour) for one in samples], np.int64)
    rows = np.array([one.kind.layout(one.text).rows - 1 for one in samples], np.int64)
    pictures = np.stack([one.crop for one in samples]).transpose(0, 3, 1, 2)
    return Batch(np.ascontiguousarray(pictures), places, colours, rows, time.process_time() - started)


def _draw_on(stream: Stream, first: int, batches: mp.Queue[Batch]) -> None:
    cv2.setNumThreads(1)
    bank = GlyphBank(stream.split, stream.fonts)
    number = first
    while True:
        batches.put(drawn(bank, stream, number), timeout=_WAIT_S)
        number += 1


def feed(stream: Stream, first: int) -> Iterator[Batch]:
    """Batches from number ``first`` on, without end. Raises queue.Empty when the drawing process has died."""
    context = mp.get_context("spawn")
    batches: mp.Queue[Batch] = context.Queue(_AHEAD)
    worker = context.Process(target=_draw_on, args=(stream, first, batches), daemon=True)
    worker.start()
    try:
        while True:
            try:
                yield batches.get(timeout=_WAIT_S)
            except queue.Empty:
                raise RuntimeError(f"no batch came for {_WAIT_S:.0f} s; drawing process: {worker.exitcode}") from None
    finally:
        worker.terminate()
        worker.join(_WAIT_S)
