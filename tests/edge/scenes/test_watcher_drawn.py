"""The scenes with the real body detector, on a drawn yard: counts and happenings are those of the script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from core.contract.config_scenes import Scenes
from core.contract.events_scenes import CountsV1, Happening, HappeningV1, Phase
from core.contract.ids import CameraId
from core.contract.vocabulary import BodyKind
from demo.walkers import Key, Walker
from edge.scenes.events import SceneEvent
from edge.scenes.watcher import SceneWatcher
from models.protocols import BodyDetecting
from models.store import open_body_detector
from tests.edge.scenes.drawn import Car, looks, walker
from tests.edge.scenes.parts import START

NAME = {"zh": "处", "en": "place"}
AT = {"name": NAME, "camera": "yard"}


@pytest.fixture(scope="module")
def detector() -> BodyDetecting:
    return open_body_detector("nanodet-g")


def watched(
    detector: BodyDetecting, scenes: dict[str, object], things: Sequence[Walker | Car], frames: int
) -> list[SceneEvent]:
    watcher = SceneWatcher(CameraId("yard"), Scenes.model_validate({"counts_every_s": 60, **scenes}), detector, START)
    told = [event for picture in looks(things, frames) for event in watcher.look(picture)]
    return told + watcher.finish(START + timedelta(seconds=frames / 25 + 1))


def happenings(told: Sequence[SceneEvent]) -> list[HappeningV1]:
    return [event.message for event in told if isinstance(event.message, HappeningV1)]


def test_people_over_a_line_are_counted_as_the_script_sent_them(detector: BodyDetecting) -> None:
    line = {**AT, "id": "path", "line": [[0.5, 0.95], [0.5, 0.25]], "kinds": ["person"]}
    things = [
        walker(1, 0, (200, 0.8), (1080, 0.8)),
        walker(2, 20, (1100, 0.95), (180, 0.95)),
        walker(3, 60, (150, 1.0), (1120, 1.0)),
        walker(5, 90, (200, 0.7), (560, 0.7)),
        walker(6, 170, (1050, 0.85), (220, 0.85)),
        walker(7, 175, (240, 0.75), (1060, 0.78)),
    ]
    told = watched(detector, {"counting_lines": [line]}, things, 340)
    total: Counter[str] = Counter()
    for event in told:
        if isinstance(event.message, CountsV1):
            for count in event.message.lines:
                assert count.body is BodyKind.PERSON
                total["forward"] += count.forward
                total["backward"] += count.backward
    assert total == {"forward": 3, "backward": 2}


def test_a_car_the_wrong_way_is_told_and_one_the_right_way_is_not(detector: BodyDetecting) -> None:
    way = {**AT, "id": "exit", "line": [[0.5, 0.95], [0.5, 0.30]]}
    right = Car(1, [Key(0, 150, 1.0), Key(100, 1150, 1.0)])
    wrong = Car(2, [Key(150, 1150, 1.0), Key(250, 150, 1.0)])
    (told,) = happenings(watched(detector, {"one_way_lines": [way]}, [right, wrong], 270))
    assert (told.what, told.place, told.body) == (Happening.WRONG_WAY, "exit", BodyKind.VEHICLE)
    assert timedelta(seconds=7) < told.occurred_at - START < timedelta(seconds=9.5)


def test_a_car_that_comes_to_stand_in_the_fire_lane_is_told_and_so_is_the_one_that_was_there(
    detector: BodyDetecting,
) -> None:
    lane = {**AT, "id": "fire-lane", "zone": [[0, 0.4], [1, 0.4], [1, 1], [0, 1]], "standing_s": 10}
    always = Car(3, [Key(0, 260, 0.75), Key(1000, 260, 0.75)])
    comes = Car(4, [Key(150, 1250, 1.0), Key(210, 820, 1.0), Key(560, 820, 1.0), Key(620, 1250, 1.0)])
    passes = walker(4, 300, (1200, 1.0), (700, 1.0), 120)
    was_there, *told, still_there = happenings(watched(detector, {"fire_lanes": [lane]}, [always, comes, passes], 960))
    assert was_there.happening_id == still_there.happening_id
    assert was_there.occurred_at == START
    assert still_there.ended_at == START + timedelta(seconds=960 / 25 + 1), "when nobody looked any more"
    assert [(one.what, one.phase) for one in told] == [
        (Happening.VEHICLE_STANDING, Phase.BEGAN),
        (Happening.VEHICLE_STANDING, Phase.ENDED),
    ]
    assert told[0].happening_id == told[1].happening_id
    assert timedelta(seconds=7) < told[0].occurred_at - START < timedelta(seconds=11)
