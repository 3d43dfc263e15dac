"""A vehicle that comes and stays is told once, and once more when it leaves, whether it came or stood there already."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from edge.scenes.standing import GONE_S, Box, StandingNews, StandingWatch, overlap

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
CAR: Box = (0.2, 0.6, 0.5, 0.9)
WRECK: Box = (0.6, 0.6, 0.9, 0.9)
STANDING_S = 60.0


class Lane:
    """A lane watched at three looks a second."""

    def __init__(self) -> None:
        self.watch = StandingWatch(STANDING_S)
        self.at_s = 0.0
        self.told: list[StandingNews] = []

    def show(self, seconds: float, *sure: Box, faint: tuple[Box, ...] = ()) -> list[StandingNews]:
        news = []
        for _ in range(max(1, round(seconds * 3))):
            news += self.watch.look(sure, faint, self.at_s, self.now)
            self.at_s += 1 / 3
        self.told += news
        return news

    def away(self, seconds: float) -> None:
        """The camera is away for so long; somebody says so every second."""
        for _ in range(round(seconds)):
            self.watch.away(self.at_s, self.now)
            self.at_s += 1

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.at_s)


def moved(box: Box, by: float) -> Box:
    return (box[0] + by, box[1], box[2] + by, box[3])


def test_a_car_that_stays_is_told_once_and_once_more_when_it_leaves() -> None:
    lane = Lane()
    lane.show(10)
    came = lane.now
    assert lane.show(STANDING_S - 2, CAR) == []
    (began,) = lane.show(5, CAR)
    assert began.until is None
    assert abs((began.since - came).total_seconds()) < 1
    assert lane.show(300, CAR) == []
    left = lane.now
    (ended,) = lane.show(GONE_S + 2)
    assert ended.happening == began.happening
    assert ended.until is not None
    assert abs((ended.until - left).total_seconds()) < 1


def test_what_left_while_the_camera_was_away_is_never_told() -> None:
    lane = Lane()
    lane.show(10)
    lane.show(20, CAR)
    lane.away(360)
    assert lane.watch.due(lane.at_s) == []
    assert lane.show(20) == []
    assert lane.show(20, CAR) == []


def test_what_still_stands_after_the_camera_was_away_is_told_at_the_first_look_since_it_came() -> None:
    lane = Lane()
    lane.show(10)
    came = lane.now
    lane.show(20, CAR)
    lane.away(360)
    (began,) = lane.show(1, CAR)
    assert abs((began.since - came).total_seconds()) < 1


def test_what_was_told_and_left_while_the_camera_was_away_ends_when_it_was_last_seen() -> None:
    lane = Lane()
    lane.show(10)
    (began,) = lane.show(STANDING_S + 2, CAR)
    left = lane.now
    lane.away(360)
    (ended,) = lane.show(2)
    assert (ended.happening, ended.until) == (began.happening, left)


def test_what_is_told_and_still_stands_when_nobody_looks_any_more_ends_then() -> None:
    lane = Lane()
    lane.show(10)
    (began,) = lane.show(STANDING_S + 2, CAR)
    lane.show(5, CAR, WRECK)
    (ended,) = lane.watch.finish(lane.now)
    assert (ended.happening, ended.since, ended.until) == (began.happening, began.since, lane.now)
    assert lane.watch.finish(lane.now) == []


def test_what_stood_there_at_the_first_look_is_told_too_and_once() -> None:
    lane = Lane()
    (began,) = lane.show(600, WRECK)
    assert began.since == START
    lane.show(STANDING_S + 5, WRECK, CAR)
    assert len(lane.told) == 2


def test_before_a_camera_that_gives_no_pictures_what_stood_there_from_the_first_is_told_in_time() -> None:
    lane = Lane()
    lane.show(2, WRECK)
    assert lane.watch.due(STANDING_S - 5) == []
    assert len(lane.watch.due(STANDING_S + 1)) == 1


def test_a_wreck_that_is_not_seen_now_and_then_is_told_once() -> None:
    lane = Lane()
    lane.show(5, WRECK)
    for _ in range(20):
        lane.show(9)
        lane.show(9, faint=(WRECK,))
        lane.show(25, WRECK)
    assert len(lane.told) == 1


def test_a_shed_that_is_taken_for_a_van_now_and_then_is_not_told() -> None:
    lane = Lane()
    lane.show(1, WRECK)
    for _ in range(60):
        lane.show(7, faint=(WRECK,))
        lane.show(3, WRECK)
    assert lane.told == []


def test_whoever_drives_through_or_stops_shortly_is_not_told() -> None:
    lane = Lane()
    lane.show(10)
    for step in range(60):
        lane.show(1, moved(CAR, step * 0.01))
    lane.show(20)
    lane.show(STANDING_S - 5, CAR)
    lane.show(60)
    assert lane.told == []


def test_somebody_walking_past_hides_a_car_for_a_moment_only() -> None:
    lane = Lane()
    lane.show(10)
    lane.show(30, CAR)
    lane.show(GONE_S - 3)
    lane.show(35, CAR)
    assert len(lane.told) == 1


def test_before_a_camera_that_gives_no_pictures_because_nothing_moves_the_time_goes_on() -> None:
    lane = Lane()
    lane.show(10)
    lane.show(5, CAR)
    assert lane.watch.due(lane.at_s + STANDING_S - 10) == []
    assert len(lane.watch.due(lane.at_s + STANDING_S)) == 1
    assert lane.watch.due(lane.at_s + 900) == []
    lane.at_s += 900
    assert len(lane.show(GONE_S + 1)) == 1


def test_a_car_that_has_left_before_the_pictures_stopped_is_not_told_later() -> None:
    lane = Lane()
    lane.show(10)
    lane.show(20, CAR)
    lane.show(1)
    assert lane.watch.due(lane.at_s + 600) == []


def test_two_cars_one_after_the_other_in_the_same_place_are_two() -> None:
    lane = Lane()
    lane.show(10)
    for _ in range(2):
        lane.show(STANDING_S + 5, CAR)
        lane.show(GONE_S + 5)
    assert len({news.happening for news in lane.told}) == 2
    assert len(lane.told) == 4


_UNIT = st.floats(0, 1)


@given(st.lists(st.tuples(st.sampled_from([None, CAR, WRECK, moved(CAR, 0.1)]), st.integers(1, 200)), max_size=12))
def test_whatever_comes_and_goes_nothing_ends_that_has_not_begun(visits: list[tuple[Box | None, int]]) -> None:
    lane = Lane()
    for box, seconds in visits:
        lane.show(seconds / 3, *([] if box is None else [box]))
    began = [news for news in lane.told if news.until is None]
    ended = [news for news in lane.told if news.until is not None]
    assert len({news.happening for news in began}) == len(began)
    assert {news.happening for news in ended} <= {news.happening for news in began}
    assert all(news.until is not None and news.until >= news.since for news in ended)


@given(_UNIT, _UNIT, _UNIT, _UNIT)
def test_overlap_is_a_share_and_the_same_both_ways(x: float, y: float, wide: float, high: float) -> None:
    box = (x, y, x + wide + 0.01, y + high + 0.01)
    assert 0 <= overlap(box, CAR) == overlap(CAR, box) <= 1
    assert overlap(box, box) > 0.999
