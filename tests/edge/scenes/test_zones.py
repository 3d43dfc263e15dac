"""A zone knows how many are in it and for how long together, and which stays became long. Nothing more."""

from __future__ import annotations

import pytest

from core.contract.vocabulary import BodyKind
from edge.scenes.zones import LONGEST_GAP_S, ZoneSums, ZoneWatch
from edge.vision.bodies import SeenBody
from edge.vision.zone import Zone

IN, OUT = (0.5, 0.5), (0.9, 0.5)


def body(foot: tuple[float, float], track: int = 1, kind: BodyKind = BodyKind.PERSON) -> SeenBody:
    x, y = foot
    return SeenBody(track, kind, (x - 0.05, y - 0.2, x + 0.05, y), 0.9, born=True)


@pytest.fixture
def watch() -> ZoneWatch:
    corners = ((0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7))
    return ZoneWatch(Zone(corners), (BodyKind.PERSON,), 0.06, long_stay_s=60)


def stay(watch: ZoneWatch, begin_s: int, end_s: int, *bodies: SeenBody) -> None:
    for at_s in range(begin_s, end_s + 1):
        watch.step(bodies, (), float(at_s))


def test_the_seconds_of_everybody_are_added(watch: ZoneWatch) -> None:
    stay(watch, 0, 10, body(IN, 1))
    stay(watch, 11, 20, body(IN, 1), body(IN, 2))
    assert watch.take() == {BodyKind.PERSON: ZoneSums(body_s=20 + 9, most_at_once=2)}


def test_whoever_is_outside_or_of_another_kind_does_not_count(watch: ZoneWatch) -> None:
    stay(watch, 0, 10, body(OUT), body(IN, 2, BodyKind.VEHICLE))
    assert watch.take() == {}


def test_a_stay_becomes_long_once(watch: ZoneWatch) -> None:
    stay(watch, 0, 59, body(IN))
    assert watch.take()[BodyKind.PERSON].long_stays == 0
    stay(watch, 60, 200, body(IN))
    assert watch.take()[BodyKind.PERSON].long_stays == 1
    stay(watch, 201, 300, body(IN))
    assert watch.take()[BodyKind.PERSON].long_stays == 0


def test_somebody_who_leaves_and_comes_back_begins_anew(watch: ZoneWatch) -> None:
    stay(watch, 0, 40, body(IN))
    stay(watch, 41, 50, body(OUT))
    stay(watch, 51, 100, body(IN))
    assert watch.take()[BodyKind.PERSON].long_stays == 0


def test_a_step_over_the_border_and_back_does_not_end_a_stay(watch: ZoneWatch) -> None:
    stay(watch, 0, 40, body(IN))
    stay(watch, 41, 43, body(OUT))
    stay(watch, 44, 70, body(IN))
    assert watch.take()[BodyKind.PERSON].long_stays == 1


def test_while_nothing_moves_the_time_of_who_sits_there_goes_on(watch: ZoneWatch) -> None:
    stay(watch, 0, 5, body(IN))
    watch.step([body(IN)], (), 125.0)
    sums = watch.take()[BodyKind.PERSON]
    assert (sums.body_s, sums.long_stays) == (125, 1)
    watch.step([body(IN)], (), 126.0 + LONGEST_GAP_S)
    assert watch.take()[BodyKind.PERSON].body_s == 0


def test_a_track_that_is_over_is_forgotten(watch: ZoneWatch) -> None:
    stay(watch, 0, 50, body(IN))
    watch.step([], (1,), 51.0)
    stay(watch, 52, 70, body(IN))
    assert watch.take()[BodyKind.PERSON].long_stays == 0
