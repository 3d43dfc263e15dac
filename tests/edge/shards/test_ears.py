"""An edge hears what a process says and waits for no disk: somebody at a gate waits for the next answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest

from core.contract.base import Message
from core.contract.config_scenes import Scenes
from core.contract.events import PictureV1
from core.contract.ids import CameraId
from edge.aside import Aside
from edge.capture.glance import Glance
from edge.checkpoint.controllers import utc_now
from edge.checkpoint.post import Books
from edge.health import Counters
from edge.shards.ears import Desk, Ears
from edge.shards.far_video import FarVideo
from edge.shards.limits import Limits
from edge.shards.messages import Answer, Downward, Glanced, MayRun, PictureMade
from edge.shards.told_scenes import ToldScenes
from tests.edge.link.parts import until
from tests.edge.shards.test_answers import Known
from tests.edge.shards.test_far_video import Kept
from tests.edge.test_outbox import passage

CAMERA = CameraId("cam")


class SlowOutbox:
    """Writes nothing down until the disk is there."""

    def __init__(self) -> None:
        self.disk_is_there = threading.Event()
        self.written: list[Message] = []

    def append(self, message: Message, occurred_at: datetime) -> None:
        assert self.disk_is_there.wait(10.0)
        self.written.append(message)


class Edge:
    """What it hears, with its disk, and what it says."""

    def __init__(self) -> None:
        self.counters, self.outbox = Counters(), SlowOutbox()
        self.pictures = Aside("pictures", 1, self.counters)
        self.pictures.start()
        books = Books(self.outbox, self.pictures, None, self.counters, None)  # type: ignore[arg-type]
        self.glances: list[Glance] = []
        self.said: list[Downward] = []
        desk = Desk(
            Known(),  # type: ignore[arg-type]
            4,
            books,
            FarVideo(Kept(), self.counters),
            lambda _, glance: self.glances.append(glance),
            books.write,
        )
        scenes = ToldScenes((CAMERA,), Scenes(), desk.scene, self.pictures, self.counters)
        limits = Limits((CAMERA,), 1, self.counters)
        self.ears = Ears((CAMERA,), {}, desk, limits, self.said.append, scenes=scenes)


@pytest.fixture
def edge() -> Iterator[Edge]:
    made = Edge()
    yield made
    made.outbox.disk_is_there.set()
    made.pictures.stop(5.0)


def test_a_question_is_answered_while_a_picture_waits_for_the_disk(edge: Edge) -> None:
    shown = passage().model_copy(update={"picture": passage().passage_id})
    assert edge.ears._wanted.begin(1, shown)
    edge.ears.hear(PictureMade(picture=1, width_px=8, height_px=8, faces_blurred=0), b"jpeg")
    edge.ears.hear(MayRun(number=7), b"")
    assert edge.said == [Answer(number=7, yes=True)]
    assert edge.outbox.written == []
    edge.outbox.disk_is_there.set()
    until(lambda: edge.outbox.written, "written")
    assert isinstance(edge.outbox.written[0], PictureV1)


def test_a_glance_is_of_now(edge: Edge) -> None:
    said = Glanced(camera=CAMERA, at_s=0.0, at=utc_now(), width=2, height=1)
    luma = np.zeros((1, 2), np.uint8).tobytes()
    now_s = time.monotonic()
    edge.ears.hear(said.model_copy(update={"at_s": now_s}), luma)
    for wrong in (
        {"at_s": now_s + 1e6},
        {"at_s": now_s - 1e6},
        {"at_s": now_s, "at": said.at - timedelta(days=400)},
        {"at_s": now_s, "at": said.at + timedelta(days=400)},
    ):
        edge.ears.hear(said.model_copy(update=wrong), luma)
    assert [glance.at_s for glance in edge.glances] == [now_s]
