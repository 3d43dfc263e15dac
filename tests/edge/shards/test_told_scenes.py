"""A process tells of its own cameras' places, of now, and of nothing else; nobody waits until it is written down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.contract.base import Message
from core.contract.config_scenes import Scenes
from core.contract.events_scenes import CountsV1, Happening, HappeningV1, LineCount, Phase
from core.contract.ids import CameraId, CheckpointId, HappeningId, PlaceId, new_id
from core.contract.vocabulary import BodyKind
from edge.aside import Aside
from edge.health import Counters
from edge.shards.excerpt import scenes_of
from edge.shards.messages import GarbageError, SceneTold
from edge.shards.told_scenes import ToldScenes
from tests.edge.link.parts import until

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
YARD, STREET = CameraId("yard"), CameraId("street")
NAME = {"zh": "处", "en": "Place"}
LINE, ZONE = [[0.5, 0.0], [0.5, 1.0]], [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]


def place(camera: CameraId, name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"{camera}-{name}", "camera": camera, "name": NAME, **more}


SCENES = Scenes.model_validate(
    {
        "one_way_lines": [place(one, "way", line=LINE) for one in (YARD, STREET)],
        "fire_lanes": [place(one, "lane", zone=ZONE) for one in (YARD, STREET)],
        "counting_lines": [place(one, "line", line=LINE) for one in (YARD, STREET)],
    }
)


class Desk:
    """A shard that watches the yard, and what was written down of it."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.written: list[tuple[Message, datetime]] = []
        self.disk_is_there = threading.Event()
        self.disk_is_there.set()
        self.aside = Aside("scenes", 2, self.counters)
        self.aside.start()
        scenes = scenes_of(SCENES, (YARD,))
        self.told = ToldScenes((YARD,), scenes, self._write, self.aside, self.counters, wall_clock=lambda: NOW)

    def _write(self, message: Message, at: datetime) -> None:
        assert self.disk_is_there.wait(10.0)
        self.written.append((message, at))

    def hear(self, message: HappeningV1 | CountsV1) -> None:
        happening = message if isinstance(message, HappeningV1) else None
        counts = message if isinstance(message, CountsV1) else None
        said = SceneTold(happening=happening, counts=counts, occurred_at=datetime(1999, 1, 1, tzinfo=UTC))
        self.told.tell(self.told.check(said))


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.disk_is_there.set()
    made.aside.stop(5.0)


def wrong_way(**more: Any) -> HappeningV1:
    said = {
        "happening_id": new_id(),
        "what": Happening.WRONG_WAY,
        "phase": Phase.AT_ONCE,
        "occurred_at": NOW,
        "camera": YARD,
        "place": "yard-way",
        "body": BodyKind.VEHICLE,
    }
    return HappeningV1.model_validate(said | more)


def standing(phase: Phase, happening: str, **more: Any) -> HappeningV1:
    said = {"happening_id": happening, "what": Happening.VEHICLE_STANDING, "phase": phase, "place": "yard-lane"}
    return wrong_way(**(said | more))


def counts(**more: Any) -> CountsV1:
    line = LineCount(place=PlaceId("yard-line"), body=BodyKind.PERSON, forward=1, backward=0)
    said = {"camera": YARD, "since": NOW - timedelta(minutes=5), "until": NOW, "lines": (line,)}
    return CountsV1.model_validate(said | more)


def test_what_its_cameras_watch_is_written_down_with_the_time_that_it_says_itself(desk: Desk) -> None:
    began, stood, left = new_id(), NOW - timedelta(minutes=3), NOW - timedelta(seconds=5)
    told = [wrong_way(), standing(Phase.BEGAN, began, occurred_at=stood)]
    for message in told:
        desk.hear(message)
    until(lambda: len(desk.written) == 2, "written")
    desk.hear(standing(Phase.ENDED, began, occurred_at=stood - timedelta(minutes=9), ended_at=left))
    until(lambda: len(desk.written) == 3, "written")
    desk.hear(counts())
    until(lambda: len(desk.written) == 4, "written")
    assert [at for _, at in desk.written] == [NOW, stood, left, NOW]
    ended = desk.written[2][0]
    assert isinstance(ended, HappeningV1)
    assert ended.occurred_at == stood, "as it began, whatever is said later"


@pytest.mark.parametrize(
    "message",
    [
        wrong_way(what=Happening.DOOR_FORCED, checkpoint=CheckpointId("door"), place=None, body=None),
        wrong_way(place="street-way"),
        wrong_way(place="yard-lane"),
        wrong_way(checkpoint=CheckpointId("door")),
        wrong_way(body=BodyKind.PERSON),
        wrong_way(camera=STREET, place="street-way"),
        standing(Phase.BEGAN, new_id(), place="street-lane"),
        counts(lines=(LineCount(place=PlaceId("street-line"), body=BodyKind.PERSON, forward=1, backward=0),)),
    ],
    ids=["a door", "another's way", "no way", "a checkpoint", "a body", "a camera", "another's lane", "another's line"],
)
def test_what_its_cameras_do_not_watch_is_garbage(desk: Desk, message: HappeningV1 | CountsV1) -> None:
    with pytest.raises(GarbageError):
        desk.hear(message)


def test_what_is_of_another_time_is_dropped_and_so_is_the_end_of_what_never_began(desk: Desk) -> None:
    year = timedelta(days=365)
    desk.hear(wrong_way(occurred_at=NOW - year))
    desk.hear(wrong_way(occurred_at=NOW + year))
    desk.hear(standing(Phase.BEGAN, new_id(), occurred_at=NOW - year))
    desk.hear(standing(Phase.ENDED, new_id(), ended_at=NOW))
    desk.hear(counts(since=NOW - year))
    desk.hear(counts(until=NOW + year))
    assert desk.counters.snapshot() == {"scene_events_dropped": 6}


def test_what_began_ends_once(desk: Desk) -> None:
    began = HappeningId(new_id())
    desk.hear(standing(Phase.BEGAN, began))
    until(lambda: len(desk.written) == 1, "written")
    desk.hear(standing(Phase.BEGAN, began))
    desk.hear(standing(Phase.ENDED, began, ended_at=NOW))
    desk.hear(standing(Phase.ENDED, began, ended_at=NOW))
    until(lambda: len(desk.written) == 2, "written")
    assert desk.counters.snapshot() == {"scene_events_dropped": 2}


def test_who_hears_it_does_not_wait_for_a_disk_and_what_is_too_much_is_dropped(desk: Desk) -> None:
    desk.disk_is_there.clear()
    for _ in range(10):
        desk.hear(wrong_way())
    assert desk.written == []
    assert desk.counters.snapshot()["scene_events_dropped"] >= 7
