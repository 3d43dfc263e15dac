"""The demo checks itself: what the script says must have happened, against what Anju committed.

Pure: occurrences and observations in, a report out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import BaseModel

from demo.observed import Observed, SeenAlert, SeenPassage
from demo.script import ActKind, ExpectedPassage
from demo.truth import Occurrence

EARLY_S = 0.5
LATE_S = 4.0
"""A passage belongs to an act when its frame was sent between the act's first and last frame, give or take this."""

OVERLOADED_MS = 600.0
STEPS = ("capture", "detect", "embed", "match", "read", "decision", "page")


class KindCount(BaseModel):
    """``expected`` acts of a kind were served completely; ``caught`` of them came out right; ``wrong`` things happened
    that should not have, in or near acts of that kind."""

    expected: int = 0
    caught: int = 0
    wrong: int = 0


class Percentiles(BaseModel):
    p50: float
    p95: float


class Report(BaseModel):
    """What ``--report`` writes. ``findings``: what was missed or wrong, and when; no names."""

    seed: int
    seconds: float
    chaos: bool
    kinds: dict[str, KindCount]
    findings: list[str]
    lost: int
    doubled: int
    latency_ms: dict[str, Percentiles]

    @property
    def overloaded(self) -> bool:
        """Whether pictures waited so long before they were looked at that passes may have been dropped."""
        waited = self.latency_ms.get("capture")
        return waited is not None and waited.p95 > OVERLOADED_MS

    @property
    def right(self) -> bool:
        """Nothing wrong, lost or doubled, everything caught, and there was something to catch."""
        counts = self.kinds.values()
        return (
            self.lost == 0
            and self.doubled == 0
            and sum(count.expected for count in counts) > 0
            and all(count.caught == count.expected and count.wrong == 0 for count in counts)
        )


@dataclass
class _Ledger:
    """What has been claimed by an occurrence while matching."""

    observed: Observed
    claimed: set[str] = field(default_factory=set)

    def claim(self, occurrence: Occurrence, wanted: ExpectedPassage) -> SeenPassage | None:
        """The first unclaimed passage that is just what was expected, within the act's time."""
        for passage in self.observed.passages:
            if passage.id not in self.claimed and _within(occurrence, passage.at) and _is(passage, wanted):
                self.claimed.add(passage.id)
                return passage
        return None

    def claim_alert(self, trigger: str, passage: SeenPassage) -> bool:
        for alert in self.observed.alerts:
            if alert.id not in self.claimed and alert.trigger == trigger and alert.passage == passage.id:
                self.claimed.add(alert.id)
                return True
        return False


def judge(occurrences: Sequence[Occurrence], observed: Observed) -> tuple[dict[str, KindCount], list[str]]:
    """Expected, caught and wrong per kind of act; and a line for everything that was missed or wrong."""
    counts = {kind.value: KindCount() for kind in ActKind}
    findings: list[str] = []
    ledger = _Ledger(observed)
    for occurrence in sorted(occurrences, key=lambda one: one.first_at):
        missing = _claim_all(ledger, occurrence)
        if occurrence.complete:
            count = counts[occurrence.act.kind.value]
            count.expected += 1
            count.caught += not missing
            findings += [f"{_when(occurrence)}: missed {what}" for what in missing]
    for thing in _unclaimed(ledger):
        culprit = _nearest(occurrences, thing, observed)
        if culprit is None:
            counts.setdefault("outside_any_act", KindCount()).wrong += 1
            findings.append(f"{_clock(thing.at)} outside any act: {_what(thing)}")
        elif culprit.complete or _serious(thing):
            counts[culprit.act.kind.value].wrong += 1
            findings.append(f"{_when(culprit)}: wrong {_what(thing)}")
    return _without_false_calm(counts), findings


def _claim_all(ledger: _Ledger, occurrence: Occurrence) -> list[str]:
    """What is missing of the passages and the alert the act must cause; claims what it finds."""
    missing, last = [], None
    for wanted in occurrence.act.expects.passages:
        last = ledger.claim(occurrence, wanted)
        if last is None:
            missing.append(f"passage {wanted.credential} {wanted.reason}")
    alert = occurrence.act.expects.alert
    if alert is not None and (last is None or not ledger.claim_alert(alert, last)):
        missing.append(f"alert {alert}")
    return missing


def _when(occurrence: Occurrence) -> str:
    return f"{_clock(occurrence.decisive_at)} {occurrence.act.kind} on {occurrence.act.camera}, loop {occurrence.loop}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")


def _what(thing: SeenPassage | SeenAlert) -> str:
    if isinstance(thing, SeenAlert):
        return f"alert {thing.trigger}"
    return f"passage {thing.credential} {thing.verdict} ({thing.reason})"


def _unclaimed(ledger: _Ledger) -> list[SeenPassage | SeenAlert]:
    things: list[SeenPassage | SeenAlert] = [*ledger.observed.passages, *ledger.observed.alerts]
    return [thing for thing in things if thing.id not in ledger.claimed]


def _without_false_calm(counts: dict[str, KindCount]) -> dict[str, KindCount]:
    """Acts that must cause nothing are caught when nothing came of them, not by having nothing to look for."""
    for kind in (ActKind.BYSTANDER.value, ActKind.DOOR_WAITING.value):
        counts[kind].caught = max(0, counts[kind].caught - counts[kind].wrong)
    return counts


def _within(occurrence: Occurrence, at: float) -> bool:
    return occurrence.first_at - EARLY_S <= at <= occurrence.last_at + LATE_S


def _is(passage: SeenPassage, wanted: ExpectedPassage) -> bool:
    return (
        passage.checkpoint == wanted.checkpoint
        and passage.credential is wanted.credential
        and passage.reason is wanted.reason
        and (wanted.verdict is None or passage.verdict is wanted.verdict)
        and (wanted.subject is None or passage.subject == wanted.subject)
        and (wanted.plate is None or passage.plate == wanted.plate)
    )


def _serious(thing: SeenPassage | SeenAlert) -> bool:
    """An act that was cut off may end in a shrug, but never in an opened gate or an alert."""
    return isinstance(thing, SeenAlert) or thing.verdict.value == "admit"


def _nearest(
    occurrences: Iterable[Occurrence], thing: SeenPassage | SeenAlert, observed: Observed
) -> Occurrence | None:
    """The act during which the thing happened, on the camera of its checkpoint."""
    passage = thing if isinstance(thing, SeenPassage) else _passage_of(thing, observed)
    candidates = [
        one
        for one in occurrences
        if _within(one, thing.at) and (passage is None or one.checkpoint == passage.checkpoint)
    ]
    return min(candidates, key=lambda one: abs(one.decisive_at - thing.at), default=None)


def _passage_of(alert: SeenAlert, observed: Observed) -> SeenPassage | None:
    return next((passage for passage in observed.passages if passage.id == alert.passage), None)


def latencies(observed: Observed, visible_at: Mapping[str, float]) -> dict[str, Percentiles]:
    """Milliseconds per step; ``page``: from the deciding frame's arrival to the alert's arrival on the page's stream.

    ``visible_at``: alert id to seconds since the epoch.
    """
    taken: dict[str, list[float]] = {step: [] for step in STEPS}
    for passage in observed.passages:
        for step, value in passage.times.items():
            taken[step].append(value)
    taken["page"] = [(visible_at[alert.id] - alert.at) * 1000 for alert in observed.alerts if alert.id in visible_at]
    return {
        step: Percentiles(p50=round(_quantile(values, 0.5), 2), p95=round(_quantile(values, 0.95), 2))
        for step, values in taken.items()
        if values
    }


def _quantile(values: Sequence[float], share: float) -> float:
    """Nearest-rank quantile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
