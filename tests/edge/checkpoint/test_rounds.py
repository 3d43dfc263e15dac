"""Gates are looked at first, and nobody is left out."""

from __future__ import annotations

import threading
from typing import cast

import pytest
from structlog.testing import capture_logs

from core.contract.config import Door, FaceGate, PlateLane
from edge.capture.picture import Picture
from edge.checkpoint import rounds
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

    def waiting(self) -> int:
        return self.pictures

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
    gate, lane, door = (station(Post(one, order), 2) for one in (GATE, LANE, DOOR))
    loop = VisionLoop([lane, door, gate], Counters())
    for _ in range(4):
        assert loop.turn()
    assert sorted(order[1::2]) == ["door", "lane"]
    assert order[::2] == ["gate", "gate"]


def test_gates_alone_are_looked_at_too() -> None:
    order: list[str] = []
    loop = VisionLoop([station(Post(GATE, order), 1)], Counters())
    assert loop.turn()
    assert not loop.turn()
    assert order == ["gate"]


def test_a_camera_is_told_how_many_pictures_are_of_use_and_that_somebody_is_passing() -> None:
    gate = station(Post(GATE, []), 1)
    VisionLoop([gate], Counters()).turn()
    stream = cast(Stream, gate.stream)
    assert (stream.fps, stream.in_pass) == (12.0, True)


def test_one_checkpoints_trouble_is_counted_and_does_not_blind_the_others() -> None:
    order: list[str] = []
    counters = Counters()
    loop = VisionLoop([station(Post(GATE, order, fails=True), 3), station(Post(LANE, order), 3)], counters)
    with capture_logs() as logs:
        for _ in range(6):
            assert loop.turn()
    assert order == ["gate", "lane"] * 3
    assert counters.snapshot()["looks_failed"] == 3
    assert logs[0]["checkpoints"] == ["gate"]


def test_one_posts_trouble_does_not_blind_the_others_of_its_camera() -> None:
    order: list[str] = []
    counters = Counters()
    posts = (Post(GATE, order, fails=True), Post(LANE, order))
    camera = Station(Stream(1), tuple(cast(CheckpointPost, post) for post in posts))
    with capture_logs() as logs:
        assert VisionLoop([camera], counters).turn()
    assert order == ["gate", "lane"]
    assert counters.snapshot()["looks_failed"] == 1
    assert logs[0]["checkpoints"] == ["gate"]
    assert cast(Stream, camera.stream).in_pass, "the camera goes on being watched while somebody passes"


@pytest.mark.parametrize("lookers", [1, 3])
@pytest.mark.parametrize("stations", [0, 2])
def test_the_loop_runs_until_it_is_stopped(stations: int, lookers: int) -> None:
    order: list[str] = []
    loop = VisionLoop([station(Post(GATE, order), 3) for _ in range(stations)], Counters(), lookers=lookers)
    loop.start()
    until(lambda: len(order) == 3 * stations, "everything looked at")
    assert loop.alive
    loop.stop()
    assert not loop.alive


def test_a_bell_wakes_whoever_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_REST_S", 3600.0)  # nobody looks round by themselves
    order: list[str] = []
    bell = threading.Event()
    gate = station(Post(GATE, order), 0)
    loop = VisionLoop([gate], Counters(), bell=bell)
    loop.start()
    cast(Stream, gate.stream).pictures = 1
    bell.set()
    until(lambda: order == ["gate"], "the picture was looked at")
    loop.stop()


def test_a_camera_is_looked_at_by_one_thread_at_a_time_and_a_gate_does_not_wait_for_a_lane() -> None:
    lane_at_work, gate_looked = threading.Event(), threading.Event()
    at_once: list[int] = []
    inside = 0

    class SlowPost(Post):
        def look(self, picture: Picture) -> None:
            nonlocal inside
            inside += 1
            at_once.append(inside)
            lane_at_work.set()
            assert gate_looked.wait(10)
            inside -= 1

    class GatePost(Post):
        def look(self, picture: Picture) -> None:
            gate_looked.set()

    lane, gate = station(SlowPost(LANE, []), 3), station(GatePost(GATE, []), 0)
    loop = VisionLoop([lane, gate], Counters(), lookers=3)
    loop.start()
    assert lane_at_work.wait(10)
    cast(Stream, gate.stream).pictures = 1
    until(lambda: cast(Stream, lane.stream).pictures == 0, "the lane was looked at to the end")
    loop.stop()
    assert at_once == [1, 1, 1]
