"""The threads that look: whose picture is next is said by `edge.checkpoint.turns`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from core.contract.config import Door, FaceGate, PlateLane
from core.contract.ids import CameraId
from edge.capture.picture import Picture
from edge.checkpoint.turns import Turns
from edge.checkpoint.watcher import Watcher
from edge.health import Counters
from edge.living import LivingThread
from edge.scenes.post import SceneDesk, ScenePost

log = structlog.get_logger()

_REST_S = 0.1
"""Without a picture, a thread looks round by itself this often: a bell that was not heard costs no more than that."""
_STOP_TIMEOUT_S = 2.0


class Stream(Protocol):
    """What a round needs of a camera; see `edge.capture.stream.CameraStream`."""

    def waiting(self) -> int:
        """Pictures that wait to be taken."""
        ...

    def take(self, timeout_s: float) -> Picture | None: ...

    def want(self, fps: float) -> None: ...

    def set_in_pass(self, in_pass: bool) -> None: ...


class Post(Protocol):
    """A checkpoint and who watches it; see `edge.checkpoint.post.CheckpointPost`."""

    @property
    def checkpoint(self) -> FaceGate | Door | PlateLane: ...

    @property
    def watcher(self) -> Watcher: ...

    def look(self, picture: Picture) -> None: ...


@dataclass(frozen=True, slots=True)
class Station:
    """A camera and who looks through it: checkpoints, and whoever counts bodies, which an overview camera may have."""

    stream: Stream
    posts: tuple[Post, ...]
    scenes: ScenePost | None = None

    @property
    def comes_first(self) -> bool:
        """People stand and wait before a face gate; vehicles and pass holders have stopped for longer anyway."""
        return any(isinstance(post.checkpoint, FaceGate) for post in self.posts)

    @property
    def wanted_fps(self) -> float:
        """Pictures a second that somebody here has a use for."""
        watchers = [post.watcher.wanted_fps for post in self.posts]
        return max(watchers if self.scenes is None else [*watchers, self.scenes.watcher.wanted_fps])

    @property
    def passing(self) -> bool:
        return any(post.watcher.in_pass for post in self.posts)

    def look(self, counters: Counters | None = None) -> bool:
        """Look at one picture, if there is one; True when there was.

        counters: where the trouble of one post is counted, so that it blinds none of the others; None: it is raised.
        """
        picture = self.stream.take(0.0)
        if picture is None:
            return False
        for post in self.posts:
            with _alone(counters, post.checkpoint.id):
                post.look(picture)
        self.stream.set_in_pass(self.passing)
        if self.scenes is not None:  # last: nobody waits for a count
            with _alone(counters, f"scenes of {self.scenes.watcher.camera}"):
                self.scenes.look(picture)
        self.stream.want(self.wanted_fps)
        return True


def stations_of(streams: Mapping[CameraId, Stream], posts: Sequence[Post], scenes: SceneDesk) -> list[Station]:
    """One for every camera that somebody looks through; the others are told that no picture is wanted."""
    stations = []
    for camera, stream in streams.items():
        here, counting = tuple(post for post in posts if post.checkpoint.camera == camera), scenes.of(camera)
        if here or counting is not None:
            stations.append(Station(stream, here, counting))
            stream.want(stations[-1].wanted_fps)
        else:
            stream.want(0.0)
    return stations


class VisionLoop:
    """Looks at the pictures of all stations, with as many threads as it is given."""

    def __init__(
        self, stations: Sequence[Station], counters: Counters, *, lookers: int = 1, bell: threading.Event | None = None
    ) -> None:
        """bell: set by whoever has a new picture (`CameraStream`), so that nobody has to ask all the time."""
        self._stations = stations
        self._turns = Turns([station.comes_first for station in stations], lookers)
        self._counters = counters
        self._bell = bell or threading.Event()
        self._stopping = threading.Event()
        self.threads = [self._looker(number) for number in range(lookers)]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """End the threads: each finishes the picture it is at."""
        self._stopping.set()
        self._bell.set()
        deadline_s = time.monotonic() + _STOP_TIMEOUT_S
        for thread in self.threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))

    @property
    def alive(self) -> bool:
        """Whether every thread that should look does."""
        return all(thread.alive for thread in self.threads)

    def turn(self) -> bool:
        """Look at one picture of whoever's turn it is; False when nobody has any."""
        number = self._turns.take(lambda number: self._stations[number].stream.waiting())
        if number is None:
            return False
        station, started_s = self._stations[number], time.monotonic()
        try:
            with _alone(self._counters, *(post.checkpoint.id for post in station.posts)):
                station.look(self._counters)
        finally:
            self._turns.give_back(number, time.monotonic() - started_s, passing=station.passing)
        return True

    def _looker(self, number: int) -> LivingThread:
        def look() -> None:
            self._run(thread)

        thread = LivingThread(f"vision-{number}", look)
        return thread

    def _run(self, thread: LivingThread) -> None:
        while not self._stopping.is_set():
            thread.beat()
            # Cleared before looking round: a picture that comes in between rings again.
            self._bell.clear()
            if not self.turn():
                self._bell.wait(_REST_S)


@contextmanager
def _alone(counters: Counters | None, *places: str) -> Iterator[None]:
    """The outermost place of a look: trouble of one of ``places`` is counted and told, and the others go on."""
    try:
        yield
    except Exception:
        if counters is None:
            raise
        counters.add("looks_failed")
        log.exception("vision.look_failed", checkpoints=list(places), advice="the picture is skipped; report this")
