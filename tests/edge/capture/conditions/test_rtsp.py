"""Clocks and lateness of real RTSP cameras."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.contract.events_cameras import CameraConditionV1
from core.contract.ids import CameraId
from core.contract.vocabulary import CameraCondition
from edge.capture.conditions.lasting import Patience
from edge.capture.conditions.watch import PATIENCE, ConditionWatch
from edge.capture.glance import Glance
from edge.capture.stream import CameraStream
from tests.edge.capture.conftest import WAIT_S, camera, impatient
from tests.support.rtsp import ClipServer, GstServer, GstStream

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for condition in (CameraCondition.WRONG_CLOCK, CameraCondition.BEHIND):
        monkeypatch.setitem(PATIENCE, condition, Patience(1.0, 1.0))


def watched(stream: CameraStream, watch: ConditionWatch, *, until: Callable[[], bool]) -> list[CameraConditionV1]:
    """What is told of ``stream`` until something is so."""
    changes: list[CameraConditionV1] = []
    deadline = time.monotonic() + WAIT_S
    while not until():
        assert time.monotonic() < deadline, f"did not happen in {WAIT_S} s: {stream.health()} {changes}"
        changes += watch.look(stream.health(), time.monotonic(), datetime.now(UTC))
        time.sleep(0.1)
    return changes


def clock_of(server: GstServer, wall_clock: Callable[[], datetime]) -> tuple[list[Glance], list[CameraConditionV1]]:
    """Glances at the camera and what is told of it, by an edge with that clock."""
    seen: list[Glance] = []
    watch = ConditionWatch(CameraId("cam-1"))

    def see(glance: Glance) -> None:
        seen.append(glance)
        watch.see(glance)

    with CameraStream(camera(server.url), on_glance=see, wall_clock=wall_clock) as stream:
        since_s: list[float] = []

        def long_enough() -> bool:
            if not since_s and any(glance.camera_clock is not None for glance in seen):
                since_s.append(time.monotonic())
            return bool(since_s) and time.monotonic() - since_s[0] > 3.0

        changes = watched(stream, watch, until=long_enough)
    return seen, changes


def test_a_camera_tells_its_own_time_and_it_is_right(gst_rtsp_server: Callable[[GstStream], GstServer]) -> None:
    seen, changes = clock_of(gst_rtsp_server(GstStream()), lambda: datetime.now(UTC))
    told = [glance for glance in seen if glance.camera_clock is not None]
    assert told
    # Between the two lies what a busy machine takes, too; a clock that is minutes off would be told.
    assert all(abs(((glance.camera_clock or glance.at) - glance.at).total_seconds()) < 5 for glance in told)
    assert [one for one in changes if one.condition is CameraCondition.WRONG_CLOCK] == []


def test_a_camera_whose_clock_is_three_hours_ahead_is_told(gst_rtsp_server: Callable[[GstStream], GstServer]) -> None:
    three_hours_ago = timedelta(hours=3)
    _, changes = clock_of(gst_rtsp_server(GstStream()), lambda: datetime.now(UTC) - three_hours_ago)
    [change] = [one for one in changes if one.condition is CameraCondition.WRONG_CLOCK]
    assert change.detail.startswith("the camera's clock is 3 h ahead of this edge's:")
    assert not change.blind


class Bottleneck:
    """Passes on what a camera sends, no faster than so many bytes a second once it is narrow."""

    def __init__(self, port: int) -> None:
        self.narrow_bytes_per_s: float | None = None
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self.port: int = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @contextmanager
    def open(self) -> Iterator[Bottleneck]:
        self._threads[0].start()
        try:
            yield self
        finally:
            self._stopping.set()
            self._server.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to), 5)
            for one in (near, far):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            for source, sink, slow in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._pass_on, args=(source, sink, slow), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        try:
            while not self._stopping.is_set() and (read := source.recv(1024)):
                sink.sendall(read)
                if slow and self.narrow_bytes_per_s is not None:
                    time.sleep(len(read) / self.narrow_bytes_per_s)
        except OSError:
            pass
        finally:
            source.close()
            sink.close()


def test_a_camera_behind_a_bottleneck_falls_behind_until_it_is_connected_anew(
    clip: Callable[..., Path], rtsp_server: Callable[[Path], ClipServer]
) -> None:
    path = clip("h264", seconds=8.0)
    bytes_per_s = path.stat().st_size / 8.0
    server = rtsp_server(path.parent)
    watch = ConditionWatch(CameraId("cam-1"))
    with Bottleneck(server.port).open() as narrow:
        url = server.url(path.name).replace(str(server.port), str(narrow.port))
        with CameraStream(camera(url), on_glance=watch.see, backoff=impatient()) as stream:
            watched(stream, watch, until=lambda: stream.counters().get("frames", 0) > 0)
            narrow.narrow_bytes_per_s = bytes_per_s / 2
            late = watched(stream, watch, until=lambda: behind(watch, stream))
            narrow.narrow_bytes_per_s = None
            server.stop()
            server.start()
            anew = watched(stream, watch, until=lambda: not behind(watch, stream))
    [began] = [one for one in late if one.condition is CameraCondition.BEHIND]
    [ended] = [one for one in anew if one.condition is CameraCondition.BEHIND]
    assert "s late, or their time stamps are wrong: check the network" in began.detail
    assert (began.blind, ended.since, ended.until is None) == (False, began.since, False)


def behind(watch: ConditionWatch, stream: CameraStream) -> bool:
    return any(one.condition is CameraCondition.BEHIND for one in watch.describe(stream.health()).conditions)
