"""A process that says what no sound one says is put down, told and begun again; the edge goes on."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.contract.base import Message
from core.contract.config_scenes import Scenes
from core.contract.events_cameras import CameraHealth
from core.contract.ids import CameraId, EdgeId
from core.contract.vocabulary import CameraState
from edge.aside import Aside
from edge.capture.glance import Glance
from edge.checkpoint.post import Books
from edge.health import Counters
from edge.shards import host as host_module
from edge.shards.ears import Desk, Ears
from edge.shards.far_video import FarVideo
from edge.shards.host import ShardHost
from edge.shards.limits import Limits
from edge.shards.messages import Begin, Glanced, Identify, Ready, Report, written
from edge.shards.told_scenes import ToldScenes
from tests.edge.checkpoint.test_decide import GATE
from tests.edge.link.parts import until
from tests.edge.shards.test_answers import NOW, Known
from tests.edge.shards.test_far_video import Kept

CAMERA = CameraId("cam")
HEARS = "receive(wire)"
"""A process that says how it is and then only reads."""
CHILD = """
import socket, struct, sys, time
wire = socket.socket(fileno=int(sys.argv[1]))
def send(header, blob=b""):
    wire.sendall(struct.pack(">II", len(header), len(blob)) + header + blob)
def receive(wire):
    while wire.recv(65536):
        pass
time.sleep({late_s})
send({ready!r})
lengths = wire.recv(8, socket.MSG_WAITALL)
left = sum(struct.unpack(">II", lengths))
while left:
    left -= len(wire.recv(min(left, 65536)))
send({report!r})
time.sleep(0.3)
{does}
time.sleep(60)
"""
WELL = written(
    Report(cameras=(CameraHealth(camera=CAMERA, state=CameraState.ONLINE),), watched={}, scenes={}, counters={})
)
READY = written(Ready())
FLOOD = written(Glanced(camera=CAMERA, at_s=1.0, at=NOW, width=1, height=1))
FOREIGN = written(Glanced(camera=CameraId("another"), at_s=1.0, at=NOW, width=1, height=1))
FALSE = written(Identify(number=1, checkpoint=GATE.id, rows=1, columns=4))


class Acted(ShardHost):
    """Its processes do what the test says, the first of them one thing, those after it another."""

    def __init__(
        self,
        first: str,
        later: str,
        stack: ExitStack,
        counters: Counters,
        *,
        config: bytes = b"{}",
        late_s: float = 0.0,
    ) -> None:
        """late_s: how long a process loads its code before it reads anything."""
        self.glances = 0
        self._late_s = late_s
        desk = Desk(
            Known(),  # type: ignore[arg-type]
            4,
            Books(None, Aside("pictures", 1, counters), None, counters, None),  # type: ignore[arg-type]
            FarVideo(Kept(), counters),
            self._glance,
            self._scene,
        )
        limits = Limits((CAMERA,), 1, counters)
        scenes = ToldScenes((CAMERA,), Scenes(), desk.scene, Aside("scenes", 1, counters), counters)
        super().__init__(
            0,
            Begin(edge=EdgeId("edge-1"), path="", state_dir="", cameras=(CAMERA,), lookers=1),
            config,
            readable=(),
            ports=(),
            ears=lambda say: Ears((CAMERA,), {}, desk, limits, say, scenes=scenes),
            counters=counters,
        )
        self._acts = iter((first, later, later, later))
        self.processes: list[int] = []
        stack.callback(self._finish)

    def _begun(self, there: socket.socket) -> subprocess.Popen[bytes]:
        script = CHILD.format(report=WELL, ready=READY, late_s=self._late_s, does=next(self._acts))
        process = subprocess.Popen([sys.executable, "-c", script, str(there.fileno())], pass_fds=(there.fileno(),))
        self.processes.append(process.pid)
        return process

    def _glance(self, camera: CameraId, glance: Glance) -> None:
        self.glances += 1

    def _scene(self, message: Message, at: datetime) -> None:
        raise AssertionError("no scene is watched")

    def _finish(self) -> None:
        self.stop()
        self.join(0.5)

    @property
    def state(self) -> CameraState:
        (health,) = self.health()
        return health.state


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    monkeypatch.setattr(host_module, "_FIRST_REST_S", 0.05)
    with ExitStack() as opened:
        yield opened


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        ("wire.sendall(b'\\xff' * 100_000)", "no frame"),
        ("send(b'rm -rf')", "no message that a process may send"),
        (f"send({FOREIGN!r}, b'x')", "not its own"),
        (f"send({FALSE!r}, bytes(15))", "don't fit"),
        (f"while True: send({FLOOD!r}, b'x')", "more than its cameras can have to say"),
        ("sys.exit(3)", "exit status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit status -9"),
    ],
    ids=["bytes", "words", "another's camera", "half a face", "flood", "failure", "killed"],
)
def test_what_no_sound_process_says_ends_it_and_another_takes_its_place(
    does: str, problem: str, stack: ExitStack
) -> None:
    counters = Counters()
    with capture_logs() as logs:
        host = Acted(does, HEARS, stack, counters)
        host.thread.start()
        until(lambda: counters.snapshot().get("shards_ended") == 1, "put down and counted")
        until(lambda: host.state is CameraState.ONLINE, "another in its place")
    assert not Path(f"/proc/{host.processes[0]}").exists()
    [told] = [one for one in logs if one["event"] == "shard.ended"]
    assert problem in told["problem"]
    assert len(host.processes) == 2


def test_a_process_that_falls_silent_is_ended(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "SILENT_S", 0.4)
    counters = Counters()
    host = Acted(HEARS, HEARS, stack, counters)
    with capture_logs() as logs:
        host.thread.start()
        until(lambda: counters.snapshot().get("shards_ended", 0) >= 1, "ended")
        until(lambda: len(host.processes) >= 2, "another in its place")
    assert not Path(f"/proc/{host.processes[0]}").exists()
    told = [one["problem"] for one in logs if one["event"] == "shard.ended"]
    assert "said nothing for too long" in told[0]


def test_a_large_configuration_waits_until_the_process_reads(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "_PATIENCE_S", 0.2)
    counters = Counters()
    host = Acted(HEARS, HEARS, stack, counters, config=b"x" * 1_000_000, late_s=1.0)
    host.thread.start()
    until(lambda: host.state is CameraState.ONLINE, "begun with it")
    assert counters.snapshot() == {}


def test_a_process_that_takes_no_answers_keeps_nobody_waiting(stack: ExitStack) -> None:
    counters = Counters()
    question = written(Identify(number=1, checkpoint=GATE.id, rows=1, columns=4))
    probe = "struct.pack('<4f', 1, 0, 0, 0)"
    host = Acted(f"while True: send({question!r}, {probe})", HEARS, stack, counters)
    host.thread.start()
    until(lambda: counters.snapshot().get("shards_ended") == 1, "ended")
    until(lambda: host.state is CameraState.ONLINE, "another in its place")


def test_a_process_that_can_not_be_begun_is_tried_again(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters()
    host = Acted(HEARS, HEARS, stack, counters)
    begun, problems = host._begun, [OSError(12, "Cannot allocate memory"), ValueError("a frame is too large")]

    def stumble(there: socket.socket) -> subprocess.Popen[bytes]:
        if problems:
            raise problems.pop()
        return begun(there)

    monkeypatch.setattr(host, "_begun", stumble)
    host.thread.start()
    until(lambda: host.state is CameraState.ONLINE, "begun at last")
    assert counters.snapshot() == {"shards_ended": 2}
