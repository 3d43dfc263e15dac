"""The demo's process tree: start, watch, kill on purpose, and end all of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class DemoError(RuntimeError):
    """The demo can't go on; the text says what happened and where to look."""


def free_port(wanted: int) -> int:
    """``wanted`` when nobody listens there on loopback, else one the system picks."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("no free port on 127.0.0.1; close something that listens and try again")


def listens(port: int) -> bool:
    """Whether somebody accepts connections on loopback ``port``."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(what: str, ready: Callable[[], bool], timeout_s: float, alive: Callable[[], None]) -> None:
    """Wait for ``ready``; ``alive`` raises when waiting has become pointless. Raises DemoError after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        alive()
        if time.monotonic() > deadline:
            raise DemoError(f"{what} did not come up within {timeout_s:.0f} s")
        time.sleep(0.1)


@dataclass
class Child:
    """One process of the tree, in a group of its own, its output in a log file."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )

    @property
    def pid(self) -> int:
        """Its process id. Raises DemoError while it does not run."""
        if self._process is None:
            raise DemoError(f"{self.name} is not running")
        return self._process.pid

    def check(self) -> None:
        """Raises DemoError with the end of the log when the process has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            end = self.log.read_text(errors="replace").splitlines()[-12:]
            raise DemoError(
                f"{self.name} ended with code {self._process.returncode}; {self.log} ends:\n" + "\n".join(end)
            )

    def kill(self) -> None:
        """As a power cut would: SIGKILL, no good-bye."""
        self._signal(signal.SIGKILL)
        self._reap(5.0)

    def stop(self, timeout_s: float = 8.0) -> bool:
        """Ask to end, insist after ``timeout_s``. True when it ended by itself."""
        if self._process is None:
            return True
        self._signal(signal.SIGTERM)
        if self._reap(timeout_s):
            return True
        self.kill()
        return False

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return

    def _reap(self, timeout_s: float) -> bool:
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._process = None
        return True


class Tree:
    """The children in the order they were started; ended in the opposite order."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._children: dict[str, Child] = {}

    def start(self, name: str, command: Sequence[str]) -> Child:
        child = Child(name, command, self.logs / f"{name}.log")
        self._children[name] = child
        child.start()
        return child

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    def check(self) -> None:
        for child in self._children.values():
            child.check()

    def stop(self) -> list[str]:
        """End everything; names of the children that had to be killed."""
        stubborn = [name for name, child in reversed(self._children.items()) if not child.stop()]
        self._children.clear()
        return stubborn
