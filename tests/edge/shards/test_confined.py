"""What a confined process can't do: read the edge's files, change any, look into the edge, connect elsewhere."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from core.contract.config import CameraConfig
from edge.shards.readable import _without, ports

ATTEMPT = """
import encodings.idna, fcntl, os, socket, sys, termios
from pathlib import Path
from edge.shards.confined import confine

allowed, secret, edge = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
near, far, abstract = int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]
known = confine([str(allowed), "/proc/self", "/usr", "/dev/null", "/dev/zero"], [near])
if not known:
    sys.exit(77)
print((allowed / "model").read_text(), known)
Path("/dev/null").write_text("thrown away")
socket.create_connection(("127.0.0.1", near), 5)
def since(version, what):
    return what if known >= version else lambda: open("/etc/shadow-of-an-older-kernel", "x")
def reach():
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect("\\0" + abstract)
for what in (
    lambda: secret.read_text(),
    lambda: secret.parent.iterdir().__next__(),
    lambda: (allowed / "new").write_text("x"),
    lambda: open(f"/proc/{edge}/mem", "rb"),
    lambda: open(f"/proc/{edge}/environ", "rb").read(),
    lambda: open("/dev/zero", "wb"),
    lambda: os.listdir("/dev/shm"),
    since(2, lambda: os.link(allowed / "model", secret.parent / "linked")),
    since(3, lambda: os.truncate(secret, 0)),
    since(4, lambda: socket.create_connection(("127.0.0.1", far), 5)),
    since(4, lambda: socket.create_server(("127.0.0.1", 0))),
    since(5, lambda: fcntl.ioctl(open("/dev/zero"), termios.FIONREAD, bytes(4))),
    since(6, lambda: os.kill(int(edge), 0)),
    since(6, reach),
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
    with (
        socket.create_server(("127.0.0.1", 0)) as near,
        socket.create_server(("127.0.0.1", 0)) as far,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        name = f"anju-test-{os.getpid()}"
        abstract.bind(f"\0{name}")
        abstract.listen()
        told = [str(allowed), str(secret / "site.key"), *map(str, (os.getpid(), _port(near), _port(far))), name]
        command = [sys.executable, "-c", ATTEMPT, *told]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 77:
        pytest.skip("this system has no Landlock")
    assert done.returncode == 0, done.stderr
    first, known, *rest = done.stdout.split()
    assert (first, rest) == ("weights", ["refused"] * 14), f"Landlock {known}"
    assert (secret / "site.key").read_text() == "key"


def _port(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_a_process_may_connect_to_where_its_cameras_listen() -> None:
    said = {"edge": "edge", "name": {"zh": "像机", "en": "Camera"}, "kind": "gate"}
    cameras = [
        CameraConfig.model_validate(said | {"id": "a", "url": "rtsp://a/main", "sub_url": "rtsp://a:8554/sub"}),
        CameraConfig.model_validate(said | {"id": "b", "url": "rtsps://b/main"}),
    ]
    assert ports(cameras) == (322, 554, 8554)


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
