"""What a site's video has to show: what a camera sends now, and nothing of one that is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.contract.config import CameraConfig, EdgeConfig, Login, Name
from core.contract.ids import CameraId, ClipId, EdgeId
from edge.capture.decoder import StreamForm
from edge.capture.pace import Backoff
from edge.capture.packets import PacketRing
from edge.capture.source import Source, Timeouts
from edge.capture.stream import CameraStream, Sent
from edge.enrol.tickets import TicketBook
from edge.health import Counters
from edge.video.clips import ClipStore
from edge.video.footage import Which
from edge.video.site import Sending, SiteVideo
from tests.edge.link.parts import until
from tests.edge.video.packets import camera_packets, ring_of

CAMERA = CameraId("cam-1")
SETS = b"\x00\x00\x00\x01\x67sets"


@dataclass
class Camera:
    """Sends one stream."""

    form: StreamForm | None = None
    ring: PacketRing = field(default_factory=lambda: PacketRing(15.0, 10**7))

    def sent(self, which: Which = "main") -> Sent:
        return Sent(self.ring, self.form)


class Nowhere:
    """No camera is in another process."""

    def keep(self, clip: ClipId, camera: CameraId, at_s: float) -> None:
        raise AssertionError("nobody asked for a clip")

    def view(self, camera: CameraId, which: Which) -> None:
        return None


@pytest.fixture
def site_of(tmp_path: Path) -> Callable[[Sending], SiteVideo]:
    login = Login(user="edge-1", password_file=tmp_path / "password")
    config = EdgeConfig(id=EdgeId("edge-1"), broker_login=login)

    def made(camera: Sending) -> SiteVideo:
        return SiteVideo(
            config,
            ClipStore(tmp_path / "clips", b"k" * 32, max_bytes=10**7, keep=timedelta(days=7)),
            {CAMERA: camera},
            core_key=Ed25519PrivateKey.generate().public_key(),
            tickets=TicketBook(tmp_path / "tickets.db"),
            counters=Counters(),
            elsewhere=Nowhere(),
        )

    return made


@pytest.mark.parametrize(("codec", "told", "sets"), [("h264", SETS, SETS), ("hevc", b"\x01\x64mp4", b"")])
def test_what_a_camera_sends_is_shown_with_the_parameter_sets_it_told(
    codec: str, told: bytes, sets: bytes, site_of: Callable[[Sending], SiteVideo], tmp_path: Path
) -> None:
    camera = Camera(StreamForm(codec, told, 320, 240), ring_of(camera_packets(tmp_path, seconds=1.0)))
    footage = site_of(camera).footage(CAMERA, "main")
    assert footage is not None
    assert (footage.head.codec, footage.head.parameter_sets) == (codec, sets)
    assert footage.ring is camera.ring


def test_a_camera_that_nobody_knows_or_that_never_sent_anything_shows_nothing(
    site_of: Callable[[Sending], SiteVideo],
) -> None:
    site = site_of(Camera())
    assert site.footage(CAMERA, "main") is None
    assert site.footage(CameraId("cam-2"), "main") is None


class Connection:
    """One keyframe, then silence until it is cut."""

    def __init__(self) -> None:
        self.cut = threading.Event()

    def open(self, _camera: CameraConfig, _url: str, timeouts: Timeouts) -> Source:
        return Source(self, self._packets(), StreamForm("h264", None, 320, 240), timeouts.read_s)

    def _packets(self) -> Iterator[av.Packet[Any]]:
        data: av.Packet[Any] = av.Packet(100)
        data.pts, data.time_base, data.is_keyframe = 0, Fraction(1, 25), True
        yield data
        self.cut.wait(10.0)

    def close(self) -> None:
        """Nothing is open."""


def test_a_camera_that_went_away_shows_nothing_of_before(site_of: Callable[[Sending], SiteVideo]) -> None:
    connection = Connection()
    config = CameraConfig(
        id=CAMERA,
        edge=EdgeId("edge-1"),
        name=Name(zh="相机", en="Camera"),
        kind="overview",
        url="rtsp://127.0.0.1:9/main",
    )
    with CameraStream(config, backoff=Backoff(first_s=60.0), open_stream=connection.open) as stream:
        site = site_of(stream)
        until(lambda: site.footage(CAMERA, "main") is not None, "footage")
        connection.cut.set()
        until(lambda: site.footage(CAMERA, "main") is None, "nothing to show")
