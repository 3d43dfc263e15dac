"""The ring of packets: where it starts, what it loses, what it can give back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import av
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.glance import GLANCE_WIDTH, shrink
from edge.capture.packets import PacketRing, StreamPacket

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FPS = 25


def packet(number: int, *, keyframe: bool, size: int = 1000) -> StreamPacket:
    at_s = number / FPS
    data: av.Packet[Any] = av.Packet(size)
    return StreamPacket(data, keyframe, size, at_s, at_s + 0.05, NOON + timedelta(seconds=at_s))


def ring_of(frames: int, *, keyframe_every: int = 25, seconds: float = 4.0, max_bytes: int = 10**9) -> PacketRing:
    ring = PacketRing(seconds, max_bytes)
    for number in range(frames):
        ring.add(packet(number, keyframe=number % keyframe_every == 0))
    return ring


def test_what_comes_before_the_first_keyframe_is_not_kept() -> None:
    ring = PacketRing(4.0, 10**6)
    ring.add(packet(0, keyframe=False))
    assert ring.from_keyframe_before(0.0) == ()
    ring.add(packet(1, keyframe=True))
    ring.add(packet(2, keyframe=False))
    assert [one.keyframe for one in ring.from_keyframe_before(9.0)] == [True, False]


def test_the_last_seconds_are_there_from_the_keyframe_before_them() -> None:
    ring = ring_of(500)
    kept = ring.between(16.0, 100.0)
    assert kept[0].keyframe
    assert kept[0].pts_s == 16.0 - 1 / FPS * (400 % 25)
    assert kept[-1].pts_s == 499 / FPS
    assert len(kept) <= (4.0 + 1.0) * FPS + 1


def test_catching_up_starts_at_the_keyframe_before_the_moment() -> None:
    ring = ring_of(110)
    kept = ring.from_keyframe_before(3.5)
    assert kept[0].pts_s == 3.0
    assert kept[0].keyframe
    assert kept[-1].pts_s == 109 / FPS


def test_a_moment_older_than_everything_gives_everything() -> None:
    assert ring_of(50).from_keyframe_before(-1.0)[0].pts_s == 0.0


def test_a_clip_ends_where_it_was_asked_to() -> None:
    clip = ring_of(100).between(2.5, 3.5)
    assert (clip[0].pts_s, clip[-1].pts_s) == (2.0, 3.48)


def test_a_run_that_is_larger_than_the_limit_is_lost_whole_and_the_next_keyframe_begins_anew() -> None:
    ring = ring_of(100, keyframe_every=1000, max_bytes=50_000)
    assert ring.from_keyframe_before(0.0) == ()
    assert ring.held_bytes == 0
    ring.add(packet(100, keyframe=True))
    assert len(ring.from_keyframe_before(0.0)) == 1


def test_a_ring_that_is_cleared_holds_nothing() -> None:
    ring = ring_of(100)
    ring.clear()
    assert ring.between(0.0, 100.0) == ()
    assert ring.held_bytes == 0


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5000)), max_size=300),
    st.floats(0.1, 5.0),
    st.integers(2000, 100_000),
)
def test_the_ring_is_bounded_starts_at_a_keyframe_and_keeps_the_newest_run(
    sent: list[tuple[bool, int]], seconds: float, max_bytes: int
) -> None:
    ring = PacketRing(seconds, max_bytes)
    for number, (keyframe, size) in enumerate(sent):
        ring.add(packet(number, keyframe=keyframe, size=size))
        kept = ring.from_keyframe_before(float("-inf"))
        assert ring.held_bytes <= max_bytes
        assert sum(one.size for one in kept) <= ring.held_bytes
        assert not kept or kept[0].keyframe
        assert [round(one.pts_s * FPS) for one in kept] == list(range(number + 1 - len(kept), number + 1))
        second = [one.pts_s for one in kept if one.keyframe][1:2]
        assert all(number / FPS - at_s < seconds for at_s in second)


def test_a_glance_is_small_and_keeps_the_shape_and_the_mean() -> None:
    luma = np.random.default_rng(1).integers(0, 255, (1080, 1920), np.uint8)
    small = shrink(luma)
    assert small.shape == (180, GLANCE_WIDTH)
    assert abs(float(small.mean()) - float(luma.mean())) < 1
    narrow = np.full((90, 160), 7, np.uint8)
    assert shrink(narrow) is not narrow
    assert shrink(narrow).shape == (90, 160)


def test_what_is_gathered_stays_whole_when_the_ring_loses_it() -> None:
    ring = ring_of(100)
    gathering = ring.gather(2.5, 10.0, 10**9)
    for number in range(100, 500):
        ring.add(packet(number, keyframe=number % 25 == 0))
    assert [one.pts_s for one in gathering.packets] == [number / FPS for number in range(50, 251)]


def test_what_is_gathered_ends_with_the_stream_and_at_its_limit() -> None:
    ring = ring_of(100)
    whole, short = ring.gather(2.5, 10.0, 10**9), ring.gather(3.0, 10.0, 50_000)
    ring.clear()
    for number in range(200, 250):
        ring.add(packet(number, keyframe=number % 25 == 0))
    assert [one.pts_s for one in whole.packets] == [number / FPS for number in range(50, 100)]
    assert short.packets[0].pts_s == 3.0
    assert sum(one.size for one in short.packets) <= 50_000


def test_what_is_gathered_begins_with_a_keyframe() -> None:
    ring = PacketRing(4.0, 5000)
    ring.add(packet(0, keyframe=True))
    ring.add(packet(1, keyframe=False, size=9000))  # more than it holds: it has nothing left
    gathering = ring.gather(0.0, 10.0, 10**9)
    ring.add(packet(2, keyframe=False))
    for number in range(3, 30):
        ring.add(packet(number, keyframe=number % 25 == 0))
    assert [one.keyframe for one in gathering.packets] == [True, False, False, False, False]
    gathering.end()
    ring.add(packet(31, keyframe=False))
    assert len(gathering.packets) == 5
