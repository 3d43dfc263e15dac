"""A camera's own clock, and pictures that come ever later."""

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.conditions.clock import camera_clock, judge_clock
from edge.capture.conditions.finding import NOTHING, Grade
from edge.capture.conditions.lateness import Lateness, Losses, judge_lateness, keep_losses, later


def test_a_packet_without_a_sender_report_tells_no_time() -> None:
    assert camera_clock(av.Packet(b"\0" * 8)) is None


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [
        ((0.1, -0.2, 0.0), None),
        ((9.9,), None),
        ((3.0, 4000.0, 2.0), None),
        ((25.0, 24.0, 26.0), "25 s ahead of"),
        ((-3600.0 * 8,) * 5, "8 h behind"),
        ((-300.0,), "5 min behind"),
        ((-86_400.0 * 365 * 30,), "10950 days behind"),
    ],
)
def test_a_wrong_clock_says_by_how_much(ahead_s: tuple[float, ...], said: str | None) -> None:
    found = judge_clock(ahead_s)
    assert found is not None
    assert found.grade is (Grade.NONE if said is None else Grade.THERE)
    assert said is None or said in found.detail


def test_a_clock_that_was_never_told_is_neither_right_nor_wrong() -> None:
    assert judge_clock(()) is None


def received(*packets: tuple[float, float]) -> Lateness:
    """After packets with these stream times came at these times."""
    lateness: Lateness | None = None
    for pts_s, received_s in packets:
        lateness = later(lateness, pts_s, received_s)
    assert lateness is not None
    return lateness


def test_a_steady_stream_is_not_late_however_long_its_way() -> None:
    assert received(*((n / 25, 1000 + n / 25) for n in range(500))).late_s < 0.01


def test_one_that_sends_a_twentieth_too_slowly_is_later_and_later() -> None:
    assert received(*((n / 25, n / 25 * 1.05) for n in range(25 * 60))).late_s == pytest.approx(3, abs=0.2)


def test_a_stall_is_late_until_it_was_caught_up_with() -> None:
    steady = [(n / 25, n / 25) for n in range(100)]
    burst = [(4 + n / 25, 9 + n / 250) for n in range(100)]
    assert received(*steady, *burst[:10]).late_s == pytest.approx(4.7, abs=0.1)
    caught_up = [(8 + n / 25, 9.4 + n / 250) for n in range(45)]
    assert received(*steady, *burst, *caught_up).late_s < 0.2


@pytest.mark.parametrize("leap_s", [-100.0, 50.0])
def test_a_stream_that_starts_over_is_not_late(leap_s: float) -> None:
    assert received((200.0, 10.0), (200.04, 10.04), (200.0 + leap_s, 10.08)).late_s == 0


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0, 5)), min_size=1, max_size=50))
def test_nothing_is_ever_early(steps: list[tuple[float, float]]) -> None:
    lateness, pts_s, at_s = None, 0.0, 0.0
    for made_s, took_s in steps:
        pts_s, at_s = pts_s + made_s, at_s + took_s
        lateness = later(lateness, pts_s, at_s)
        assert lateness.late_s >= 0


def lost(*counts: tuple[float, int, int]) -> tuple[Losses, ...]:
    kept: tuple[Losses, ...] = ()
    for at_s, dropped, damaged in counts:
        kept = keep_losses(kept, Losses(at_s, dropped, damaged))
    return kept


def test_late_pictures_damage_and_overload_are_told_apart() -> None:
    assert "3 s late" in judge_lateness(3.0, ()).detail
    assert judge_lateness(1.0, lost((0, 0, 0), (60, 10, 10))) is NOTHING
    assert "damaged" in judge_lateness(None, lost((0, 0, 0), (60, 0, 200))).detail
    assert "dropped" in judge_lateness(None, lost((0, 0, 0), (60, 200, 0))).detail


def test_a_minute_of_losses_is_remembered_and_no_more() -> None:
    kept = lost(*((float(second), second, 0) for second in range(600)))
    assert len(kept) <= 62
    assert judge_lateness(None, kept) is NOTHING


def test_counters_that_begin_anew_are_no_loss() -> None:
    assert judge_lateness(None, lost((0, 500, 500), (30, 0, 0), (60, 0, 0))) is NOTHING
