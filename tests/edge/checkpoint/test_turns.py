"""Gates first, everybody else by the time they take, and nobody left out."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge.checkpoint.turns import Turns


def run(turns: Turns, costs_s: list[float], rounds: int, *, passing: frozenset[int] = frozenset()) -> list[int]:
    """Everybody always has a picture; who was looked at, in order."""
    order: list[int] = []
    for _ in range(rounds):
        number = turns.take(lambda _: True)
        assert number is not None
        turns.give_back(number, costs_s[number], passing=number in passing)
        order.append(number)
    return order


def spent(order: list[int], costs_s: list[float]) -> Counter[int]:
    total: Counter[int] = Counter()
    for number in order:
        total[number] += round(costs_s[number] * 1000)
    return total


def test_time_is_shared_fairly_however_much_one_look_costs() -> None:
    costs_s = [0.07, 0.01, 0.03]
    total = spent(run(Turns([False] * 3), costs_s, 3000), costs_s)
    assert max(total.values()) - min(total.values()) <= 200


def test_whom_somebody_is_passing_gets_four_times_the_time() -> None:
    order = run(Turns([False] * 2), [0.01, 0.01], 1000, passing=frozenset({1}))
    assert order.count(1) in range(780, 820)


def test_a_station_that_had_nothing_to_show_for_long_does_not_take_everything_when_it_has() -> None:
    turns = Turns([False, False])
    for _ in range(1000):
        number = turns.take(lambda number: number == 0)
        assert number == 0
        turns.give_back(number, 0.01, passing=False)
    order = run(turns, [0.01, 0.01], 100)
    assert order.count(0) >= 35


def test_a_station_is_not_given_out_twice() -> None:
    turns = Turns([False, False], lookers=3)
    assert {turns.take(lambda _: True), turns.take(lambda _: True)} == {0, 1}
    assert turns.take(lambda _: True) is None


def test_one_of_several_lookers_is_left_to_the_gates() -> None:
    turns = Turns([True, False, False], lookers=2)
    assert turns.take(lambda number: number > 0) in {1, 2}
    assert turns.take(lambda number: number > 0) is None
    assert turns.take(lambda _: True) == 0


def test_without_a_gate_all_lookers_look_at_the_rest() -> None:
    turns = Turns([False, False], lookers=2)
    assert {turns.take(lambda _: True), turns.take(lambda _: True)} == {0, 1}


def test_a_gate_that_a_slow_lane_holds_up_catches_up_and_loses_no_picture() -> None:
    gate_s, lane_s, gate_fps = 0.05, 0.2, 10
    turns, now_s, looked_at, longest, lane_looks = Turns([True, False]), 0.0, 0, 0, 0
    while now_s < 60:
        waits = round(now_s * gate_fps) - looked_at
        longest = max(longest, waits)
        number = turns.take([waits, 3].__getitem__)
        assert number is not None
        turns.give_back(number, (gate_s, lane_s)[number], passing=False)
        now_s += (gate_s, lane_s)[number]
        looked_at += number == 0
        lane_looks += number == 1
    assert longest <= 6, "16 are kept"
    assert lane_looks >= 120, "and the lane has what the gate leaves"


def test_gates_that_are_always_behind_leave_something_to_the_others() -> None:
    turns, order = Turns([True, False]), []
    for _ in range(100):
        number = turns.take(lambda _: 16)
        assert number is not None
        turns.give_back(number, 0.05, passing=False)
        order.append(number)
    assert order.count(1) == 10


@given(
    first=st.lists(st.booleans(), min_size=1, max_size=8),
    costs_s=st.lists(st.floats(0.001, 0.1), min_size=8, max_size=8),
    ready=st.lists(st.frozensets(st.integers(0, 7)), min_size=1, max_size=60),
)
def test_a_gate_with_a_picture_waits_for_no_more_than_one_look_elsewhere_between_two_of_gates(
    first: list[bool], costs_s: list[float], ready: list[frozenset[int]]
) -> None:
    turns = Turns(first)
    elsewhere_in_a_row = 0
    for now in ready:
        number = turns.take(now.__contains__)
        gate_waits = any(first[one] for one in now if one < len(first))
        if number is None:
            assert not any(one < len(first) for one in now)
            continue
        elsewhere_in_a_row = 0 if first[number] or not gate_waits else elsewhere_in_a_row + 1
        assert elsewhere_in_a_row <= 1
        turns.give_back(number, costs_s[number], passing=False)


@given(
    first=st.lists(st.booleans(), min_size=1, max_size=8),
    costs_s=st.lists(st.floats(0.005, 0.1), min_size=8, max_size=8),
)
def test_nobody_who_always_has_pictures_is_left_out(first: list[bool], costs_s: list[float]) -> None:
    assert set(run(Turns(first), costs_s, 400)) == set(range(len(first)))
