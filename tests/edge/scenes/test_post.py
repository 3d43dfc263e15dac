"""What scenes and contacts tell is written down once, in order, and bounded; of a camera that is away nothing is."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.contract.base import Message
from core.contract.events_scenes import CountsV1, HappeningV1
from core.contract.ids import CameraId
from edge.capture.picture import Picture
from edge.health import Counters
from edge.scenes.events import SceneEvent
from edge.scenes.post import MAX_UNTOLD, SceneDesk, ScenePost
from edge.scenes.watcher import SceneWatcher
from tests.edge.scenes.parts import START, ScriptedBodies, car, person, picture, scenes


class Chatty:
    """A watcher that has something to tell at every look."""

    camera = CameraId("yard")
    wanted_fps = 3.0

    def __init__(self) -> None:
        self.looks = 0
        self.gone_s: list[float] = []

    def look(self, picture: Picture) -> list[SceneEvent]:
        self.looks += 1
        return [SceneEvent(counts(), START + timedelta(seconds=self.looks))]

    def due(self, at_s: float, at: datetime) -> list[SceneEvent]:
        return [SceneEvent(counts(), at)]

    def away(self, at_s: float, at: datetime) -> None:
        self.gone_s.append(at_s)

    def finish(self, at: datetime) -> list[SceneEvent]:
        return []

    def flat(self) -> dict[str, int]:
        return {"looks": self.looks, "bodies": 0}


def counts() -> CountsV1:
    return CountsV1(camera=CameraId("yard"), since=START, until=START + timedelta(minutes=1))


class Written(list[tuple[Message, datetime]]):
    def write(self, message: Message, at: datetime) -> None:
        self.append((message, at))


def test_what_was_seen_is_written_in_order_and_once() -> None:
    written, post = Written(), ScenePost(Chatty(), Counters())
    desk = SceneDesk([post], [], written.write)
    for number in range(3):
        post.look(picture(float(number)))
    desk.tell()
    desk.tell()
    assert [at for _, at in written] == [START + timedelta(seconds=number) for number in (1, 2, 3)]


def test_more_than_can_wait_is_dropped_oldest_first_and_counted() -> None:
    counters = Counters()
    post = ScenePost(Chatty(), counters)
    for number in range(MAX_UNTOLD + 7):
        post.look(picture(float(number)))
    waiting = post.take()
    assert len(waiting) == MAX_UNTOLD
    assert waiting[-1].occurred_at == START + timedelta(seconds=MAX_UNTOLD + 7)
    assert counters.snapshot() == {"scene_events_dropped": 7}


def test_time_goes_on_for_cameras_that_are_there_only() -> None:
    written, watcher = Written(), Chatty()
    desk = SceneDesk([ScenePost(watcher, Counters())], [], written.write)
    desk.keep_time(0.0, START, lambda _: False)
    assert written == []
    desk.keep_time(1.0, START, lambda _: True)
    assert len(written) == 1
    assert watcher.gone_s == [0.0], "it was told that the camera was away"


def test_a_vehicle_that_left_while_the_camera_was_away_is_not_told_when_it_is_back() -> None:
    written, detector = Written(), ScriptedBodies()
    post = ScenePost(SceneWatcher(CameraId("yard"), scenes(), detector, START), Counters())
    desk = SceneDesk([post], [], written.write)
    for number in range(60):
        detector.things = [car(0.82, 0.95)] if number > 12 else []
        post.look(picture(number / 3))
    for second in range(20, 200):
        desk.keep_time(float(second), START + timedelta(seconds=second), lambda _: False)
    desk.keep_time(200.0, START + timedelta(seconds=200), lambda _: True)
    assert [one for one, _ in written if isinstance(one, HappeningV1)] == []


def test_its_counts_name_the_camera_and_leave_out_zeros() -> None:
    post = ScenePost(Chatty(), Counters())
    post.look(picture(0.0))
    desk = SceneDesk([post], [], Written().write)
    assert desk.counts() == {"yard.scenes.looks": 1}
    assert desk.of(CameraId("yard")) is post
    assert desk.of(CameraId("gate")) is None


def test_an_edge_that_stops_tells_what_it_has_counted() -> None:
    written, detector = Written(), ScriptedBodies()
    post = ScenePost(SceneWatcher(CameraId("yard"), scenes(), detector, START), Counters())
    for number in range(30):
        detector.things = [person(0.3, 0.35 + 0.01 * number), car(0.82, 0.6 - 0.01 * number)]
        post.look(picture(number / 3))
    SceneDesk([post], [], written.write).finish(START + timedelta(seconds=20))
    kinds = [type(message) for message, _ in written]
    assert kinds == [HappeningV1, CountsV1]


class _HeldDoor:
    """A contact of a door that has been open for long."""

    def tick(self) -> list[SceneEvent]:
        return []

    def finish(self, at: datetime) -> list[SceneEvent]:
        return [SceneEvent(counts(), at)]


def test_an_edge_that_stops_has_contacts_end_what_lasts() -> None:
    written = Written()
    SceneDesk([], [_HeldDoor()], written.write).finish(START)
    assert [at for _, at in written] == [START]
