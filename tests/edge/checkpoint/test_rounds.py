"""Gates are looked at first, and nobody is left out."""

from __future__ import annotations

from typing import cast

import pytest
from structlog.testing import capture_logs

from core.contract.config import Door, FaceGate, PlateLane
from edge.capture.picture import Picture
from edge.checkpoint.post import CheckpointPost
from edge.checkpoint.rounds import Station, VisionLoop
from edge.health import Counters
from tests.edge.checkpoint.test_decide import DOOR, GATE, LANE
from tests.edge.link.parts import until


class Stream:
    """A camera with so many pictures waiting."""

    def __init__(self, pictures: int) -> None:
        self.pictures = pictures
        self.fps = 0.0
        self.in_pass = False

    def take(self, timeout_s: float) -> Picture | None:
        if not self.pictures:
            return None
        self.pictures -= 1
        return cast(Picture, object())

    def want(self, fps: float) -> None:
        self.fps = fps

    def set_in_pass(self, in_pass: bool) -> None:
        self.in_pass = in_pass


class Watcher:
    in_pass = True
    wanted_fps = 12.0


class Post:
    """Writes down whose turn it was."""

    def __init__(self, checkpoint: FaceGate | Door | PlateLane, order: list[str], *, fails: bool = False) -> None:
        self.checkpoint = checkpoint
        self.watcher = Watcher()
        self._order = order
        self._fails = fails

    def look(self, picture: Picture) -> None:
        self._order.append(self.checkpoint.id)
        if self._fails:
            raise RuntimeError("a watcher's own trouble")


def station(post: Post, pictures: int) -> Station:
    return Station(Stream(pictures), (cast(CheckpointPost, post),))


def test_every_gate_is_looked_at_before_each_lane_and_door() -> None:
    order: list[str] = []
    gate, lane, door = (station(Post(one, order), 10) for one in (GATE, LANE, DOOR))
    loop = VisionLoop([lane, door, gate], Counters())
    assert loop.round()
    assert order == ["gate", "lane", "gate", "door"]


def test_busy_gates_do_not_starve_a_lane() -> None:
    order: list[str] = []
    gates = [station(Post(GATE, order), 100) for _ in range(3)]
    loop = VisionLoop([*gates, station(Post(LANE, order), 5)], Counters())
    for _ in range(5):
        loop.round()
    assert order.count("lane") == 5
    assert order.count("gate") == 15


def test_gates_alone_are_looked_at_too() -> None:
    order: list[str] = []
    loop = VisionLoop([station(Post(GATE, order), 1)], Counters())
    assert loop.round()
    assert not loop.round()
    assert order == ["gate"]


def test_a_camera_is_told_how_many_pictures_are_of_use_and_that_somebody_is_passing() -> None:
    gate = station(Post(GATE, []), 1)
    VisionLoop([gate], Counters()).round()
    stream = cast(Stream, gate.stream)
    assert (stream.fps, stream.in_pass) == (12.0, True)


def test_one_checkpoints_trouble_is_counted_and_does_not_blind_the_others() -> None:
    order: list[str] = []
    counters = Counters()
    loop = VisionLoop([station(Post(GATE, order, fails=True), 3), station(Post(LANE, order), 3)], counters)
    with capture_logs() as logs:
        for _ in range(3):
            loop.round()
    assert order == ["gate", "lane"] * 3
    assert counters.snapshot()["looks_failed"] == 3
    assert logs[0]["checkpoints"] == ["gate"]


@pytest.mark.parametrize("stations", [0, 2])
def test_the_loop_runs_until_it_is_stopped(stations: int) -> None:
    order: list[str] = []
    loop = VisionLoop([station(Post(GATE, order), 3) for _ in range(stations)], Counters())
    loop.start()
    until(lambda: len(order) == 3 * stations, "everything looked at")
    loop.stop()
    assert not loop._thread.is_alive()
