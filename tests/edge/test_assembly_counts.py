"""What an edge counts of its cameras' streams."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import Any

import av

from core.contract.config_scenes import Scenes
from core.contract.ids import CameraId
from edge.assembly import make_streams
from edge.capture.glance import Glance
from edge.health import Counters
from tests.edge.capture.conftest import camera


def looked(_camera: CameraId, _glance: Glance) -> None:
    """Nobody looks."""


def packet(number: int) -> av.Packet[Any]:
    data: av.Packet[Any] = av.Packet(50_000 if number % 40 == 0 else 5000 + number % 7 * 100)
    data.pts, data.time_base = number, Fraction(1, 25)
    return data


def test_a_camera_whose_stamps_were_put_right_is_in_the_edge_s_counters() -> None:
    counters = Counters()
    (stream,) = make_streams(
        [camera("rtsp://127.0.0.1/a")], [], Scenes(), looked, bell=threading.Event(), counters=counters
    ).values()
    reader = stream._streams["main"].reader
    for number in range(20 * 60):  # it says 25 pictures a second, and sends 20
        reader._times(packet(number), number / 25, 1000 + number / 20, waited=True, rested=False)
    assert counters.snapshot() == {"stamps_put_right": 1}
    assert stream.counters()["stamps_put_right"] == 1
