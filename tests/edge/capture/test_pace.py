"""Sampling, stream clock, back-off: pure."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.pace import Backoff, Sampler, StreamClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("wanted", "expected"), [(5, 50), (10, 100), (25, 250), (60, 250), (0, 0)])
def test_ten_seconds_at_25_fps_give_the_wanted_rate(wanted: float, expected: int) -> None:
    sampler = Sampler(wanted)
    kept = sum(sampler.wants(number / 25) for number in range(250))
    assert abs(kept - expected) <= 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0.5, 60))
def test_sampling_goes_on_after_any_jump_of_the_stream_clock(jumps: list[float], fps: float) -> None:
    sampler = Sampler(fps)
    for start in jumps:
        kept = sum(sampler.wants(start + number / 25) for number in range(100))
        assert kept >= 1


def test_jitter_of_the_network_does_not_move_the_time_a_frame_was_made() -> None:
    clock = StreamClock()
    rng = random.Random(1)
    made = []
    for number in range(200):
        received_s = 100 + number / 25 + rng.uniform(0, 0.2)
        made.append(clock.moment(number / 25, received_s, received_s, NOON).pts_s)
    gaps = [later - earlier for earlier, later in pairwise(made[100:])]
    assert all(abs(gap - 0.04) < 0.02 for gap in gaps)


def test_a_wall_clock_that_jumps_leaves_ages_alone() -> None:
    clock = StreamClock()
    before = clock.moment(1.0, 50.0, 50.1, NOON)
    after = clock.moment(1.04, 50.04, 50.14, NOON - timedelta(days=3))
    assert after.received_s - before.received_s == pytest.approx(0.04)
    assert after.pts_s - before.pts_s == pytest.approx(0.04)
    assert after.received_at == NOON - timedelta(days=3, seconds=0.1)


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.floats(-1e5, 1e5)), st.floats(0, 100)),
        min_size=2,
        max_size=60,
    )
)
def test_the_time_of_sending_never_runs_back_and_no_frame_comes_from_the_future(
    arrivals: list[tuple[float | None, float]],
) -> None:
    clock = StreamClock()
    now_s, last_s = 1000.0, float("-inf")
    for pts_s, passed_s in arrivals:
        now_s += passed_s
        moment = clock.moment(pts_s, now_s, now_s, NOON)
        assert moment.pts_s > last_s
        assert moment.made_s <= moment.pts_s <= now_s + 1e-6
        assert moment.made_s >= moment.pts_s - 1.1
        assert moment.received_at <= NOON
        last_s = moment.pts_s


def test_frames_that_are_sent_after_later_ones_keep_the_time_they_were_made() -> None:
    clock = StreamClock()
    order = [0, 4, 2, 1, 3, 8, 6, 5, 7]
    made = [clock.moment(number / 25, 100 + at / 25, 100 + at / 25, NOON) for at, number in enumerate(order)]
    first = made[order.index(4)].made_s - 4 / 25
    assert [one.made_s - first for one in made[1:]] == pytest.approx([number / 25 for number in order[1:]], abs=0.01)
    sent = [one.pts_s for one in made]
    assert sent == sorted(set(sent)), "each at its own time"
    assert made[3].received_at < made[2].received_at


@given(st.integers(0, 2**32), st.integers(1, 200))
def test_waits_double_up_to_thirty_seconds_and_start_over(seed: int, failures: int) -> None:
    backoff = Backoff(random=random.Random(seed))
    waits = [backoff.wait_s() for _ in range(failures)]
    assert all(0.5 * min(30, 2**n) <= wait <= min(30, 2**n) for n, wait in enumerate(waits))
    backoff.reset()
    assert backoff.wait_s() <= 1.0
