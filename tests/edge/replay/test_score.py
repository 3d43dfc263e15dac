"""Each passage is told of one pass; what was not told, told wrongly or told of nothing is known by name."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from core.contract.ids import CheckpointId, SubjectKey
from core.contract.vocabulary import Credential, Reason, Verdict
from edge.replay.score import LATE_S, Result, Told, score
from edge.replay.truth import Expected, TruePass

GATE = CheckpointId("north-gate")
ALICE = SubjectKey("00000000-0000-7000-8000-00000000000a")
BOB = SubjectKey("00000000-0000-7000-8000-00000000000b")


def true(name: str, from_s: float, to_s: float, subject: SubjectKey | None = ALICE) -> TruePass:
    expects = Expected(verdict=Verdict.ADMIT, reason=Reason.LISTED, subject=subject)
    return TruePass(name=name, checkpoint=GATE, from_s=from_s, to_s=to_s, expects=expects)


def told(at_s: float, subject: SubjectKey | None = ALICE, reason: Reason = Reason.LISTED) -> Told:
    verdict = Verdict.ADMIT if reason is Reason.LISTED else Verdict.USE_OTHER_METHOD
    return Told(at_s, GATE, Credential.FACE, verdict, reason, subject)


def test_what_is_told_in_time_and_right_is_caught() -> None:
    found = score([true("one", 1, 5)], [told(2.5)])
    assert [one.result for one in found.passes] == [Result.CAUGHT]
    assert found.passes[0].after_s == 1.5
    assert not found.extra


def test_what_is_told_once_the_track_has_ended_still_counts_and_later_does_not() -> None:
    assert score([true("one", 1, 5)], [told(5 + LATE_S)]).of(Result.CAUGHT)
    late = score([true("one", 1, 5)], [told(5 + LATE_S + 0.1)])
    assert late.of(Result.MISSED)
    assert len(late.extra) == 1


def test_somebody_elses_name_is_wrong_and_keeps_what_was_told_instead() -> None:
    (one,) = score([true("one", 1, 5)], [told(2, BOB)]).passes
    assert one.result is Result.WRONG
    assert one.told == told(2, BOB)


def test_without_names_nobody_is_told_by_name_and_any_recognised_person_will_do() -> None:
    """A truth that names somebody must not become the question whether a filmed face is theirs."""
    recognised = replace(told(2, BOB), recognised=True)
    (one,) = score([true("one", 1, 5, ALICE)], [recognised], names=False).passes
    assert one.result is Result.CAUGHT
    assert one.told is not None
    assert one.told.subject is None
    (unknown,) = score([true("one", 1, 5, None)], [recognised], names=False).passes
    assert unknown.result is Result.WRONG
    assert unknown.told is not None
    assert unknown.told.subject is None
    found = score([], [recognised], names=False)
    assert [(extra.subject, extra.recognised) for extra in found.extra] == [(None, True)]


def test_a_refusal_before_the_admission_is_extra_and_costs_nothing() -> None:
    found = score([true("one", 1, 5)], [told(2, None, Reason.LOW_QUALITY), told(3)])
    assert found.of(Result.CAUGHT)
    assert [one.reason for one in found.extra] == [Reason.LOW_QUALITY]


def test_two_who_overlap_in_time_are_each_told_by_name() -> None:
    found = score([true("a", 1, 6, ALICE), true("b", 1.5, 7, BOB)], [told(3, BOB), told(4, ALICE)])
    assert {one.true.name: one.told and one.told.subject for one in found.passes} == {"a": ALICE, "b": BOB}


def test_what_another_checkpoint_told_is_not_held_against_this_one() -> None:
    elsewhere = Told(2, CheckpointId("door"), Credential.FACE, Verdict.ADMIT, Reason.LISTED, ALICE)
    assert score([true("one", 1, 5)], [elsewhere]).of(Result.MISSED)


times = st.floats(0, 50, allow_nan=False)


@given(
    st.lists(st.tuples(times, times, st.sampled_from([ALICE, BOB])), max_size=8),
    st.lists(st.tuples(times, st.sampled_from([ALICE, BOB, None])), max_size=12),
)
def test_every_pass_gets_one_result_and_every_passage_is_used_once(
    passes: list[tuple[float, float, SubjectKey]], passages: list[tuple[float, SubjectKey | None]]
) -> None:
    truth = [true(f"{n}", min(a, b), max(a, b), who) for n, (a, b, who) in enumerate(passes)]
    everything = [told(at_s, who) for at_s, who in passages]
    found = score(truth, everything)
    assert sorted(one.true.name for one in found.passes) == sorted(one.name for one in truth)
    used = [one.told for one in found.passes if one.told is not None] + list(found.extra)
    assert sorted(used, key=repr) == sorted(everything, key=repr)
    assert all((one.told is None) == (one.result is Result.MISSED) for one in found.passes)
