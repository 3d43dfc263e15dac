"""Cameras that something is the matter with, as real encoded streams; and one with which nothing is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from core.contract.events_cameras import CameraConditionV1
from core.contract.vocabulary import CameraCondition
from demo.draw.canvas import Picture
from tests.support.ailing import (
    EVERY_S,
    NOON,
    Scene,
    covered,
    encode,
    going_wrong,
    half_covered,
    infrared,
    lights_out,
    ordinary_day,
    sensor,
    told,
    unfocused,
    view,
    with_clock,
)

DARK, BLOCKED, UNFOCUSED = CameraCondition.DARK, CameraCondition.BLOCKED, CameraCondition.UNFOCUSED
MOVED, FROZEN = CameraCondition.MOVED, CameraCondition.FROZEN
WELL_S = 80


def summary(changes: Iterable[CameraConditionV1]) -> list[tuple[CameraCondition, float, float | None, bool]]:
    """(condition, since, until, blind), times in seconds of the stream."""
    return [
        (
            one.condition,
            (one.since - NOON).total_seconds(),
            None if one.until is None else (one.until - NOON).total_seconds(),
            one.blind,
        )
        for one in changes
    ]


def turned_away(place: str, **how: object) -> Scene:
    picture = view(place, **how)  # type: ignore[arg-type]
    return lambda _picture, _second: picture


AILMENTS: list[tuple[str, str, Scene, CameraCondition, bool]] = [
    ("the light is off", "door", lambda picture, _: lights_out(picture), DARK, True),
    ("a hand before the lens", "gate", lambda picture, _: covered(picture, "hand"), BLOCKED, True),
    ("a bag over it", "lane", lambda picture, _: covered(picture, "bag"), BLOCKED, True),
    ("sprayed at", "yard", lambda picture, _: covered(picture, "spray"), BLOCKED, True),
    ("a bag over it at night", "gate", lambda picture, _: covered(infrared(picture), "bag"), BLOCKED, True),
    ("a little out of focus", "lane", lambda picture, _: unfocused(picture, 1.5), UNFOCUSED, False),
    ("quite out of focus", "door", lambda picture, _: unfocused(picture, 3.0), UNFOCUSED, True),
    ("nudged", "lane", turned_away("lane", moved=(0.04, 0.0)), MOVED, False),
    ("turned", "gate", turned_away("gate", moved=(0.1, -0.06)), MOVED, True),
    ("knocked askew", "yard", turned_away("yard", roll_deg=6.0), MOVED, False),
]


@pytest.mark.parametrize(("name", "place", "ailment", "condition", "blind"), AILMENTS, ids=[one[0] for one in AILMENTS])
def test_what_is_the_matter_is_told_once_with_its_beginning_and_its_end(
    name: str, place: str, ailment: Scene, condition: CameraCondition, blind: bool, tmp_path: Path
) -> None:
    pictures = going_wrong(place, ailment, well_s=WELL_S, ailing_s=160, again_s=80)
    changes = told(encode(tmp_path / f"{name}.mp4", pictures))
    assert [one[0] for one in summary(changes)] == [condition, condition]
    [(_, since, _, is_blind), (_, same_since, until, still_blind)] = summary(changes)
    assert WELL_S <= since <= WELL_S + 10
    assert same_since == since
    assert until is not None
    assert WELL_S + 160 <= until <= WELL_S + 170
    assert (is_blind, still_blind) == (blind, False)
    assert changes[0].checkpoints == (("gate",) if blind else ())
    assert changes[0].detail.count(":") == 1  # what is seen: what to do


def test_a_camera_that_was_turned_says_where_it_looks(tmp_path: Path) -> None:
    turn = turned_away("door", moved=(-0.08, 0.05))
    [change] = told(encode(tmp_path / "turned.mp4", going_wrong("door", turn, well_s=WELL_S, ailing_s=80)))
    assert change.detail.startswith("the camera looks 8% farther to the left, 6% farther down:") or (
        change.detail.startswith("the camera looks 8% farther to the left, 5% farther down:")
    )


def test_a_camera_that_looks_elsewhere_altogether_is_told_when_no_lorry_would_stand_there_so_long(
    tmp_path: Path,
) -> None:
    elsewhere = turned_away("lane")
    changes = told(encode(tmp_path / "away.mp4", going_wrong("gate", elsewhere, well_s=WELL_S, ailing_s=320)))
    assert summary(changes) == [(MOVED, WELL_S, None, True)]


def test_a_leaf_on_the_lens_is_no_alarm(
    tmp_path: Path,
) -> None:
    half = going_wrong("gate", lambda picture, _: half_covered(picture), well_s=WELL_S, ailing_s=120)
    assert told(encode(tmp_path / "half.mp4", half)) == []


@pytest.mark.parametrize("clock", [False, True], ids=["bare", "with a burnt-in clock that goes on"])
@pytest.mark.parametrize("bit_rate", [None, 150_000], ids=["constant quality", "limited bit rate"])
def test_a_frozen_camera_is_told_from_a_quiet_night(clock: bool, bit_rate: int | None, tmp_path: Path) -> None:
    base = view("gate")
    stuck = sensor(base, 3.5)

    def pictures() -> Iterable[Picture]:
        for number in range(420):
            second = number * EVERY_S / 2
            picture = stuck if 160 <= second < 340 else sensor(base, second)
            yield with_clock(picture, int(second)) if clock else picture

    changes = summary(told(encode(tmp_path / "frozen.mp4", pictures(), gop=2, bit_rate=bit_rate)))
    [(condition, since, _, blind), (_, _, until, _)] = changes
    assert (condition, blind) == (FROZEN, True)
    assert until is not None
    assert 160 <= since <= 190
    assert 340 <= until <= 370


@pytest.mark.parametrize("clock", [False, True], ids=["bare", "with a burnt-in clock"])
def test_a_camera_without_noise_is_not_frozen_because_nothing_happens_for_ten_minutes(
    clock: bool, tmp_path: Path
) -> None:
    base = view("gate")
    pictures = (with_clock(base, second) if clock else base for second in range(0, 600, EVERY_S))
    assert told(encode(tmp_path / "clean.mp4", pictures)) == []


def test_nothing_is_told_of_an_ordinary_day(tmp_path: Path) -> None:
    assert told(encode(tmp_path / "day.mp4", ordinary_day("lane"))) == []
