"""One process of an edge's cameras, kept alive: begun, listened to, begun again when it ends, ended with the edge."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from core.contract.events_cameras import CameraHealth
from core.contract.ids import CameraId
from core.contract.vocabulary import CameraState
from edge.health import Counters
from edge.living import LivingThread
from edge.shards.ears import Ears, Say
from edge.shards.messages import Begin, GarbageError, Ready, Stop, read_upward, written
from edge.shards.wire import Wire, WireError

log = structlog.get_logger()

SILENT_S = 15.0
"""It says once a second how it is."""
BEGINS_WITHIN_S = 120.0
"""Opening its models takes seconds; on a machine that just starts, longer."""
_LISTEN_S = 0.2
_PATIENCE_S = 1.0
"""For a process that does not read what it is answered: longer would keep a gate's thread waiting."""
_FIRST_REST_S, _MAX_REST_S = 0.5, 30.0
_LIVED_WELL_S = 60.0
_GONE = "the process of this camera ended and is being started again"

PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "ANJU_MODELS_DIR",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "CUDA_VISIBLE_DEVICES",
    "LIBVA_DRIVER_NAME",
)
"""What it needs of the environment; where the service manager put the edge's keys is not among it."""


class ShardHost:
    """Keeps one process. ``thread`` is where it is begun and listened to."""

    def __init__(
        self,
        number: int,
        begin: Begin,
        config: bytes,
        *,
        readable: Sequence[Path],
        ports: Sequence[int],
        ears: Callable[[Say], Ears],
        counters: Counters,
    ) -> None:
        """config: the estate's, JSON; readable, ports: what it may read, and connect to; ears: new for each process."""
        self._readable = readable
        self._ports = ",".join(map(str, ports))
        self._number = number
        self._begin = begin
        self._config = config
        self._make_ears = ears
        self._counters = counters
        self._stopping = threading.Event()
        self._ears: Ears | None = None
        self._ended = False
        self._wire: Wire | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.thread = LivingThread(f"shard-{number}", self._run)

    def stop(self) -> None:
        """Ask it to end; what it still tells is heard. Does not wait: `join` does."""
        self._stopping.set()
        wire = self._wire
        if wire is not None:
            with contextlib.suppress(WireError):
                wire.send(written(Stop()))

    def join(self, timeout_s: float) -> None:
        """Wait for its end; ended by force where it takes longer."""
        if not self.thread.join(timeout_s) and self.process is not None:
            self.process.kill()
            self.thread.join(_LISTEN_S * 2)

    def health(self) -> list[CameraHealth]:
        """Of its cameras."""
        ears = self._ears
        if ears is not None:
            return [ears.health(camera) for camera in self._begin.cameras]
        return [self._away(camera) for camera in self._begin.cameras]

    def scene_counts(self) -> dict[str, int]:
        ears = self._ears
        return {} if ears is None else ears.scene_counts

    def _away(self, camera: CameraId) -> CameraHealth:
        if not self._ended:
            return CameraHealth(camera=camera, state=CameraState.CONNECTING)
        return CameraHealth(camera=camera, state=CameraState.OFFLINE, detail=_GONE)

    def _run(self) -> None:
        rest_s = _FIRST_REST_S
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                problem = self._live()
            except Exception:
                # The outermost place of this thread: its cameras are not left without a process.
                log.exception("shard.failed", shard=self._number, advice="it is started again; report this")
                problem = "it could not be begun or listened to"
            if self._stopping.is_set():
                return
            self._counters.add("shards_ended")
            log.error("shard.ended", shard=self._number, problem=problem, advice="it is started again; report this")
            rest_s = _FIRST_REST_S if time.monotonic() - began_s > _LIVED_WELL_S else min(rest_s * 2, _MAX_REST_S)
            self.thread.beat(waits=True)
            self._stopping.wait(rest_s)

    def _live(self) -> str:
        """Begin a process and listen to it to its end; what ended it. Leaves no process behind."""
        here, there = socket.socketpair()
        wire = Wire(here, patience_s=_PATIENCE_S)
        ears = self._make_ears(lambda message: wire.send(written(message)))
        with here, there:
            process = self.process = self._begun(there)
            there.close()
            try:
                self._wire = wire
                self._listen(wire, ears)
            except (WireError, GarbageError) as error:
                code = _ended(process)
                return f"{error} ({'killed' if code is None else f'exit status {code}'})"
            finally:
                self._ears = self._wire = None
                self._ended = True
                wire.close()
                ears.end()
                process.kill()
                process.wait()
        raise AssertionError("listening ends with an error")

    def _begun(self, there: socket.socket) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        files = map(str, self._readable)
        command = [sys.executable, "-m", "edge.shards.confined", str(there.fileno()), self._ports, *files]
        return subprocess.Popen(
            command, env=environment, pass_fds=(there.fileno(),), stdin=subprocess.DEVNULL, process_group=0
        )

    def _listen(self, wire: Wire, ears: Ears) -> None:
        """Raises WireError when it is gone or silent, GarbageError when it says what no sound process says."""
        began_s = time.monotonic()
        self._await(wire, began_s)
        wire.send(written(self._begin.model_copy(update={"again": self._ended})), self._config)
        while True:
            self.thread.beat()
            frame = wire.receive(_LISTEN_S)
            if frame is not None:
                self._hear(ears, frame)
            now_s = time.monotonic()
            if ears.reported_s is None:
                if now_s - began_s > BEGINS_WITHIN_S:
                    raise WireError("it did not begin to look")
                continue
            self._ears = ears
            if now_s - ears.reported_s > SILENT_S:
                raise WireError("it said nothing for too long")

    def _await(self, wire: Wire, began_s: float) -> None:
        """Until it reads: before, a large configuration would stay half sent."""
        while (frame := wire.receive(_LISTEN_S)) is None:
            self.thread.beat()
            if time.monotonic() - began_s > BEGINS_WITHIN_S:
                raise WireError("it did not begin to listen")
        if not isinstance(read_upward(*frame), Ready):
            raise GarbageError("a process first says that it listens")

    def _hear(self, ears: Ears, frame: tuple[bytes, bytes]) -> None:
        message = read_upward(*frame)
        try:
            ears.hear(message, frame[1])
        except (WireError, GarbageError):
            raise
        except Exception:
            # The outermost place of this thread: one checkpoint's trouble must not blind the others.
            self._counters.add("looks_failed")
            log.exception("shard.look_failed", kind=message.kind, advice="this is passed over; report this")


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(_LISTEN_S)
    return None
