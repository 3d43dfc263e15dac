"""Growth is told per 100,000 frames, and the endless clip is one stream."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.endurance import EndlessClip, slope
from benchmarks.scene_films import Kind, Place
from benchmarks.scenes import Scene, filmed
from edge.replay.clock import ReplayClock


def test_growth_is_the_slope_not_the_noise() -> None:
    frames = range(10_000, 1_000_001, 10_000)
    assert slope(frames, [400 + at / 1e5 * 0.3 for at in frames]) == pytest.approx(0.3)
    assert slope(frames, [400 + (-1) ** number for number, _ in enumerate(frames)]) == pytest.approx(0, abs=0.01)


def test_a_clip_goes_on_where_it_ended(tmp_path_factory: pytest.TempPathFactory) -> None:
    clip = filmed(Scene(Place.LANE, Kind.RUN, passes=1), tmp_path_factory.mktemp("scenes"))
    clock = ReplayClock()
    stream = EndlessClip(clip, clock)
    times = []
    for _ in range(round(2.5 * clip.seconds * 25)):
        stream.advance()
        times.append(clock.clip_s)
    assert all(after - before == pytest.approx(0.04, abs=0.005) for before, after in itertools.pairwise(times))
