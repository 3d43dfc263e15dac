"""When a stream that shows nothing is given up, and what its camera is to be set to then."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import pytest

from core.contract.config import CameraConfig
from edge.capture.decoder import StreamForm
from edge.capture.faults import DETAILS, CameraError, Fault
from edge.capture.pace import Backoff
from edge.capture.source import Source, Timeouts
from edge.capture.status import StreamStatus
from edge.capture.stream import CameraStream
from tests.edge.capture.conftest import camera, until

FPS = 10
LIMITS = Timeouts(picture_s=10.0, keyframe_s=60.0)


def connected(
    status: StreamStatus, at_s: float, keyframes_s: tuple[float, ...], until_s: float, *, shown: bool = False
) -> Fault | None:
    """What is wrong by ``until_s`` with a stream that sends packets since ``at_s``, and keyframes then.

    shown: a picture comes of each keyframe; else of none.
    """
    status.connected(at_s)
    left = list(keyframes_s)
    for number in range(round((until_s - at_s) * FPS) + 1):
        now_s = at_s + number / FPS
        keyframe = bool(left) and now_s >= left[0]
        if keyframe:
            left.pop(0)
        status.received(now_s, keyframe=keyframe)
        if shown and keyframe:
            status.picture()
        fault = status.overdue(now_s, LIMITS)
        if fault is not None:
            return fault
    return None


def test_keyframes_that_do_not_decode_are_given_up_after_ten_seconds() -> None:
    keyframes = tuple(float(second) for second in range(0, 20, 2))
    assert connected(StreamStatus(), 0.0, keyframes, 9.9) is None
    assert connected(StreamStatus(), 0.0, keyframes, 10.2) is Fault.UNDECODABLE


def test_a_first_keyframe_may_be_long_in_coming() -> None:
    status = StreamStatus()
    assert connected(status, 0.0, (45.0,), 54.9) is None
    status.picture()
    assert status.overdue(80.0, LIMITS) is None


def test_a_stream_without_keyframes_is_told_to_send_some() -> None:
    assert connected(StreamStatus(), 0.0, (), 59.9) is None
    assert connected(StreamStatus(), 0.0, (), 60.2) is Fault.NO_KEYFRAME
    assert "keyframe every 2 seconds" in DETAILS[Fault.NO_KEYFRAME]


def test_after_damage_a_stream_is_waited_for_as_long_as_its_keyframes_are_apart() -> None:
    status = StreamStatus()
    connected(status, 0.0, (0.0, 20.0, 40.0), 40.0, shown=True)
    status.trying(41.0)
    assert status.overdue(70.0, LIMITS) is None
    assert status.overdue(71.2, LIMITS) is Fault.NO_KEYFRAME


@pytest.mark.parametrize("apart_s", [1.0, 2.0, 5.0])
def test_with_keyframes_close_together_damage_is_given_up_after_ten_seconds(apart_s: float) -> None:
    status = StreamStatus()
    connected(status, 0.0, tuple(apart_s * number for number in range(5)), 4 * apart_s, shown=True)
    began_s = 4 * apart_s + 0.1
    status.trying(began_s)
    status.received(began_s + apart_s, keyframe=True)
    assert status.overdue(began_s + 9.9, LIMITS) is None
    assert status.overdue(began_s + 10.1, LIMITS) is Fault.UNDECODABLE


def test_a_camera_that_sends_no_keyframe_when_asked_is_not_left_before_one_comes() -> None:
    """Its keyframes are three times as far apart as a picture may take."""
    opened = 0

    def sends() -> Iterator[av.Packet[Any]]:
        for number in range(10_000):
            data: av.Packet[Any] = av.Packet(100)
            data.pts, data.time_base, data.is_keyframe = number, Fraction(1, 25), number == 300
            yield data

    def open_stream(_camera: CameraConfig, _url: str, timeouts: Timeouts) -> Source:
        nonlocal opened
        opened += 1
        if opened > 1:
            raise CameraError(Fault.UNREACHABLE)
        return Source(_Nothing(), sends(), StreamForm("h264", None, 320, 240), timeouts.read_s)

    quick = Timeouts(picture_s=0.0001, keyframe_s=30.0)
    with CameraStream(
        camera("rtsp://127.0.0.1:9/main"), timeouts=quick, backoff=Backoff(first_s=60.0), open_stream=open_stream
    ) as stream:
        until(lambda: any(name.startswith("fault.") for name in stream.counters()), stream)
        # Undecodable: the packets are empty. But its keyframe was waited for.
        assert stream.counters()["fault.undecodable"] == 1


class _Nothing:
    def close(self) -> None:
        """Nothing is open."""
