"""Why a pass was not told as it should have been: how far it came, which gate stopped it, by how much. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge.checkpoint.gate_counts import Gate
from edge.checkpoint.trace import REFUSALS, Noted, What
from edge.replay.notes import Note


class Stop(StrEnum):
    """What stopped a pass before any gate was asked."""

    NEVER_ACTIVE = "never_active"  # the camera's stream was taken for idle all the time
    NO_LOOK = "no_look"  # active, and no picture of it was looked at
    NOTHING_FOUND = "nothing_found"  # looked at, and no face, plate or code was found in the zone
    NOT_DECIDED = "not_decided"  # found, refused by nothing, and gone before it was decided
    OTHERWISE = "otherwise"  # decided, with another answer than expected


@dataclass(frozen=True, slots=True)
class Seen:
    """How much of a pass the camera's stream gave to look at. active_share: of its time, [0, 1]."""

    pictures: int
    active_share: float


@dataclass(frozen=True, slots=True)
class Finding:
    """A gate's refusals within one pass.

    best: the figure that came closest to ``limit``; at_s, best_at_s: of the first refusal, and of that figure.
    """

    what: Noted
    times: int
    at_s: float
    best: float | None
    limit: float | None
    best_at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Why:
    """stopped_by: the gate that most likely cost the pass, or what came before every gate; findings: most first."""

    stopped_by: Noted | Stop
    findings: tuple[Finding, ...]
    reached: What | None
    """How far it came at best."""


_WAY = (What.FACE, What.PLATE, What.CODE, What.SHOT, What.READ, What.COMPARED, What.DECIDED)
_AFTER_COMPARING = (
    Gate.THRESHOLD,
    Gate.MARGIN,
    Gate.PLATE_CONFIDENCE,
    Gate.PLATE_AGREEMENT,
    What.NOT_ENROLLED,
    What.PASS_REFUSED,
)
_HIGH_IS_WORSE = frozenset({Gate.POSE, Gate.CROWD})
"""Gates with an upper limit: the lowest figure came closest."""


def why(notes: Sequence[Note], seen: Seen) -> Why:
    """Of one pass: ``notes`` of its time, and how much of it was ``seen``."""
    findings = _findings(notes)
    said = {note.what for note in notes}
    reached = next((what for what in reversed(_WAY) if what in said), None)
    if seen.pictures == 0:
        return Why(Stop.NEVER_ACTIVE if seen.active_share == 0 else Stop.NO_LOOK, findings, reached)
    if not notes:
        return Why(Stop.NOTHING_FOUND, findings, reached)
    late = next((one for one in findings if one.what in _AFTER_COMPARING), None)
    if late is not None and reached in (What.COMPARED, What.READ, What.CODE, What.DECIDED):
        return Why(late.what, findings, reached)
    if findings and reached is not What.DECIDED:
        return Why(findings[0].what, findings, reached)
    if reached is What.DECIDED:
        return Why(findings[0].what if findings else Stop.OTHERWISE, findings, reached)
    return Why(Stop.NOT_DECIDED if reached else Stop.NOTHING_FOUND, findings, reached)


def _findings(notes: Sequence[Note]) -> tuple[Finding, ...]:
    by_gate: dict[Noted, list[Note]] = {}
    for note in notes:
        if note.what in REFUSALS:
            by_gate.setdefault(note.what, []).append(note)
    found = [_finding(what, refusals) for what, refusals in by_gate.items()]
    return tuple(sorted(found, key=lambda one: (-one.times, one.at_s)))


def _finding(what: Noted, refusals: Sequence[Note]) -> Finding:
    told = [note for note in refusals if note.value is not None]
    if not told:
        first = refusals[0]
        return Finding(what, len(refusals), first.at_s, None, first.limit, first.at_s, refusals[-1].text)
    sign = -1.0 if what in _HIGH_IS_WORSE else 1.0
    closest = max(told, key=lambda note: sign * (note.value or 0.0))
    at_s = refusals[0].at_s
    return Finding(what, len(refusals), at_s, closest.value, closest.limit, closest.at_s, closest.text)
