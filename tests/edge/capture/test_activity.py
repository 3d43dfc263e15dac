"""Packet sizes alone: what is usual is learnt, what leaves it is movement, whatever the encoder's habits are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.capture.activity import ActivityMeter, place_in_run

FPS = 25


class Encoder:
    """Sizes of a quiet stream: noisy round a level, keyframes larger, the frames after them smaller."""

    def __init__(self, seed: int, *, level: float, noise: float, gop: int) -> None:
        self._rng = random.Random(seed)
        self._level = level
        self._noise = noise
        self._gop = gop
        self._number = -1

    def next(self, times: float = 1.0) -> tuple[int, float, bool]:
        """Size of the next packet, its stream time, whether it is a keyframe; ``times``: larger than when quiet."""
        self._number += 1
        place = self._number % self._gop
        habit = 40.0 if place == 0 else 0.5 + 0.5 * min(1.0, place / 12)
        grows = times if place else 1.0
        size = self._level * habit * grows * self._rng.lognormvariate(0, self._noise)
        return round(size), self._number / FPS, place == 0


def see(meter: ActivityMeter, encoder: Encoder, packets: int, times: float = 1.0) -> list[bool]:
    seen = []
    for _ in range(packets):
        size, at_s, keyframe = encoder.next(times)
        seen.append(meter.see(size, at_s, keyframe=keyframe))
    return seen


def test_a_new_stream_tells_nothing() -> None:
    meter = ActivityMeter(learning_s=60.0)
    encoder = Encoder(1, level=2000, noise=0.1, gop=50)
    assert not any(see(meter, encoder, 59 * FPS, times=4.0))
    assert not meter.learned
    see(meter, encoder, 2 * FPS)
    assert meter.learned


encoders = st.builds(
    Encoder,
    st.integers(0, 2**32),
    level=st.floats(300, 40_000),
    noise=st.floats(0.0, 0.25),
    gop=st.integers(10, 120),
)


@settings(max_examples=8)
@given(encoders, st.floats(4.0, 20.0))
def test_movement_is_told_within_a_fifth_of_a_second_and_forgotten_after_a_few(encoder: Encoder, times: float) -> None:
    meter = ActivityMeter(learning_s=60.0)
    see(meter, encoder, 90 * FPS)
    before = see(meter, encoder, 60 * FPS)
    assert sum(before) <= 0.02 * len(before), "what is usual is no movement"
    moving = see(meter, encoder, 4 * FPS, times)
    assert True in moving[: FPS // 5]
    assert all(moving[FPS // 5 :])
    after = see(meter, encoder, 10 * FPS)
    assert not any(after[5 * FPS :])


@settings(max_examples=5)
@given(st.integers(0, 2**32), st.floats(0.03, 0.1))
def test_a_little_more_for_a_while_is_movement_too(seed: int, noise: float) -> None:
    encoder = Encoder(seed, level=15_000, noise=noise, gop=50)
    meter = ActivityMeter(learning_s=60.0)
    see(meter, encoder, 120 * FPS)
    assert any(see(meter, encoder, 2 * FPS, times=1.6))


def test_an_encoder_that_holds_its_rate_sends_less_after_a_surprise_and_that_is_news_too() -> None:
    encoder = Encoder(3, level=15_000, noise=0.1, gop=50)
    meter = ActivityMeter(learning_s=60.0)
    see(meter, encoder, 120 * FPS)
    assert any(see(meter, encoder, FPS, times=0.4))


def test_the_beginning_is_the_first_packet_that_left_the_usual() -> None:
    encoder = Encoder(4, level=3000, noise=0.1, gop=50)
    meter = ActivityMeter(learning_s=60.0)
    see(meter, encoder, 110 * FPS + 10)
    began_s = (110 * FPS + 10) / FPS
    while not see(meter, encoder, 1, times=3.0)[0]:
        continue
    assert meter.since_s == pytest.approx(began_s, abs=2 / FPS)


def test_what_goes_on_for_an_hour_becomes_usual() -> None:
    encoder = Encoder(5, level=3000, noise=0.1, gop=50)
    meter = ActivityMeter(learning_s=60.0)
    see(meter, encoder, 120 * FPS)
    windy = see(meter, encoder, 2400 * FPS, times=3.0)
    assert windy[FPS]
    assert not any(windy[-300 * FPS :])


@pytest.mark.parametrize("gop", [6, 8, 50])
def test_however_short_its_runs_are_it_is_known_what_is_usual_lately(gop: int) -> None:
    encoder = Encoder(7, level=3000, noise=0.1, gop=gop)
    meter = ActivityMeter(learning_s=60.0)
    see(meter, encoder, 300 * FPS)
    day = meter.usual
    see(meter, encoder, 600 * FPS, times=3.0)
    dusk = meter.usual
    assert day is not None
    assert dusk is not None
    assert dusk.level - day.level > 1.0
    assert max(day.spread, dusk.spread) < 0.3


def test_after_a_reconnect_it_is_not_learnt_again() -> None:
    encoder = Encoder(6, level=3000, noise=0.1, gop=50)
    meter = ActivityMeter(learning_s=60.0)
    see(meter, encoder, 90 * FPS)
    meter.begin()
    assert meter.learned
    assert not meter.see(10**6, 90.0, keyframe=False), "what comes before the first keyframe follows nothing"


@given(st.lists(st.tuples(st.integers(0, 10**7), st.floats(-10, 10), st.booleans(), st.booleans()), max_size=300))
def test_any_sizes_and_times_are_survived(packets: list[tuple[int, float, bool, bool]]) -> None:
    meter = ActivityMeter(learning_s=1.0)
    at_s = 0.0
    for size, step_s, keyframe, disposable in packets:
        at_s += step_s
        active = meter.see(size, at_s, keyframe=keyframe, disposable=disposable)
        assert active is meter.active
        assert not active or meter.since_s is not None


def test_places_in_a_run_are_fine_near_the_keyframe_and_coarse_far_from_it() -> None:
    places = [place_in_run(number) for number in range(2000)]
    assert places == sorted(places)
    assert places[0] == 0
    assert len(set(places[:4])) == 4
    assert max(places) == 17
