"""What every checkpoint's watcher has in common: what it is asked, what it counts, how it times its steps."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, Protocol

from core.contract.events import MAX_STEP_MS, CheckpointStateV1, StepTimes
from edge.capture.picture import Picture
from edge.checkpoint.gate_counts import Gate, GateCounts
from edge.checkpoint.trace import UNHEARD, Trace, What
from edge.evidence import Observation
from edge.vision.people import Look, SeenFace
from edge.vision.quality import Refusal

Step = Literal["detect", "embed", "match", "read"]
AWAY_S = 2.0
"""Of who was there longer ago nobody knows where they are: nothing opens for them, and nothing of them is kept."""


class Watcher(Protocol):
    """Looks at the pictures of one checkpoint's camera, in order, from one thread."""

    def look(self, picture: Picture, gate: CheckpointStateV1) -> list[Observation]:
        """What ``picture`` adds: at most a few observations, usually none."""
        ...

    @property
    def in_pass(self) -> bool:
        """True while something is passing that is not decided: frames should be dropped elsewhere first."""
        ...

    @property
    def wanted_fps(self) -> float:
        """Pictures per second of the stream that are of use now."""
        ...

    @property
    def counts(self) -> WatchCounts: ...


@dataclass(slots=True)
class WatchCounts:
    """What a watcher has done since it was made; nothing in it says who."""

    frames: int = 0
    looks: int = 0
    faces: int = 0
    shots: int = 0
    embedded: int = 0
    codes: int = 0
    plates: int = 0
    reads: int = 0
    reads_rejected: int = 0
    passes: int = 0
    refusals: Counter[Refusal] = field(default_factory=Counter)
    """Shots below the quality gate, by reason."""
    gates: GateCounts = field(default_factory=GateCounts)
    trace: Trace = UNHEARD
    """Who is told of each step, track by track."""

    def ask(
        self,
        gate: Gate,
        refused: bool,
        *,
        at_s: float,
        track: int | None,
        value: float | None = None,
        limit: float | None = None,
        text: str = "",
    ) -> bool:
        """Count a gate's answer and, where it refused, tell the observer of it; ``refused`` again."""
        self.gates.ask(gate, refused)
        if refused:
            self.trace.note(at_s, track, gate, value=value, limit=limit, text=text)
        return refused

    def flat(self) -> dict[str, int]:
        """For the edge's state: name to count, refusals as ``refused.<reason>``, zeros left out; and the gates'."""
        plain = {
            name: getattr(self, name)
            for name in (
                "frames",
                "looks",
                "faces",
                "shots",
                "embedded",
                "codes",
                "plates",
                "reads",
                "reads_rejected",
                "passes",
            )
        }
        refused = {f"refused.{reason}": count for reason, count in self.refusals.items()}
        return {name: count for name, count in (plain | refused).items() if count} | self.gates.flat()


@dataclass(slots=True)
class StepSums:
    """Milliseconds spent on one pass so far, per step."""

    spent: dict[Step, float] = field(default_factory=dict)

    def add(self, step: Step, ms: float) -> None:
        self.spent[step] = self.spent.get(step, 0.0) + ms

    def since(self, step: Step, started_s: float) -> None:
        """Add the time from ``started_s`` (``time.perf_counter``) until now."""
        self.add(step, (time.perf_counter() - started_s) * 1000)

    def times(self, capture_ms: float) -> StepTimes:
        """As it is told, each within the contract's bounds.

        A guard may stand in a door's zone for hours, a process may be stopped for longer: no passage is lost for that.
        """
        return StepTimes(capture=step_ms(capture_ms), **{step: step_ms(ms) for step, ms in self.spent.items()})


@dataclass(slots=True)
class Gaps:
    """Whether the camera was away between two pictures."""

    _last_s: float | None = None

    def before(self, at_s: float) -> bool:
        """True when the picture of stream time ``at_s`` is more than ``AWAY_S`` from the one asked about before."""
        last_s, self._last_s = self._last_s, at_s
        return last_s is not None and abs(at_s - last_s) > AWAY_S


@dataclass(slots=True)
class NearFaces:
    """Which faces are near enough to be somebody at a checkpoint. The gate of size answers once for each track.

    Once, and not at every look: a guard who sits in the back of the zone all day is one face that was too small.
    """

    min_face_px: int
    counts: WatchCounts
    _near: set[int] = field(default_factory=set)
    """Tracks in the zone that were near enough at some look."""

    def of(self, look: Look, at_s: float) -> list[SeenFace]:
        """Those of ``look``, largest first."""
        near: list[SeenFace] = []
        for face in look.seen:
            if face.width_px >= self.min_face_px:
                near.append(face)
                self._near.add(face.track.id)
                self.counts.trace.note(at_s, face.track.id, What.FACE, value=face.width_px)
            else:
                self.counts.trace.note(at_s, face.track.id, Gate.SIZE, value=face.width_px, limit=self.min_face_px)
        for track in look.ended:
            if track.born:
                self.counts.gates.ask(Gate.SIZE, track.id not in self._near)
            self._near.discard(track.id)
        return near


def step_ms(measured_ms: float) -> float:
    """``measured_ms`` as the contract can say it, in [0, MAX_STEP_MS]."""
    return min(max(0.0, measured_ms), MAX_STEP_MS)
