"""What a replay tells of a truth: each pass is explained by what was noted of it."""

from __future__ import annotations

from core.contract.vocabulary import Verdict
from demo.script import NORTH_GATE
from edge.checkpoint.gate_counts import Gate
from edge.checkpoint.trace import What
from edge.replay.clock import ReplayClock
from edge.replay.notes import Notes
from edge.replay.player import Replayed
from edge.replay.report import report
from edge.replay.truth import Expected, TruePass, Truth
from edge.replay.why import Seen, Stop


def true(name: str, from_s: float, to_s: float) -> TruePass:
    expects = Expected(verdict=Verdict.ADMIT)
    return TruePass(name=name, checkpoint=NORTH_GATE, from_s=from_s, to_s=to_s, expects=expects)


def test_a_missed_pass_is_not_explained_by_who_came_next() -> None:
    clock = ReplayClock(starts_s=0.0)
    notes = Notes(clock)
    notes.note(11.0, 1, What.FACE)
    for number in range(5):
        notes.note(11.2 + number / 10, 1, Gate.SIZE, value=60, limit=90)
    truth = Truth(passes=[true("anna", 5.0, 9.0), true("bert", 10.5, 14.0)])
    played = Replayed((), (), {NORTH_GATE: notes}, {NORTH_GATE: {}}, {}, clock, spent_s=1.0)
    anna, bert = report(truth, played, lambda _from_s, _to_s: Seen(30, 1.0)).passes
    assert anna.why is not None
    assert anna.why.stopped_by is Stop.NOTHING_FOUND
    assert bert.why is not None
    assert bert.why.stopped_by is Gate.SIZE
