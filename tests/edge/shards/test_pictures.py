"""Whatever becomes of a picture, the edge hears of it, and the next one can be asked for."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from edge.aside import Aside
from edge.health import Counters
from edge.shards.messages import GarbageError, PictureMade, read_upward
from edge.shards.pictures import KeptPictures
from edge.shards.wanted import GIVEN_UP_S, MAX_WANTED, WantedPictures
from edge.shards.wire import Wire
from models.errors import ModelRunError
from models.types import Faces, Image
from tests.edge.shards.test_answers import Clock
from tests.edge.test_outbox import passage

PASSAGE = passage()
GREY = np.full((72, 128, 3), 90, np.uint8)


class Detector:
    """Finds nobody; fails when it is told to."""

    failing = False

    def detect(self, images: Sequence[Image], *, max_side: int = 640, min_score: float = 0.6) -> list[Faces]:
        if self.failing:
            raise ModelRunError("the detector failed")
        return [Faces.none() for _ in images]


class Process:
    """What keeps pictures in a process, and the edge's end of the wire."""

    def __init__(self) -> None:
        here, there = socket.socketpair()
        self.sockets = here, there
        self.edge = Wire(here, patience_s=2.0)
        self.detector, self.counters = Detector(), Counters()
        self.kept = KeptPictures(self.detector, Wire(there, patience_s=2.0), self.counters)
        self.aside = Aside("pictures", 2, self.counters)

    def made(self) -> PictureMade:
        frame = self.edge.receive(5.0)
        assert frame is not None
        message = read_upward(*frame)
        assert isinstance(message, PictureMade)
        return message


@pytest.fixture
def process() -> Iterator[Process]:
    made = Process()
    yield made
    made.aside.stop(5.0)
    for one in made.sockets:
        one.close()


def test_a_picture_that_is_wanted_is_blurred_and_sent(process: Process) -> None:
    number = process.kept.keep(GREY)
    process.aside.start()
    process.kept.answer(number, process.aside)
    assert process.made() == PictureMade(picture=number, width_px=128, height_px=72, faces_blurred=0)


def test_one_that_nobody_has_time_for_is_said_to_be_none(process: Process) -> None:
    numbers = [process.kept.keep(GREY) for _ in range(3)]
    for number in numbers:
        process.kept.answer(number, process.aside)
    assert process.made() == PictureMade(picture=numbers[2])


def test_so_is_one_whose_faces_could_not_be_looked_for(process: Process) -> None:
    process.detector.failing = True
    process.aside.start()
    number = process.kept.keep(GREY)
    process.kept.answer(number, process.aside)
    assert process.made() == PictureMade(picture=number)


def test_no_more_are_asked_for_than_a_process_can_owe() -> None:
    wanted = WantedPictures(Counters(), clock=Clock())
    assert all(wanted.begin(number, PASSAGE) for number in range(MAX_WANTED))
    assert not wanted.begin(MAX_WANTED, PASSAGE)
    assert wanted.take(0) is PASSAGE
    with pytest.raises(GarbageError):
        wanted.take(0)
    assert wanted.begin(MAX_WANTED, PASSAGE)


def test_a_process_that_owes_pictures_for_ever_is_asked_again_all_the_same() -> None:
    clock, counters = Clock(), Counters()
    wanted = WantedPictures(counters, clock=clock)
    for number in range(MAX_WANTED):
        wanted.begin(number, PASSAGE)
    clock.now_s += GIVEN_UP_S + 1
    assert wanted.begin(MAX_WANTED, PASSAGE)
    assert counters.snapshot() == {"pictures_skipped": MAX_WANTED}
    assert wanted.take(MAX_WANTED) is PASSAGE
    assert wanted.take(0) is None, "it comes after all"
    with pytest.raises(GarbageError):
        wanted.take(0)
