"""One credential, one person: everybody else who goes through a door is noticed."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.contract.ids import PassId, new_id
from edge.checkpoint.openings import (
    GRACE_S,
    MAX_LEAVES,
    MAX_TRACKS,
    SAME_TRACK_S,
    Crossed,
    Openings,
    admitted,
    crossed,
)

HOLD_S = 3.0


def another_pass() -> PassId:
    return PassId(new_id())


def test_the_holder_goes_through_and_makes_no_passage_of_their_own() -> None:
    door = admitted(Openings(), another_pass(), 0.0, HOLD_S, gate_open=False)
    door, what = crossed(door, 1, 1.0, gate_open=True)
    assert what is Crossed.COMPLETES
    assert door.leaves == ()


def test_a_second_person_on_the_same_opening_followed() -> None:
    door = admitted(Openings(), another_pass(), 0.0, HOLD_S, gate_open=False)
    door, first = crossed(door, 1, 1.0, gate_open=True)
    door, second = crossed(door, 2, 1.5, gate_open=True)
    assert (first, second) == (Crossed.COMPLETES, Crossed.FOLLOWED)


def test_two_credentials_in_one_opening_let_two_people_through() -> None:
    door = admitted(Openings(), another_pass(), 0.0, HOLD_S, gate_open=False)
    door = admitted(door, another_pass(), 1.0, HOLD_S, gate_open=True)
    door, first = crossed(door, 1, 1.5, gate_open=True)
    door, second = crossed(door, 2, 2.0, gate_open=True)
    _, third = crossed(door, 3, 2.5, gate_open=True)
    assert (first, second, third) == (Crossed.COMPLETES, Crossed.COMPLETES, Crossed.FOLLOWED)


def test_one_pass_shown_twice_lets_nobody_else_through() -> None:
    shown = another_pass()
    door = admitted(Openings(), shown, 0.0, HOLD_S, gate_open=False)
    door = admitted(door, shown, 3.5, HOLD_S, gate_open=True)
    door, holder = crossed(door, 1, 3.5 + HOLD_S + GRACE_S, gate_open=False)
    _, friend = crossed(door, 2, 3.5 + HOLD_S + GRACE_S, gate_open=False)
    assert (holder, friend) == (Crossed.COMPLETES, Crossed.FOLLOWED)


def test_whoever_goes_through_a_door_that_nobody_opened_went_without_a_credential() -> None:
    _, what = crossed(Openings(), 1, 100.0, gate_open=False)
    assert what is Crossed.FOLLOWED


def test_a_leave_nobody_used_ends_with_its_opening() -> None:
    door = admitted(Openings(), another_pass(), 0.0, HOLD_S, gate_open=False)
    _, just_in_time = crossed(door, 1, HOLD_S + GRACE_S, gate_open=False)
    _, too_late = crossed(door, 1, HOLD_S + GRACE_S + 0.01, gate_open=False)
    assert (just_in_time, too_late) == (Crossed.COMPLETES, Crossed.FOLLOWED)


def test_a_leave_lasts_while_the_gate_is_still_open() -> None:
    door = admitted(Openings(), another_pass(), 0.0, HOLD_S, gate_open=False)
    _, what = crossed(door, 1, 60.0, gate_open=True)
    assert what is Crossed.COMPLETES


def test_somebody_dithering_on_the_line_is_one_person() -> None:
    door, first = crossed(Openings(), 7, 0.0, gate_open=False)
    door, again = crossed(door, 7, SAME_TRACK_S - 0.1, gate_open=False)
    _, much_later = crossed(door, 7, SAME_TRACK_S, gate_open=False)
    assert (first, again, much_later) == (Crossed.FOLLOWED, Crossed.SAME, Crossed.FOLLOWED)


def test_a_holder_dithering_on_the_line_does_not_use_up_the_next_persons_leave() -> None:
    door = admitted(Openings(), another_pass(), 0.0, HOLD_S, gate_open=False)
    door, _ = crossed(door, 1, 0.5, gate_open=True)
    door = admitted(door, another_pass(), 1.0, HOLD_S, gate_open=True)
    door, again = crossed(door, 1, 1.1, gate_open=True)
    _, second = crossed(door, 2, 1.5, gate_open=True)
    assert (again, second) == (Crossed.SAME, Crossed.COMPLETES)


@given(st.lists(st.booleans(), max_size=60), st.booleans())
def test_completed_and_followed_crossings_add_up_to_the_people_seen(steps: list[bool], gate_open: bool) -> None:
    """Within one opening: as many complete as credentials were admitted before them, and not one more."""
    door, leaves, track = Openings(), 0, count()
    for admits in steps:
        if admits:
            door, leaves = admitted(door, another_pass(), 0.0, HOLD_S, gate_open=gate_open), min(MAX_LEAVES, leaves + 1)
        else:
            door, what = crossed(door, next(track), 0.0, gate_open=gate_open)
            assert what is (Crossed.COMPLETES if leaves else Crossed.FOLLOWED)
            leaves = max(0, leaves - 1)
    assert len(door.leaves) == leaves


class AnyDay(RuleBasedStateMachine):
    """Whatever happens at a door, in whatever order, time only going forward."""

    def __init__(self) -> None:
        super().__init__()
        self.door = Openings()
        self.at_s = 0.0
        self.admissions = 0
        self.completions = 0

    @rule(seconds=st.floats(0, 20))
    def time_goes_by(self, seconds: float) -> None:
        self.at_s += seconds

    @rule(gate_open=st.booleans())
    def somebody_is_admitted(self, gate_open: bool) -> None:
        self.door = admitted(self.door, another_pass(), self.at_s, HOLD_S, gate_open=gate_open)
        self.admissions += 1

    @rule(track=st.integers(0, 100), gate_open=st.booleans())
    def somebody_crosses(self, track: int, gate_open: bool) -> None:
        self.door, what = crossed(self.door, track, self.at_s, gate_open=gate_open)
        self.completions += what is Crossed.COMPLETES

    @invariant()
    def no_more_people_are_let_through_than_were_admitted(self) -> None:
        assert self.completions + len(self.door.leaves) <= self.admissions

    @invariant()
    def the_memory_is_bounded(self) -> None:
        assert len(self.door.leaves) <= MAX_LEAVES
        assert len(self.door.tracks) <= MAX_TRACKS


TestAnyDay = AnyDay.TestCase
