"""How often packets tell of nothing, and how much telling of something is worth then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.false_alarms import FalseAlarms

LOOK_S = 0.5


def after(looks: str) -> FalseAlarms:
    """``.`` nothing, ``b`` packets tell, ``m`` something moves, ``B`` both: one a look."""
    alarms = FalseAlarms(explains_s=3.0)
    for number, look in enumerate(looks):
        alarms.look(number * LOOK_S, LOOK_S, moving=look in "mB", busy=look in "bB")
    return alarms


def test_who_never_tells_of_nothing_proves_itself_with_the_least() -> None:
    assert after("." * 100).proof(5.0, 5, 30) == 5


def test_what_is_heard_before_it_is_seen_is_no_false_alarm() -> None:
    heard = after("." * 100 + "bbBBmm" + "." * 100)
    assert (heard.bursts, heard.busy_s) == (0, 2 * LOOK_S)
    assert after("." * 100 + "bb" + "." * 100).bursts == 1


def test_what_goes_on_after_a_movement_is_not_a_new_alarm() -> None:
    assert after("." * 20 + "BBBB" + "bbbb" + "." * 20).bursts == 0


def test_the_chance_counts_what_goes_on_and_what_begins() -> None:
    alarms = after(("." * 38 + "bb") * 10)
    assert (alarms.still_s, alarms.busy_s, alarms.bursts) == (200.0, 10.0, 9)
    assert alarms.told_by_chance(5.0) == pytest.approx((10 + 9 * 5) / 200)
    assert 0.275**3 > 0.01 > 0.275**4
    assert alarms.proof(5.0, 2, 30) == 4


def test_a_busy_hour_is_forgotten_in_a_quiet_one() -> None:
    assert after("b" * 600).told_by_chance(5.0) == 1.0
    assert after("b" * 600 + "." * 7200).told_by_chance(5.0) < 0.1


@given(st.text(".bmB", max_size=300), st.integers(0, 10))
def test_whatever_is_seen_the_proof_asked_for_is_within_its_bounds(looks: str, least: int) -> None:
    alarms = after(looks)
    assert 0.0 <= alarms.told_by_chance(5.0) <= 1.0
    assert least <= alarms.proof(5.0, least, 30) <= 30
