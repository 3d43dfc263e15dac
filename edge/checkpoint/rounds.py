"""Whose picture is looked at next: gates before everything else, and nobody left out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from core.contract.config import FaceGate
from edge.capture.picture import Picture
from edge.checkpoint.post import CheckpointPost
from edge.health import Counters

log = structlog.get_logger()

_REST_S = 0.004
_STOP_TIMEOUT_S = 2.0


class Stream(Protocol):
    """What a round needs of a camera; see `edge.capture.stream.CameraStream`."""

    def take(self, timeout_s: float) -> Picture | None: ...

    def want(self, fps: float) -> None: ...

    def set_in_pass(self, in_pass: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Station:
    """A camera and the checkpoints that look through it."""

    stream: Stream
    posts: tuple[CheckpointPost, ...]

    @property
    def comes_first(self) -> bool:
        """People stand and wait before a face gate; vehicles and pass holders have stopped for longer anyway."""
        return any(isinstance(post.checkpoint, FaceGate) for post in self.posts)

    def look(self) -> bool:
        """Look at one picture, if there is one; True when there was."""
        picture = self.stream.take(0.0)
        if picture is None:
            return False
        for post in self.posts:
            post.look(picture)
        self.stream.set_in_pass(any(post.watcher.in_pass for post in self.posts))
        self.stream.want(max(post.watcher.wanted_fps for post in self.posts))
        return True


class VisionLoop:
    """The one thread that looks: before each lane or door, every gate with a picture is looked at once."""

    def __init__(self, stations: Sequence[Station], counters: Counters) -> None:
        self._gates = [station for station in stations if station.comes_first]
        self._others = [station for station in stations if not station.comes_first]
        self._counters = counters
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vision", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def round(self) -> bool:
        """Everybody's turn once, the gates' turn before each of the others; True when there was anything to see."""
        saw = False
        for other in self._others:
            saw |= self._look_at_gates()
            saw |= self._look(other)
        return saw if self._others else self._look_at_gates()

    def _look_at_gates(self) -> bool:
        return sum(self._look(gate) for gate in self._gates) > 0

    def _look(self, station: Station) -> bool:
        if self._stopping.is_set():
            return False
        try:
            return station.look()
        except Exception:
            # The outermost place of this thread: one checkpoint's trouble must not blind the others.
            self._counters.add("looks_failed")
            places = [post.checkpoint.id for post in station.posts]
            log.exception("vision.look_failed", checkpoints=places, advice="the picture is skipped; report this")
            return True

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self.round():
                self._stopping.wait(_REST_S)
