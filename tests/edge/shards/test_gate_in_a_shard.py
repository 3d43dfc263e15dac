"""A gate whose camera is looked at in another process: real clip, real models, real lists."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.contract.vocabulary import CameraState
from edge.shards.host import PASSED_ON
from edge.worker import EdgeWorker
from tests.edge.link.parts import until
from tests.edge.lists.estate import EDGE
from tests.edge.shards.filmed import Filmed, filmed
from tests.support.rtsp import ClipServer

pytestmark = pytest.mark.integration
OPENED = "admit.listed"


@pytest.fixture
def estate(tmp_path: Path, models_dir: Path, rtsp_server: Callable[[Path], ClipServer]) -> Filmed:
    return filmed(tmp_path, rtsp_server, shards=1)


@pytest.fixture
def edge(estate: Filmed) -> Iterator[EdgeWorker]:
    worker = EdgeWorker(estate.loaded, EDGE)
    estate.enrol(worker._lists)
    worker.start()
    yield worker
    worker.stop()


def admitted(edge: EdgeWorker) -> int:
    return edge._counters.snapshot().get(OPENED, 0)


def process_of(edge: EdgeWorker) -> int:
    (host,) = edge._shards.hosts
    assert host.process is not None
    return host.process.pid


def memory_of(pid: int) -> Iterator[bytes]:
    """What the process has written in its memory, part by part."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if "r" not in rights or "w" not in rights:
                continue
            start, end = (int(one, 16) for one in span.split("-"))
            try:
                memory.seek(start)
                yield memory.read(end - start)
            except OSError:
                continue


def holds(pid: int, *secrets: bytes) -> bool:
    return any(secret in part for part in memory_of(pid) for secret in secrets)


def test_somebody_with_consent_is_let_in_and_the_process_never_holds_their_face(
    edge: EdgeWorker, estate: Filmed
) -> None:
    until(lambda: admitted(edge) >= 1, "let in", timeout_s=60)
    until(lambda: edge._counters.snapshot().get("gates_opened", 0) >= 1, "the gate opened")
    assert edge._counters.snapshot().get("looks_failed", 0) == 0
    until(lambda: edge._camera_health()[0].state is CameraState.ONLINE, "the camera told there")
    until(lambda: edge._watch_counts().get("east-gate.passes", 0) >= 1, "counted")
    template = np.asarray(estate.vector, "<f4").tobytes()[:64]
    key = estate.core.keys.private.private_bytes_raw()
    assert holds(os.getpid(), template)
    assert not holds(process_of(edge), template, key, estate.subject.encode())


def test_a_process_that_is_killed_is_begun_again_and_counted(edge: EdgeWorker) -> None:
    until(lambda: admitted(edge) >= 1, "let in", timeout_s=60)
    before, killed = admitted(edge), process_of(edge)
    os.kill(killed, signal.SIGKILL)
    until(lambda: edge._camera_health()[0].state is CameraState.OFFLINE, "told away")
    until(lambda: admitted(edge) > before, "let in again", timeout_s=60)
    assert process_of(edge) != killed
    assert edge._counters.snapshot()["shards_ended"] == 1


def test_an_edge_that_stops_leaves_no_process_behind(estate: Filmed) -> None:
    worker = EdgeWorker(estate.loaded, EDGE)
    worker.start()
    until(lambda: worker._camera_health()[0].state is CameraState.ONLINE, "looking", timeout_s=60)
    process = process_of(worker)
    worker.stop()
    assert not Path(f"/proc/{process}").exists()


def test_the_process_ends_when_its_edge_is_killed(estate: Filmed, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "edge", "--config", str(estate.loaded.path), "--id", EDGE]
    with (tmp_path / "log").open("wb") as log:
        edge = subprocess.Popen(command, stderr=log)
    try:
        children = Path(f"/proc/{edge.pid}/task")

        def found() -> list[int]:
            lists = (task / "children" for task in children.iterdir())
            return [int(one) for path in lists for one in path.read_text().split()]

        until(lambda: found() != [], "its process begun", timeout_s=60)
        (process,) = found()
        time.sleep(0.5)
        edge.kill()
        edge.wait(10)
        until(lambda: not alive(process), "its process gone")
    finally:
        edge.kill()
        edge.wait(10)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_no_process_is_told_where_the_keys_are() -> None:
    assert "CREDENTIALS_DIRECTORY" not in PASSED_ON
