"""A process of cameras does not outlive its edge, and is not told where the edge's keys are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.shards.host import PASSED_ON
from tests.edge.link.parts import until
from tests.edge.lists.estate import EDGE
from tests.edge.shards.filmed import filmed
from tests.support.rtsp import ClipServer


@pytest.mark.integration
def test_the_process_ends_when_its_edge_is_killed(
    tmp_path: Path, models_dir: Path, rtsp_server: Callable[[Path], ClipServer]
) -> None:
    estate = filmed(tmp_path, rtsp_server, shards=1)
    command = [sys.executable, "-m", "cli", "edge", "--config", str(estate.loaded.path), "--id", EDGE]
    with (tmp_path / "log").open("wb") as log:
        edge = subprocess.Popen(command, stderr=log)
    try:
        children = Path(f"/proc/{edge.pid}/task")

        def confined() -> list[int]:
            """Its processes that are past their first moment: with rules that they can't shed."""
            lists = (task / "children" for task in children.iterdir())
            found = [int(one) for path in lists for one in path.read_text().split()]
            return [one for one in found if "NoNewPrivs:\t1" in Path(f"/proc/{one}/status").read_text()]

        until(confined, "its process begun", timeout_s=60)
        (process,) = confined()
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
