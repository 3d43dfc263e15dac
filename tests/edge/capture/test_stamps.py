"""Stamps that run at another pace than time are put right; a queue that grows is not taken for them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.conditions.lateness import LATE_S, Lateness, later
from edge.capture.pace import PacketTime, StreamClock
from edge.capture.stamps import StampPace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Sent = tuple[float, float, int]
"""Stamp, time of receipt, bytes."""
KEYFRAME, OTHER = 50_000, 5000


def even(minutes: float, fps: float, stamp_step_s: float, *, jitter_s: float = 0.01) -> Iterator[Sent]:
    """A camera that says ``stamp_step_s`` of every picture and sends ``fps`` of them, a keyframe every two seconds."""
    rng = random.Random(4)
    for number in range(round(minutes * 60 * fps)):
        yield number * stamp_step_s, 1000 + number / fps + rng.uniform(0, jitter_s), _size(number, 2 * fps, rng)


def crowded_line(minutes: float, fps: float, stamp_step_s: float, *, used: float) -> Iterator[Sent]:
    """As `even`, over a line of which it takes the share ``used``: large packets take their time to come through."""
    rng = random.Random(4)
    bytes_per_s = (KEYFRAME + OTHER * (2 * fps - 1)) / 2 / used
    came_s = 0.0
    for number in range(round(minutes * 60 * fps)):
        size = _size(number, 2 * fps, rng)
        came_s = max(came_s, 1000 + number / fps) + size / bytes_per_s
        yield number * stamp_step_s, came_s, size


def queued(seconds: float, share: float, *, noise: float) -> Iterator[Sent]:
    """A camera of 25 true pictures a second behind a line that takes ``share`` of what it sends.

    noise: how much packets differ in size beside what kind they are.
    """
    rng = random.Random(4)
    bytes_per_s = share * (KEYFRAME + OTHER * 49) / 2
    came_s = 0.0
    for number in range(round(seconds * 25)):
        size = _size(number, 50, rng, noise)
        came_s = max(came_s, 1000 + number / 25) + size / bytes_per_s
        yield number / 25, came_s, size


def _size(number: int, run: float, rng: random.Random, noise: float = 0.3) -> int:
    return round((KEYFRAME if number % round(run) == 0 else OTHER) * rng.uniform(1 - noise, 1 + noise))


def times(packets: Iterator[Sent], clock: StreamClock | None = None) -> list[PacketTime]:
    clock = clock or StreamClock()
    return [clock.moment(pts_s, at_s, at_s, NOON, size=size) for pts_s, at_s, size in packets]


def lateness(told: list[PacketTime]) -> list[float]:
    """How late each packet is said to be."""
    known: Lateness | None = None
    late = []
    for one in told:
        assert one.own_s is not None
        known = later(known, one.own_s, one.received_s)
        late.append(known.late_s)
    return late


@pytest.mark.parametrize(
    ("fps", "stamp_step_s"), [(20, 0.04), (12, 0.04), (25, 1 / 30), (25, 0.0396), (25, 0.0404), (15, 1 / 12), (1, 0.9)]
)
def test_a_camera_whose_stamps_go_wrong_evenly_is_not_late_and_its_time_is_right(
    fps: float, stamp_step_s: float
) -> None:
    told = times(even(20, fps, stamp_step_s))
    steady = told[round(60 * fps) :]
    assert max(one.received_s - one.pts_s for one in steady) < 0.1
    late = lateness(told)
    assert max(late[round(60 * fps) :]) < 0.1
    # No fault before that lasts for long enough to be told.
    assert sum(late_s > LATE_S for late_s in late) < 30 * fps


@pytest.mark.parametrize("used", [0.1, 0.3])
def test_so_is_one_whose_large_packets_take_their_time_to_come_through(used: float) -> None:
    told = times(crowded_line(5, 20, 0.04, used=used))
    assert max(lateness(told)[20 * 60 :]) < 0.4


def test_two_streams_of_one_camera_agree_about_a_moment_however_their_stamps_run() -> None:
    main, sub = times(even(5, 20, 0.04, jitter_s=0.0)), times(even(5, 20, 0.05, jitter_s=0.0))
    assert all(abs(one.pts_s - two.pts_s) < 0.05 for one, two in list(zip(main, sub, strict=True))[1200:])


@pytest.mark.parametrize(("share", "noise"), [(0.8, 0.5), (0.8, 0.0), (0.95, 0.3), (0.5, 0.0)])
def test_a_queue_that_grows_is_late(share: float, noise: float) -> None:
    late = lateness(times(queued(80, share, noise=noise)))
    assert late[-1] == pytest.approx(80 * (1 / share - 1), rel=0.3)


@dataclass(frozen=True)
class Line:
    """One that takes a little less than a camera of 25 true pictures a second sends.

    keyframe, other: bytes; noise: of their sizes; over: how many times what it takes; run: packets from keyframe to
    keyframe.
    """

    keyframe: float
    other: float
    noise: float
    over: float
    run: int = 50

    def packets(self, seconds: float) -> Iterator[Sent]:
        rng = random.Random(1)
        kinds = [self.keyframe if number % self.run == 0 else self.other for number in range(round(seconds * 25))]
        sizes = [size * rng.lognormvariate(0, self.noise) for size in kinds]
        bytes_per_s = sum(sizes) / seconds / self.over
        came_s = 0.0
        for number, size in enumerate(sizes):
            came_s = max(came_s, 1000 + number / 25) + size / bytes_per_s
            yield number / 25, came_s, round(size)


def read(packets: Iterator[Sent], clock: StreamClock, rest_s: float = 0.0) -> list[PacketTime]:
    """As a reader does that rests for ``rest_s`` after each packet it waited for, unless stamps are doubted."""
    told, now_s, rested = [], 0.0, False
    for pts_s, came_s, size in packets:
        waited, now_s = came_s > now_s + 0.002, max(came_s, now_s) + 0.0002
        told.append(clock.moment(pts_s, now_s, now_s, NOON, size=size, waited=waited, rested=rested))
        rested = waited and rest_s > 0 and not clock.doubted
        now_s += rest_s if rested else 0.0
    return told


@pytest.mark.parametrize("rest_s", [0.0, 0.1, 0.2])
@pytest.mark.parametrize(
    "line",
    [
        Line(16e3, 15e3, 0.05, 1.04),
        Line(30e3, 15e3, 0.1, 1.05),
        Line(15e3, 15e3, 0.0, 1.04),
        Line(60e3, 15e3, 0.3, 1.02, 250),
        Line(60e3, 15e3, 0.15, 1.03, 100),
        Line(200e3, 15e3, 0.3, 1.04),
    ],
)
def test_a_full_line_is_never_taken_for_a_wrong_clock_however_alike_its_packets_are(line: Line, rest_s: float) -> None:
    clock = StreamClock()
    told = read(line.packets(120), clock, rest_s)
    assert clock.pace == 1.0
    assert lateness(told)[-1] == pytest.approx(120 * (line.over - 1), rel=0.35)


@pytest.mark.parametrize("rest_s", [0.1, 0.2])
def test_stamps_go_wrong_and_are_put_right_also_where_packets_are_read_with_rests(rest_s: float) -> None:
    clock = StreamClock()
    told = read(even(4, 20, 0.04), clock, rest_s)
    assert clock.pace == pytest.approx(1.25, rel=0.01)
    assert max(lateness(told)[100 * 20 :]) < 0.3
    assert not clock.doubted, "it is read with rests again"


def test_a_machine_that_cannot_keep_up_is_late_and_not_its_camera_wrong() -> None:
    pace = StampPace()
    for number in range(25 * 60):
        own_s = pace.own_time(number * 0.04, 1000 + number * 0.05, size=5000, waited=False)
        assert own_s == pytest.approx(number * 0.04)


def test_honest_stamps_are_left_alone() -> None:
    clock = StreamClock()
    times(even(10, 25, 0.04, jitter_s=0.2), clock)
    assert clock.pace == pytest.approx(1.0, abs=0.003)


def test_a_camera_that_is_set_right_is_believed_again() -> None:
    clock = StreamClock()
    told = times(even(2, 20, 0.04), clock)
    begins = told[-1].received_s - 1000 + 0.05
    told = times(((p, at + begins, size) for p, at, size in even(2, 25, 0.04)), clock)
    assert clock.pace == pytest.approx(1.0, abs=0.003)
    assert max(one.received_s - one.pts_s for one in told[25 * 60 :]) < 0.1


def test_time_does_not_stand_still_while_stamps_are_put_right() -> None:
    told = times(even(3, 20, 0.04))
    gaps = [later.pts_s - earlier.pts_s for earlier, later in pairwise(told)]
    assert max(gaps) < 2.5
    assert sum(gap < 0.001 for gap in gaps) == 0


@given(
    st.lists(
        st.tuples(st.floats(-1e5, 1e5), st.floats(0, 20), st.integers(0, 10**7), st.booleans()),
        min_size=1,
        max_size=200,
    )
)
def test_no_stream_makes_the_pace_absurd(packets: list[tuple[float, float, int, bool]]) -> None:
    pace, at_s = StampPace(), 0.0
    for pts_s, passed_s, size, waited in packets:
        at_s += passed_s
        pace.own_time(pts_s, at_s, size=size, waited=waited)
        assert 0.1 <= pace.pace <= 10
