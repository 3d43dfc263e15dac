"""A camera's places, watched: what a script lets happen is told, as often as it happens and no oftener."""

from __future__ import annotations

import ast
from collections import Counter
from datetime import timedelta
from pathlib import Path

import edge.scenes
import edge.vision.bodies
from core.contract.events_scenes import CountsV1, Happening, HappeningV1, Phase
from core.contract.ids import CameraId
from core.contract.vocabulary import BodyKind
from edge.scenes.events import SceneEvent
from edge.scenes.watcher import FPS, SceneWatcher
from tests.edge.scenes.parts import START, Script, ScriptedBodies, car, person, picture, scenes


class Watched:
    """A watcher and what it told."""

    def __init__(self) -> None:
        self.detector = ScriptedBodies()
        self.watcher = SceneWatcher(CameraId("yard"), scenes(), self.detector, START)
        self.at_s = 0.0
        self.told: list[SceneEvent] = []

    def run(self, seconds: float, script: Script, fps: float = 12.0) -> None:
        """Show pictures for ``seconds``; the script's time begins at 0."""
        for number in range(round(seconds * fps)):
            self.detector.things = script(number / fps)
            self.told += self.watcher.look(picture(self.at_s))
            self.at_s += 1 / fps

    def wait(self, seconds: int) -> None:
        """Nothing moves: the camera gives no pictures."""
        for _ in range(seconds):
            self.at_s += 1
            self.told += self.watcher.due(self.at_s, START + timedelta(seconds=self.at_s))

    @property
    def happenings(self) -> list[HappeningV1]:
        return [event.message for event in self.told if isinstance(event.message, HappeningV1)]

    @property
    def over_the_path(self) -> Counter[tuple[BodyKind, str]]:
        total: Counter[tuple[BodyKind, str]] = Counter()
        for event in self.told:
            if isinstance(event.message, CountsV1):
                for line in event.message.lines:
                    total[line.body, "forward"] += line.forward
                    total[line.body, "backward"] += line.backward
        return +total


def test_everybody_over_the_line_is_counted_whatever_they_do_after() -> None:
    yard = Watched()
    for _ in range(3):
        yard.run(6, lambda t: [person(0.3, 0.35 + 0.05 * t), person(0.5, 0.35 + 0.05 * t)])
        yard.run(2, lambda _: [])
    yard.run(6, lambda t: [person(0.3, 0.65 - 0.05 * t)])
    yard.run(3, lambda t: [car(0.3, 0.4 + 0.1 * t)])
    yard.wait(70)
    assert yard.over_the_path == {
        (BodyKind.PERSON, "forward"): 6,
        (BodyKind.PERSON, "backward"): 1,
        (BodyKind.VEHICLE, "forward"): 1,
    }


def test_a_car_against_the_one_way_line_is_told_once_with_its_lane() -> None:
    yard = Watched()
    yard.run(4, lambda t: [car(0.82, 0.7 - 0.12 * t)])
    (told,) = yard.happenings
    assert (told.what, told.phase, told.place, told.checkpoint) == (
        Happening.WRONG_WAY,
        Phase.AT_ONCE,
        "exit",
        "lane",
    )


def test_a_car_the_right_way_and_somebody_on_foot_the_other_are_nobodys_business() -> None:
    yard = Watched()
    yard.run(4, lambda t: [car(0.82, 0.25 + 0.12 * t)])
    yard.run(3, lambda _: [])
    yard.run(6, lambda t: [person(0.82, 0.6 - 0.06 * t)])
    assert yard.happenings == []


def test_a_car_that_parks_in_the_fire_lane_is_told_though_nothing_moves_any_more() -> None:
    yard = Watched()
    yard.run(5, lambda _: [car(0.2, 0.9)])
    yard.run(5, lambda t: [car(0.2, 0.9), car(0.75 - 0.02 * min(t, 3), 0.95)])
    assert yard.happenings == []
    yard.wait(40)
    yard.run(12, lambda _: [car(0.2, 0.9)])
    was_there, began, ended = yard.happenings
    assert [one.what for one in yard.happenings] == [Happening.VEHICLE_STANDING] * 3
    assert [one.phase for one in yard.happenings] == [Phase.BEGAN, Phase.BEGAN, Phase.ENDED]
    assert began.happening_id == ended.happening_id != was_there.happening_id
    assert began.occurred_at - was_there.occurred_at >= timedelta(seconds=5)
    assert began.place == "fire-lane"


def test_a_zone_tells_of_time_and_numbers_and_of_nobody() -> None:
    yard = Watched()
    yard.run(25, lambda _: [person(0.2, 0.35), person(0.3, 0.35)])
    yard.wait(60)
    (counts,) = [event.message for event in yard.told if isinstance(event.message, CountsV1)]
    (zone,) = counts.zones
    assert (zone.place, zone.most_at_once, zone.long_stays) == ("play", 2, 2)
    assert 48 <= zone.body_s <= 51


def test_bodies_are_looked_for_three_times_a_second_however_many_pictures_come() -> None:
    yard = Watched()
    yard.run(10, lambda _: [], fps=25)
    assert yard.detector.looks <= 10 * FPS + 1


def test_before_an_empty_yard_nothing_is_told() -> None:
    yard = Watched()
    yard.run(20, lambda _: [])
    yard.wait(300)
    assert yard.told == []


def test_no_module_of_the_scenes_can_reach_a_face_recogniser() -> None:
    modules = [*Path(edge.scenes.__path__[0]).glob("*.py"), Path(edge.vision.bodies.__file__ or "")]
    assert len(modules) > 8
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core.contract"):
                continue  # words and settings, nothing that looks
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            for name in names:
                assert not any(word in name.lower() for word in ("face", "embed", "gallery", "watchlists")), module
