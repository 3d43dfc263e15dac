"""Which frame of which clip was really sent, and when: written by `stream`, read by the report.

One JSON object per line, about one a second and session, the last when the session ends. A session is one client's
connection; it starts at the clip's first frame and goes round and round.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from core.contract.base import Instant, Message
from core.contract.ids import CameraId


class ServedV1(Message):
    """``frame`` frames had been sent completely by ``at``; the first at ``first_sent_at``."""

    camera: CameraId
    session: str
    first_sent_at: Instant
    frame: int
    at: Instant


class ServedLog:
    """Appends lines and flushes each, so that a killed server leaves what it had done."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("a", encoding="utf-8")

    def write(self, line: ServedV1) -> None:
        self._file.write(line.model_dump_json() + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class ServedSession:
    """One client's connection to a camera.

    counts: frames sent completely, rising; times: when, seconds since 1970, same length.
    """

    camera: CameraId
    session: str
    counts: tuple[int, ...]
    times: tuple[float, ...]

    @property
    def frames(self) -> int:
        """How many frames were sent, over all loops."""
        return self.counts[-1]

    def sent_at(self, frame: int) -> float | None:
        """When frame ``frame`` (from 0, counted over all loops) had been sent, seconds since 1970; None: never."""
        count = frame + 1
        if not 1 <= count <= self.frames:
            return None
        after = bisect_left(self.counts, count)
        if after == 0 or self.counts[after] == count:
            return self.times[after]
        (n0, n1), (t0, t1) = self.counts[after - 1 : after + 1], self.times[after - 1 : after + 1]
        return t0 + (t1 - t0) * (count - n0) / (n1 - n0)


def read_served(path: Path) -> tuple[ServedSession, ...]:
    """All sessions in the log, in the order in which they began. A last line cut short by a kill is passed over."""
    sessions: dict[tuple[CameraId, str], list[ServedV1]] = {}
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            line = ServedV1.model_validate(json.loads(text))
        except (json.JSONDecodeError, ValidationError):
            continue
        sessions.setdefault((line.camera, line.session), []).append(line)
    return tuple(_session(lines) for lines in sessions.values())


def frame_times(path: Path, camera: CameraId) -> tuple[ServedSession, ...]:
    """The sessions of ``camera``; each says with ``sent_at`` when a frame was sent."""
    return tuple(session for session in read_served(path) if session.camera == camera)


def _session(lines: list[ServedV1]) -> ServedSession:
    marks = {1: lines[0].first_sent_at.timestamp()}
    for line in lines:
        marks[line.frame] = line.at.timestamp()
    counts = tuple(sorted(marks))
    return ServedSession(lines[0].camera, lines[0].session, counts, tuple(marks[count] for count in counts))
