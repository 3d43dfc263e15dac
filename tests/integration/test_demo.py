"""`anju demo` as a visitor runs it: drawn cameras, broker, edge, core and pages, checked against the script."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.processes import listens
from demo.script import CAMERAS

pytestmark = [pytest.mark.demo, pytest.mark.integration, pytest.mark.timeout(600)]
START_S = 360


@contextmanager
def demo(*arguments: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The demo as a process of its own; killed at the end if the test left it running."""
    command = [sys.executable, "-u", "-m", "cli", "demo", "--no-browser", *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "160", **environment},
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)


def wait_for(log: Path, text: str, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_S
    while text not in (said := log.read_text(errors="replace")):
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.2)
    return said


def running_with(argument: str) -> list[str]:
    """Command lines of processes that were given ``argument``, zombies left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if argument in line:
            found.append(line)
    return found


def test_the_demo_comes_out_as_the_script_says_though_broker_and_core_are_killed(
    models_dir: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    log = tmp_path / "demo.log"
    with demo("--for", "45", "--chaos", "--report", str(report), log=log) as process:
        code = process.wait(START_S + 200)
    said = log.read_text(errors="replace")
    assert code == 0, said
    found = json.loads(report.read_text())
    assert found["lost"] == found["doubled"] == 0
    assert sum(kind["expected"] for kind in found["kinds"].values()) >= 8
    assert all(kind["caught"] == kind["expected"] and not kind["wrong"] for kind in found["kinds"].values()), said
    assert {"capture", "detect", "embed", "match", "read", "decision"} <= set(found["latency_ms"])
    assert said.count("started again") == 2


def test_ctrl_c_ends_everything_and_leaves_nothing(models_dir: Path, tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    with demo(log=log) as process:
        said = wait_for(log, "Control room:", process)
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/setup#token=", said)[1])  # type: ignore[index]
        folders = {match for line in running_with("demo.yaml") for match in re.findall(r"/\S*anju-demo-\w+", line)}
        assert listens(port)
        process.send_signal(signal.SIGINT)
        code = process.wait(90)
    assert code in {0, 1}, log.read_text(errors="replace")  # nothing, or little, was there to be caught yet
    assert "events lost: 0" in log.read_text(errors="replace")
    assert not listens(port)
    assert folders
    assert not any(running_with(folder) or Path(folder).exists() for folder in folders)


def test_being_ended_while_clips_are_drawn_leaves_no_worker_and_no_clip_that_looks_complete(
    models_dir: Path, tmp_path: Path
) -> None:
    log, cache = tmp_path / "demo.log", tmp_path / "cache"
    with demo("--seed", "4711", log=log, ANJU_DEMO_CACHE=str(cache)) as process:
        deadline = time.monotonic() + 60
        while not list(cache.glob("clips-4711/.*.partial")):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.terminate()
        code = process.wait(30)
    assert code == 130, log.read_text(errors="replace")
    assert "Traceback" not in log.read_text(errors="replace")
    assert not any((cache / "clips-4711" / f"{camera}.mp4").exists() for camera in CAMERAS)
    assert not running_with("spawn_main") or all(str(process.pid) not in line for line in running_with("spawn_main"))
