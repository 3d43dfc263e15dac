"""What people and cameras bring about is allowed; what only a process gone wrong can ask or tell is not."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from core.contract.config_scenes import Scenes
from core.contract.ids import CameraId, ClipId, new_id
from edge.aside import Aside
from edge.checkpoint.post import Books
from edge.health import Counters
from edge.shards.ears import Desk, Ears
from edge.shards.far_video import FarVideo, _Waiting
from edge.shards.limits import LIMITS, Kind, Limits
from edge.shards.messages import ClipPart, GarbageError, ViewPart
from edge.shards.told_scenes import ToldScenes
from tests.edge.shards.test_answers import Clock, Known
from tests.edge.shards.test_far_video import Kept

CAMERA = CameraId("cam")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def limits(clock: Clock, counters: Counters) -> Limits:
    return Limits(("gate", "door"), 4, counters, clock=clock)


@pytest.mark.parametrize("kind", Kind)
def test_each_place_has_its_own_limit_which_comes_back_with_time(limits: Limits, clock: Clock, kind: Kind) -> None:
    at_once, a_second = LIMITS[kind]
    assert sum(limits.allows(kind, "gate") for _ in range(200)) == at_once
    assert limits.allows(kind, "door")
    clock.now_s += 1.0
    assert sum(limits.allows(kind, "gate") for _ in range(200)) == a_second
    clock.now_s += 10_000.0
    assert sum(limits.allows(kind, "gate") for _ in range(200)) == at_once


def test_what_goes_beyond_is_counted_each_time_and_told_once_a_minute(
    limits: Limits, clock: Clock, counters: Counters
) -> None:
    with capture_logs() as logs:
        for _ in range(100):
            limits.allows(Kind.SEARCH, "gate")
        clock.now_s += 61.0
        for _ in range(100):
            limits.allows(Kind.SEARCH, "gate")
    assert [(one["event"], one["what"], one["where"]) for one in logs] == [("shard.limit_met", "search", "gate")] * 2
    assert counters.snapshot()["shard_limits_met"] == 2 * (100 - LIMITS[Kind.SEARCH][0])


def test_busy_cameras_are_no_flood(limits: Limits, clock: Clock) -> None:
    """Four cameras for ten minutes: twelve pictures a second with four questions each, glances, four live views."""
    for _ in range(600):
        for _ in range(4 * 12 * 4):
            limits.heard(0)
        for _ in range(4):
            limits.heard(320 * 180)
        for _ in range(4 * 12):
            limits.heard(80_000)
        clock.now_s += 1.0


def test_sixteen_live_views_and_a_burst_of_clips_are_no_flood(limits: Limits, clock: Clock, counters: Counters) -> None:
    known = Known()
    books = Books(None, Aside("pictures", 1, counters), None, counters, None)  # type: ignore[arg-type]
    desk = Desk(known, 4, books, FarVideo(Kept(), counters), lambda *_: None, lambda *_: None)  # type: ignore[arg-type]
    scenes = ToldScenes((CAMERA,), Scenes(), desk.scene, Aside("scenes", 1, counters), counters)
    ears = Ears((CAMERA,), {}, desk, limits, lambda _: None, scenes=scenes)
    with pytest.raises(GarbageError, match="nobody asked for"):
        ears.hear(ViewPart(view=1), b"")
    part = bytes(180_000)
    for _ in range(60):
        for view in range(16 * 11):
            ears._video._views[view] = _Waiting()
            ears.hear(ViewPart(view=view), part)
        clock.now_s += 1.0
    for _ in range(8):
        clip = ClipId(new_id())
        ears._video.want_clip(clip, CAMERA, 1.0)
        for count in range(64):
            ears.hear(ClipPart(clip=clip, mime="video/mp4", last=count == 63), part)


@pytest.mark.parametrize("size", [0, 16_000_000])
def test_a_flood_ends_it(limits: Limits, size: int) -> None:
    def flood() -> None:
        for _ in range(10_000):
            limits.heard(size)

    with pytest.raises(GarbageError, match="more than its cameras"):
        flood()
