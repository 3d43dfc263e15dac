"""A replay against its truth: what was caught, missed, extra, why, and what to do about it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from core.contract.events import PassageV1
from core.contract.ids import CheckpointId
from edge.replay.advice import advise
from edge.replay.notes import Notes
from edge.replay.player import Happened, Replayed
from edge.replay.score import EARLY_S, LATE_S, Result, Score, Scored, Told, score
from edge.replay.truth import TruePass, Truth
from edge.replay.why import Seen, Why, why

STEPS = ("capture", "detect", "embed", "match", "read", "decision")
_WAITS = ("capture", "decision")
SeenIn = Callable[[float, float], Seen]
"""How much of a part of the clip (from, to, seconds) the stream gave to look at."""


@dataclass(frozen=True, slots=True)
class Step:
    """Milliseconds of one step over all passages told."""

    name: str
    median_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A pass of the truth; ``why`` it was not caught, None where it was."""

    scored: Scored
    why: Why | None


@dataclass(frozen=True, slots=True)
class Report:
    passes: tuple[Judged, ...]
    extra: tuple[Told, ...]
    advice: tuple[str, ...]
    steps: tuple[Step, ...]
    counts: dict[CheckpointId, dict[str, int]]
    happened: tuple[Happened, ...]
    clip_s: float
    spent_s: float
    capture: dict[str, int] = field(default_factory=dict)
    """What the stream counted on the way."""

    def of(self, result: Result) -> int:
        return sum(one.scored.result is result for one in self.passes)

    @property
    def all_caught(self) -> bool:
        """Whether every pass of the truth was told as it was."""
        return self.of(Result.CAUGHT) == len(self.passes)


def report(truth: Truth, replayed: Replayed, seen_in: SeenIn, *, timed: bool = False, names: bool = True) -> Report:
    """Of a whole replay. Passes at checkpoints that were not watched are left out.

    timed: it was played in real time, so that waits (``_WAITS``) tell something; names: see `edge.replay.score.score`.
    """
    watched = [one for one in truth.passes if one.checkpoint in replayed.notes]
    scores: Score = score(watched, replayed.told, names=names)
    judged = tuple(
        Judged(one, None if one.result is Result.CAUGHT else _why(one.true, watched, replayed.notes, seen_in))
        for one in scores.passes
    )
    return Report(
        passes=judged,
        extra=scores.extra,
        advice=advise([one.why for one in judged if one.why is not None]),
        steps=steps(replayed.passages, STEPS if timed else [one for one in STEPS if one not in _WAITS]),
        counts=replayed.counts,
        happened=replayed.happenings,
        clip_s=replayed.clock.clip_s,
        spent_s=replayed.spent_s,
    )


def _why(true: TruePass, passes: Sequence[TruePass], notes: dict[CheckpointId, Notes], seen_in: SeenIn) -> Why:
    """From what was noted of it, as far as that can be told from what was noted of who came next."""
    next_s = [one.from_s for one in passes if one.checkpoint == true.checkpoint and one.from_s > true.to_s]
    from_s, to_s = true.from_s - EARLY_S, min([true.to_s + LATE_S, *next_s])
    return why(notes[true.checkpoint].between(from_s, to_s), seen_in(true.from_s, true.to_s))


def steps(passages: Sequence[PassageV1], names: Sequence[str]) -> tuple[Step, ...]:
    """What each step took, over the passages that had it."""
    found = []
    for name in names:
        spent = sorted(ms for one in passages if (ms := getattr(one.times, name)) is not None)
        if spent:
            found.append(Step(name, statistics.median(spent), spent[min(len(spent) - 1, int(0.95 * len(spent)))]))
    return tuple(found)


def as_json(made: Report, fps: float) -> dict[str, Any]:
    """The report for scripts: plain values, times in seconds of the clip, frames counted from 0."""
    return {
        "version": 1,
        "clip": {"seconds": round(made.clip_s, 3), "fps": fps, "spent_s": round(made.spent_s, 3)},
        "caught": made.of(Result.CAUGHT),
        "missed": made.of(Result.MISSED),
        "wrong": made.of(Result.WRONG),
        "extra": [_told(one, fps) for one in made.extra],
        "passes": [_judged(one, fps) for one in made.passes],
        "happened": [asdict(one) | {"frame": round(one.at_s * fps)} for one in made.happened],
        "advice": list(made.advice),
        "steps_ms": {step.name: {"p50": step.median_ms, "p95": step.p95_ms} for step in made.steps},
        "counts": made.counts,
        "capture": made.capture,
    }


def _judged(one: Judged, fps: float) -> dict[str, Any]:
    true = one.scored.true
    after_s = one.scored.after_s
    told: dict[str, Any] = {
        "name": true.name,
        "kind": true.kind,
        "checkpoint": true.checkpoint,
        "from_s": true.from_s,
        "to_s": true.to_s,
        "result": one.scored.result.value,
        "after_s": None if after_s is None else round(after_s, 3),
        "told": None if one.scored.told is None else _told(one.scored.told, fps),
    }
    if one.why is not None:
        findings = [asdict(found) | {"frame": round(found.best_at_s * fps)} for found in one.why.findings]
        told["why"] = {"stopped_by": one.why.stopped_by, "reached": one.why.reached, "gates": findings}
    return told


def _told(one: Told, fps: float) -> dict[str, Any]:
    return asdict(one) | {"frame": round(one.at_s * fps)}
