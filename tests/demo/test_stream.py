"""The clips as RTSP streams, and the log of what was sent."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from core.contract.ids import CameraId
from demo.served import read_served
from demo.stream import ENDLESS

SAID: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60}

pytestmark = pytest.mark.integration


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, served: Path) -> Iterator[int]:
    """The port of a server that is expected to say nothing at all."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "demo.stream",
        "--folder",
        str(folder),
        "--port",
        str(port),
        "--served",
        str(served),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.05)
        yield port
        process.terminate()
        said, _ = process.communicate(timeout=10)
        assert (process.returncode, said) == (0, b"")
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(clip: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with a one-second clip of a camera."""
    place = tmp_path / "clips"
    place.mkdir()
    (place / "cam-gate.mp4").write_bytes(clip(seconds=1.0).read_bytes())
    return place


def watch(port: int, frames: int) -> list[float]:
    """Presentation times, seconds, of the first ``frames`` packets."""
    options = {"rtsp_transport": "tcp", "timeout": "10000000"}
    times: list[float] = []
    with av.open(f"rtsp://127.0.0.1:{port}/cam-gate.mp4?{ENDLESS}", options=options, timeout=20) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None and packet.time_base is not None:
                times.append(float(packet.pts * packet.time_base))
            if len(times) >= frames:
                break
    return times


def test_a_clip_goes_round_without_a_jump_in_time_and_what_was_sent_is_logged(folder: Path, tmp_path: Path) -> None:
    served = tmp_path / "served.jsonl"
    began = time.time()
    with serving(folder, served) as port:
        times = watch(port, 60)
    ended = time.time()
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) < 0.1
    assert min(gaps) > 0
    (session,) = read_served(served)
    assert session.camera == CameraId("cam-gate")
    assert session.frames >= 59
    sent = [session.sent_at(frame) for frame in range(session.frames)]
    assert all(moment is not None and began <= moment <= ended for moment in sent)


def test_every_client_starts_at_the_first_frame_in_a_session_of_its_own(folder: Path, tmp_path: Path) -> None:
    served = tmp_path / "served.jsonl"

    async def two() -> None:
        await asyncio.gather(asyncio.to_thread(watch, port, 30), asyncio.to_thread(watch, port, 30))

    with serving(folder, served) as port:
        asyncio.run(two())
    sessions = read_served(served)
    assert len(sessions) == 2
    assert all(session.frames >= 29 for session in sessions)


def test_a_port_that_is_taken_is_said_in_one_line(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "demo.stream", "--folder", str(folder), "--port", port]
        done = subprocess.run([*command, "--served", str(tmp_path / "s")], check=False, **SAID)
    assert done.returncode == 1
    assert "choose another --port" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo.stream", "--folder", str(tmp_path / "none"), "--port", "1"]
    done = subprocess.run([*command, "--served", str(tmp_path / "s")], check=False, **SAID)
    assert done.returncode == 2
    assert "render the clips first" in done.stderr
