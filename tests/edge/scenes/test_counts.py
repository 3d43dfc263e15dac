"""Counts are told when their interval is over, intervals begin at whole multiples, and nothing is counted twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from core.contract.ids import CameraId, PlaceId
from core.contract.vocabulary import BodyKind
from edge.scenes.counts import CountBook
from edge.scenes.zones import ZoneSums

START = datetime(2026, 11, 22, 8, 2, 30, tzinfo=UTC)
PATH, YARD = PlaceId("path"), PlaceId("yard")


def book() -> CountBook:
    return CountBook(CameraId("cam"), 300, START)


def test_an_interval_ends_on_the_hour_not_after_its_length() -> None:
    one = book()
    assert not one.over(START + timedelta(minutes=2))
    assert one.over(datetime(2026, 11, 22, 8, 5, tzinfo=UTC))


def test_what_was_counted_is_told_once() -> None:
    one = book()
    for forward in (True, True, False):
        one.cross(PATH, BodyKind.PERSON, forward=forward)
    one.cross(PATH, BodyKind.VEHICLE, forward=True)
    now = START + timedelta(minutes=3)
    counts = one.take(now, lambda: {YARD: {BodyKind.PERSON: ZoneSums(12.4, 2, 1)}})
    assert counts is not None
    assert (counts.since, counts.until) == (START, now)
    assert [(line.body, line.forward, line.backward) for line in counts.lines] == [
        (BodyKind.PERSON, 2, 1),
        (BodyKind.VEHICLE, 1, 0),
    ]
    assert [(zone.place, zone.body_s, zone.most_at_once, zone.long_stays) for zone in counts.zones] == [
        (YARD, 12, 2, 1)
    ]
    assert one.take(now + timedelta(minutes=5), dict) is None


def test_a_clock_that_is_set_back_begins_a_new_interval_and_loses_nothing() -> None:
    one = book()
    one.cross(PATH, BodyKind.PERSON, forward=True)
    earlier = START - timedelta(hours=1)
    assert one.over(earlier)
    assert one.take(earlier, untouched) is None
    assert not one.over(earlier + timedelta(seconds=10))
    counts = one.take(earlier + timedelta(minutes=3), dict)
    assert counts is not None
    assert (counts.since, counts.lines[0].forward) == (earlier, 1)


def untouched() -> Mapping[PlaceId, Mapping[BodyKind, ZoneSums]]:
    raise AssertionError("what zones have summed up is taken for nothing")
