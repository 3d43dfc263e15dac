"""What a confined process can't do: read the edge's files, write any, look into the edge's memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.shards.readable import _without

ATTEMPT = """
import sys
from pathlib import Path
from edge.shards.confined import confine

allowed, secret, edge = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
if not confine([str(allowed), "/proc/self", "/usr"]):
    sys.exit(77)
print((allowed / "model").read_text())
for what in (
    lambda: secret.read_text(),
    lambda: secret.parent.iterdir().__next__(),
    lambda: (allowed / "new").write_text("x"),
    lambda: open(f"/proc/{edge}/mem", "rb"),
    lambda: open(f"/proc/{edge}/environ", "rb").read(),
):
    try:
        what()
        print("done")
    except PermissionError:
        print("refused")
"""


def test_a_confined_process_reads_what_it_needs_and_nothing_of_the_edges(tmp_path: Path) -> None:
    allowed, secret = tmp_path / "models", tmp_path / "var"
    for folder in (allowed, secret):
        folder.mkdir()
    (allowed / "model").write_text("weights")
    (secret / "site.key").write_text("key")
    command = [sys.executable, "-c", ATTEMPT, str(allowed), str(secret / "site.key"), str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 77:
        pytest.skip("this system has no Landlock")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["weights", *["refused"] * 5]


def test_a_state_folder_among_the_programs_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    for name in ("code", "site/var/edge-1", "site/other", "site/var2"):
        (tmp_path / name).mkdir(parents=True)
    hidden = tmp_path / "site" / "var"
    found = {str(one.relative_to(tmp_path)) for one in _without(tmp_path, hidden)}
    assert found == {"code", "site/other", "site/var2"}
    assert list(_without(hidden / "edge-1", hidden)) == []
    assert list(_without(tmp_path / "code", hidden)) == [tmp_path / "code"]


def test_a_process_of_cameras_does_not_even_load_what_lists_are_kept_and_searched_with() -> None:
    loaded = "import sys, edge.shards.child; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, check=True)
    names = done.stdout.split()
    assert "edge.shards.child" in names
    forbidden = ("edge.lists", "watchlists.faces.index", "watchlists.store", "edge.enrol", "faiss", "numba", "fastapi")
    assert [name for name in names if name.startswith(forbidden)] == []
