"""Forced: opened although nothing unlocked it. Held: not shut in time. Neither for those who may go through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.events_scenes import Happening
from edge.scenes.contacts import (
    STILL_UNLOCKED_S,
    UNLOCK_MAY_COME_LATE_S,
    DoorNews,
    DoorState,
    closed,
    opened,
    settled,
    unlocked,
)

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HOLD_S, MAY_BE_OPEN_S = 3.0, 23.0


class Door:
    """A door to which things happen, settled three times a second in between."""

    def __init__(self, *, shut: bool = True) -> None:
        self.state = DoorState()
        self.at_s = 0.0
        self.told: list[DoorNews] = []
        if shut:
            self.shut()

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 3)):
            self.at_s += 1 / 3
            self.state, news = settled(self.state, self.at_s, MAY_BE_OPEN_S)
            self.told += news

    def unlock(self) -> None:
        self.state = unlocked(self.state, self.at_s, HOLD_S)

    def open(self, *, retained: bool = False) -> None:
        self.state = opened(self.state, self.at_s, START + timedelta(seconds=self.at_s), retained=retained)

    def shut(self) -> None:
        self.state, news = closed(self.state, self.at_s, START + timedelta(seconds=self.at_s))
        self.told += news

    @property
    def what(self) -> list[tuple[Happening, bool]]:
        """(what was told, whether as ended)"""
        return [(news.what, news.until is not None) for news in self.told]


FORCED = (Happening.DOOR_FORCED, False)
HELD, HELD_ENDED = (Happening.DOOR_HELD, False), (Happening.DOOR_HELD, True)


def test_who_is_let_in_opens_and_shuts_the_door_and_nothing_is_told() -> None:
    door = Door()
    for _ in range(5):
        door.unlock()
        door.wait(1)
        door.open()
        door.wait(6)
        door.shut()
        door.wait(30)
    assert door.told == []


def test_a_door_that_opens_by_itself_was_forced() -> None:
    door = Door()
    door.wait(60)
    door.open()
    door.wait(UNLOCK_MAY_COME_LATE_S + 1)
    assert door.what == [FORCED]
    assert door.told[0].since == START + timedelta(seconds=60)


def test_a_forced_door_that_is_shut_at_once_was_forced_all_the_same() -> None:
    door = Door()
    door.wait(60)
    door.open()
    door.wait(1)
    door.shut()
    door.wait(10)
    assert door.what == [FORCED]


@pytest.mark.parametrize("late_s", [0.0, 1.0, UNLOCK_MAY_COME_LATE_S - 0.5])
def test_an_unlocking_heard_of_after_the_contact_is_still_an_unlocking(late_s: float) -> None:
    door = Door()
    door.wait(60)
    door.open()
    door.wait(late_s)
    door.unlock()
    door.wait(5)
    door.shut()
    door.wait(10)
    assert door.told == []


def test_an_unlocking_is_good_for_its_time_and_not_for_ever() -> None:
    door = Door()
    door.unlock()
    door.wait(HOLD_S + STILL_UNLOCKED_S + 1)
    door.open()
    door.wait(5)
    assert door.what == [FORCED]


def test_a_door_that_stays_open_is_held_until_it_is_shut() -> None:
    door = Door()
    door.unlock()
    door.open()
    door.wait(MAY_BE_OPEN_S - 1)
    assert door.told == []
    door.wait(2)
    assert door.what == [HELD]
    door.wait(600)
    door.shut()
    assert door.what == [HELD, HELD_ENDED]
    assert door.told[0].happening == door.told[1].happening


def test_a_forced_door_that_stays_open_is_held_too() -> None:
    door = Door()
    door.open()
    door.wait(MAY_BE_OPEN_S + 1)
    assert door.what == [FORCED, HELD]


@pytest.mark.parametrize("shut", [True, False])
def test_what_the_broker_kept_forces_nothing_but_an_open_door_is_held(shut: bool) -> None:
    door = Door(shut=shut)
    door.wait(60)
    door.open(retained=True)
    door.wait(10)
    assert door.told == []
    door.wait(MAY_BE_OPEN_S)
    assert door.what == [HELD]


def test_a_contact_heard_of_for_the_first_time_as_open_was_not_opened_now() -> None:
    door = Door(shut=False)
    door.open()
    door.wait(10)
    assert door.told == []


_STEPS = st.lists(
    st.one_of(st.sampled_from(["unlock", "open", "kept", "shut"]), st.floats(0.1, 40)), min_size=1, max_size=30
)


@given(_STEPS)
def test_whatever_happens_what_is_held_ends_once_and_no_door_is_forced_that_was_never_shut(
    steps: list[str | float],
) -> None:
    door = Door(shut=False)
    was_shut = 0
    for step in steps:
        match step:
            case "unlock":
                door.unlock()
            case "open":
                door.open()
            case "kept":
                door.open(retained=True)
            case "shut":
                was_shut += door.state.open is not False
                door.shut()
            case float():
                door.wait(step)
    began = [news.happening for news in door.told if news.what is Happening.DOOR_HELD and news.until is None]
    ended = [news.happening for news in door.told if news.until is not None]
    assert ended == began[: len(ended)]
    assert len(began) - len(ended) in {0, 1}
    assert sum(news.what is Happening.DOOR_FORCED for news in door.told) <= was_shut
