"""Every gate's answers are counted, and one that always or never refuses is noticed once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.checkpoint.gate_counts import ENOUGH, Gate, GateCounts, SuspicionLog, suspicious


def counts(gate: Gate, *answers: tuple[bool, int]) -> GateCounts:
    made = GateCounts()
    for refused, times in answers:
        for _ in range(times):
            made.ask(gate, refused)
    return made


@given(st.lists(st.tuples(st.sampled_from(list(Gate)), st.booleans()), max_size=60))
def test_what_was_asked_and_refused_is_counted_by_gate(answers: list[tuple[Gate, bool]]) -> None:
    made = GateCounts()
    for gate, refused in answers:
        made.ask(gate, refused)
    for gate in Gate:
        mine = [refused for one, refused in answers if one is gate]
        assert made.flat().get(f"gate.{gate}.asked", 0) == len(mine)
        assert made.flat().get(f"gate.{gate}.refused", 0) == sum(mine)


def test_every_gate_has_its_own_measure_of_enough() -> None:
    assert set(ENOUGH) == set(Gate)


@pytest.mark.parametrize(
    ("answers", "refuses"),
    [
        ([(True, 50)], ["always"]),
        ([(True, 49)], []),
        ([(False, 300), (True, 50)], ["always"]),
        ([(True, 300), (False, 1)], []),
        ([(False, 5_000)], ["never"]),
        ([(False, 4_999)], []),
        ([(True, 1), (False, 5_000)], []),
    ],
)
def test_a_gate_is_suspicious_when_it_always_or_never_refuses(
    answers: list[tuple[bool, int]], refuses: list[str]
) -> None:
    made = counts(Gate.THRESHOLD, *answers)
    assert [one.refuses for one in suspicious(made)] == refuses
    assert [name for name in made.flat() if name.endswith(("always", "never"))] == [
        f"gate.threshold.{one}" for one in refuses
    ]


def test_a_gate_asked_of_every_shot_takes_as_many_passes_to_be_suspicious_as_one_asked_of_each() -> None:
    attack = [counts(Gate.PRESENTATION, (True, 3 * passes)) for passes in (49, 50)]
    assert [bool(suspicious(one)) for one in attack] == [False, True]


def test_a_suspicion_is_told_once_and_again_after_it_went_away() -> None:
    made, told = counts(Gate.MARGIN, (True, 50)), SuspicionLog()
    assert [one.gate for one in told.news(suspicious(made))] == [Gate.MARGIN]
    assert told.news(suspicious(made)) == ()
    made.ask(Gate.MARGIN, False)
    assert told.news(suspicious(made)) == ()
    for _ in range(50):
        made.ask(Gate.MARGIN, True)
    assert [one.answers for one in told.news(suspicious(made))] == [50]
