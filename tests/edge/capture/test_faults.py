"""Each thing that can be wrong with a camera has its own words, its own counter, and keeps the password to itself."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, cast

import av
import pytest
from structlog.testing import capture_logs

from core.contract.config import CameraConfig
from core.contract.vocabulary import CameraState
from edge.capture.decoder import Decoder, StreamForm
from edge.capture.faults import DETAILS, CameraError, Fault
from edge.capture.source import Source, Timeouts, open_camera
from edge.capture.stream import CameraStream
from tests.edge.capture.conftest import camera, impatient, until
from tests.edge.capture.fake_rtsp import Fault as CannedFault
from tests.edge.capture.fake_rtsp import FaultyCamera

SECRET = "pa:ss@/w0rd"
QUICK = Timeouts(open_s=1.0, read_s=1.0, picture_s=1.0)


@pytest.fixture
def login(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "camera.password"
    file.write_text(SECRET + "\n")
    return {"user": "viewer", "password_file": file}


@pytest.mark.parametrize(
    ("canned", "fault"),
    [
        ("unauthorized", Fault.WRONG_PASSWORD),
        ("not_found", Fault.NO_SUCH_STREAM),
        ("no_video", Fault.NOT_VIDEO),
        ("not_rtsp", Fault.NOT_VIDEO),
        ("mjpeg", Fault.UNSUPPORTED_CODEC),
        ("stall", Fault.SILENT),
    ],
)
def test_a_faulty_camera_is_offline_and_says_why(canned: CannedFault, fault: Fault, login: dict[str, Any]) -> None:
    with FaultyCamera(canned) as faulty, capture_logs() as logs:
        config = camera(f"rtsp://127.0.0.1:{faulty.port}/stream", **login)
        with CameraStream(config, timeouts=QUICK, backoff=impatient()) as stream:
            until(lambda: stream.counters().get(f"fault.{fault}", 0) >= 1, stream)
            health = stream.health()
    assert health.state is CameraState.OFFLINE
    assert health.detail == DETAILS[fault]
    assert not any(word in str(logs) + str(health) for word in (SECRET, "w0rd", "viewer"))


def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        config = camera(f"rtsp://127.0.0.1:{unused.getsockname()[1]}/stream")
        with pytest.raises(CameraError) as raised:
            open_camera(config, config.url, QUICK)
    assert raised.value.fault is Fault.UNREACHABLE


def test_a_missing_password_file_is_named_before_the_camera_is_asked(tmp_path: Path) -> None:
    config = camera("rtsp://127.0.0.1:9/stream", user="viewer", password_file=tmp_path / "none")
    with pytest.raises(CameraError, match="password_file") as raised:
        open_camera(config, config.url, QUICK)
    assert raised.value.fault is Fault.NO_PASSWORD_FILE


def test_an_error_carries_neither_address_nor_password_in_any_of_its_parts(login: dict[str, Any]) -> None:
    with FaultyCamera("unauthorized") as faulty:
        config = camera(f"rtsp://127.0.0.1:{faulty.port}/stream", **login)
        with pytest.raises(CameraError) as raised:
            open_camera(config, config.url, QUICK)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert "rtsp://" not in str(raised.value)


class _EmptyFrame:
    width = height = 0


def test_pictures_without_area_are_counted_and_end_in_a_clear_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """No encoder makes such a stream, some cameras do while they start: the frames are made up here."""

    class Endless:
        form = StreamForm("h264", None, 0, 0)

        def read(self) -> av.Packet[Any]:
            packet: av.Packet[Any] = av.Packet(b"nothing")
            packet.is_keyframe = True
            return packet

        def close(self) -> None:
            """Nothing to close."""

    monkeypatch.setattr(Decoder, "step", lambda _self, packet: [(packet, _EmptyFrame())])

    def opened(_camera: CameraConfig, _url: str, _timeouts: Timeouts) -> Source:
        return cast(Source, Endless())

    config = camera("rtsp://127.0.0.1:9/stream")
    quick = Timeouts(picture_s=0.05)
    with CameraStream(config, timeouts=quick, backoff=impatient(), open_stream=opened) as stream:
        until(lambda: stream.counters().get("fault.empty_picture", 0) >= 1, stream)
        assert stream.counters()["empty_pictures"] >= 1
        assert stream.health().detail == DETAILS[Fault.EMPTY_PICTURE]
        assert stream.take(0) is None


def test_an_unforeseen_error_is_counted_and_the_thread_lives_on() -> None:
    def broken(_camera: CameraConfig, _url: str, _timeouts: Timeouts) -> Source:
        raise ZeroDivisionError(f"rtsp://viewer:{SECRET}@camera/")

    stream = CameraStream(camera("rtsp://127.0.0.1:9/stream"), backoff=impatient(), open_stream=broken)
    with capture_logs() as logs, stream:
        until(lambda: stream.counters().get("fault.unexpected", 0) >= 2, stream)
    assert "ZeroDivisionError" in str(logs)
    assert SECRET not in str(logs)
