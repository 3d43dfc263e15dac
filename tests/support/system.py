"""What tests ask of the machine: programs, free ports, children that end with their test."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

STRICT = "ANJU_REQUIRE_SYSTEM"
"""Set (as in CI): a missing system part fails the test instead of skipping it."""


def missing(part: str, remedy: str = "scripts/system-packages.sh") -> NoReturn:
    """Skip this test, or fail it where every part is promised to be there."""
    text = f"{part} is not on this machine; {remedy} gets it"
    if os.environ.get(STRICT):
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def program(name: str, *folders: str) -> str:
    """Absolute path of a program, looked for in PATH and ``folders`` (patterns allowed); skips or fails without it."""
    candidates = [Path(path) for folder in folders for path in sorted(Path("/").glob(folder.lstrip("/")))]
    found = shutil.which(name, path=os.pathsep.join([*map(str, candidates), os.environ.get("PATH", ""), "/usr/sbin"]))
    return found or missing(name)


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections on that loopback port."""
    with socket.socket() as caller:
        caller.settimeout(0.5)
        return caller.connect_ex(("127.0.0.1", port)) == 0


def run_as(user: str) -> list[str]:
    """Options for setpriv to become ``user`` with that user's own group and no other."""
    entry = pwd.getpwnam(user)
    return ["--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--clear-groups"]


class Child:
    """A program run for a test. Linux ends it when this process dies, so that no test leaves anything behind."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        port: int,
        user: str | None = None,
        end_signal: str = "TERM",
        wait_s: float = 20.0,
    ) -> None:
        """``log`` takes its output; returns once ``port`` answers. Raises RuntimeError with the log's end when not."""
        as_user = run_as(user) if user else []
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [program("setpriv"), *as_user, "--pdeathsig", end_signal, "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/" if user else None,
            )
        self._await_port(port, wait_s)

    def _await_port(self, port: int, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while not listens(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self._process.args!r} does not answer on port {port}:\n{self.tail()}")
            time.sleep(0.02)

    def tail(self, characters: int = 4000) -> str:
        """The end of what it wrote."""
        return self._log.read_text(errors="replace")[-characters:]

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask it to end, then make it."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """As a power cut would."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
