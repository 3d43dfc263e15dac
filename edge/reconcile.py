"""What the configuration wants to run and what runs: compared every minute, and put right where that is possible.

A thread that died is begun anew. One that lives and does nothing can't be ended from outside in Python, and is told of:
the process may be restarted by whoever watches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog

from edge.living import LivingThread

if TYPE_CHECKING:
    from edge.health import Counters

log = structlog.get_logger()

RECONCILE_EVERY_S = 60.0


class Kind(StrEnum):
    """What parts of an edge there are."""

    CAMERA = "camera"
    VISION = "vision"
    SHARD = "shard"
    GATE = "gate"
    PICTURES = "pictures"
    LINK = "link"


SILENT_AFTER_S: dict[Kind, float] = {
    Kind.CAMERA: 60.0,
    Kind.VISION: 30.0,
    Kind.SHARD: 30.0,
    Kind.GATE: 60.0,
    Kind.PICTURES: 120.0,
    Kind.LINK: 60.0,
}
"""A camera's thread may wait for names to be looked up; a gate's for its controller; a picture's for a slow disk."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that has to run. name: of its thread."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Running:
    """How a part is. silent_s: since it last did something; 0 while it waits for something to do."""

    alive: bool
    silent_s: float


class Deed(StrEnum):
    BEGIN = "begin"  # it never ran
    REVIVE = "revive"  # it died
    TELL = "tell"  # it lives and does nothing


@dataclass(frozen=True, slots=True)
class Step:
    part: Part
    deed: Deed
    silent_s: float = 0.0


def reconcile(wanted: Sequence[Part], actual: Mapping[Part, Running]) -> tuple[Step, ...]:
    """What is to be done so that ``actual`` becomes ``wanted``; nothing where it is."""
    steps = []
    for part in wanted:
        running = actual.get(part)
        if running is None:
            steps.append(Step(part, Deed.BEGIN))
        elif not running.alive:
            steps.append(Step(part, Deed.REVIVE))
        elif running.silent_s > SILENT_AFTER_S[part.kind]:
            steps.append(Step(part, Deed.TELL, running.silent_s))
    return tuple(steps)


class Reconciler:
    """Does what `reconcile` says, on threads."""

    def __init__(self, parts: Iterable[tuple[Kind, LivingThread]], counters: Counters) -> None:
        self._threads = {Part(kind, thread.name): thread for kind, thread in parts}
        self._counters = counters

    def put_right(self, now_s: float) -> tuple[Step, ...]:
        """Compare and put right; what was done. now_s: monotonic."""
        actual = {
            part: Running(thread.alive, thread.silent_s(now_s))
            for part, thread in self._threads.items()
            if thread.started
        }
        steps = reconcile(tuple(self._threads), actual)
        for step in steps:
            self._do(step)
        return steps

    def _do(self, step: Step) -> None:
        thread = self._threads[step.part]
        match step.deed:
            case Deed.BEGIN:
                thread.start()
                self._counters.add("parts_begun")
            case Deed.REVIVE:
                thread.revive()
                self._counters.add("parts_revived")
            case Deed.TELL:
                self._counters.add("parts_silent")
        log.warning(
            "edge.part_not_running",
            part=step.part.name,
            kind=str(step.part.kind),
            done=str(step.deed),
            silent_s=round(step.silent_s),
            advice="restart this edge if it does not come back; report this",
        )
