"""An edge hears what one of its processes says, and does what follows."""

from __future__ import annotations

import base64
import functools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from core.contract.base import Message
from core.contract.events import PassageV1, PictureV1
from core.contract.events_cameras import CameraHealth
from core.contract.ids import CameraId, CheckpointId
from core.contract.vocabulary import CameraState
from edge.capture.glance import Glance
from edge.checkpoint.controllers import utc_now
from edge.checkpoint.post import Books, CheckpointPost
from edge.health import COUNTERS
from edge.ports import EdgeLists
from edge.shards.answers import Answers
from edge.shards.elsewhere import KeptElsewhere
from edge.shards.far_video import FarVideo
from edge.shards.limits import Kind, Limits
from edge.shards.messages import (
    ClipPart,
    Downward,
    GarbageError,
    Glanced,
    Observed,
    PictureMade,
    PictureWanted,
    Ready,
    Report,
    SceneTold,
    Upward,
    ViewPart,
    luma_in,
)
from edge.shards.observed import observation_of
from edge.shards.told_scenes import ToldScenes
from edge.shards.wanted import WantedPictures

log = structlog.get_logger()

Say = Callable[[Downward], None]
"""Raises WireError."""
_CLOCKS_APART_S, _LATEST_S = 60.0, 3600.0
"""How much earlier, and later, a glance may come than the stream it is of says: a clock that is set moves both."""
_COUNTED_HERE = {"clips_kept"}
"""What only the edge knows to have come about."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where what a process says goes. see, scene: as the edge does with what its own threads see; scene may wait."""

    lists: EdgeLists
    dimension: int
    books: Books
    video: FarVideo
    see: Callable[[CameraId, Glance], None]
    scene: Callable[[Message, datetime], None]


class Ears:
    """Of one process while it lives. ``hear`` from one thread, and it waits for no disk: gates wait for its answers.

    What is asked of it, from any thread.
    """

    def __init__(
        self,
        cameras: Sequence[CameraId],
        posts: Mapping[CheckpointId, CheckpointPost],
        desk: Desk,
        limits: Limits,
        say: Say,
        *,
        scenes: ToldScenes,
    ) -> None:
        """posts: of the checkpoints of ``cameras``; scenes: what they tell of their places; say: from any thread."""
        self._cameras = frozenset(cameras)
        self._posts = posts
        self._told_scenes = scenes
        self._desk = desk
        self._limits = limits
        self._say = say
        kinds = {checkpoint: post.checkpoint.kind for checkpoint, post in posts.items()}
        self._answers = Answers(desk.lists, kinds, desk.dimension, limits, wall_clock=utc_now)
        self._video = desk.video.begin(cameras, say)
        self._wanted = WantedPictures(desk.books.counters)
        self._healths: dict[CameraId, CameraHealth] = {}
        self._scenes: dict[str, int] = {}
        self._told: Counter[str] = Counter()
        self.reported_s: float | None = None
        """When it last said how it is, monotonic."""

    def hear(self, message: Upward, blob: bytes) -> None:
        """Do what follows. Raises GarbageError for what no sound process says; WireError."""
        if not isinstance(message, ViewPart):  # each answers a question of the edge's own, or is garbage
            self._limits.heard(0 if isinstance(message, ClipPart) else len(blob))
        match message:
            case Observed():
                self._observed(message, blob)
            case Glanced():
                self._see(message, blob)
            case PictureMade():
                self._write_picture(message, blob)
            case SceneTold():
                self._tell_scene(message)
            case ViewPart():
                self._video.heard_view(message, blob)
            case ClipPart():
                self._video.heard_clip(message, blob)
            case Report():
                self._note(message)
            case Ready():
                raise GarbageError("it began before")
            case _:
                self._say(self._answers.answer(message, blob))

    def end(self) -> None:
        """The process has ended: nobody waits for it any more."""
        self._video.end()

    def health(self, camera: CameraId) -> CameraHealth:
        """How ``camera`` is, as the process last said."""
        return self._healths.get(camera, CameraHealth(camera=camera, state=CameraState.CONNECTING))

    @property
    def scene_counts(self) -> dict[str, int]:
        return self._scenes

    def _observed(self, said: Observed, blob: bytes) -> None:
        post = self._posts.get(said.checkpoint)
        if post is None:
            raise GarbageError("seen at a checkpoint that is not looked at there")
        if not self._limits.allows(Kind.OBSERVATION, said.checkpoint):
            return

        def ask(number: int, passage: PassageV1) -> bool:
            if not self._wanted.begin(number, passage):
                return False
            self._say(PictureWanted(picture=number))
            return True

        picture = None if said.picture is None else KeptElsewhere(said.picture, ask)
        observation = observation_of(
            said,
            blob,
            post.checkpoint,
            answers=self._answers,
            lists=self._desk.lists,
            picture=picture,
            now=utc_now(),
            now_s=time.monotonic(),
        )
        try:
            post.handle(observation)
        finally:
            observation.forget()

    def _see(self, said: Glanced, blob: bytes) -> None:
        if said.camera not in self._cameras:
            raise GarbageError("a glance through a camera that is not its own")
        late_s, late = time.monotonic() - said.at_s, utc_now() - said.at
        if not -_CLOCKS_APART_S <= late_s <= _LATEST_S or abs(late.total_seconds()) > _LATEST_S:
            return
        self._desk.see(said.camera, Glance(luma_in(blob, said), said.at_s, said.at, said.camera_clock))

    def _write_picture(self, said: PictureMade, blob: bytes) -> None:
        passage = self._wanted.take(said.picture)
        if passage is None or passage.picture is None:
            return
        if not blob:
            self._desk.books.counters.add("pictures_skipped")
            return
        picture = PictureV1(
            picture_id=passage.picture,
            passage_id=passage.passage_id,
            checkpoint=passage.checkpoint,
            taken_at=passage.occurred_at,
            width_px=said.width_px,
            height_px=said.height_px,
            faces_blurred=said.faces_blurred,
            jpeg_base64=base64.b64encode(blob).decode(),
        )
        books = self._desk.books
        if not books.pictures.submit(functools.partial(books.write, picture, passage.occurred_at)):
            books.counters.add("pictures_skipped")

    def _tell_scene(self, said: SceneTold) -> None:
        told = self._told_scenes.check(said)
        if self._limits.allows(Kind.SCENE, told.camera):
            self._told_scenes.tell(told)

    def _note(self, report: Report) -> None:
        """Keep how it is. What only the edge can say of a camera is the edge's to say."""
        now_s = time.monotonic()
        own = {"conditions": (), "blind": False, "blind_checkpoints": ()}
        self._healths = {
            one.camera: one.model_copy(update=own) for one in report.cameras if one.camera in self._cameras
        }
        for checkpoint, counted in report.watched.items():
            if checkpoint in self._posts:
                self._posts[checkpoint].counted = dict(counted)
        scenes = {f"{camera}.scenes" for camera in self._cameras}
        self._scenes = {name: count for name, count in report.scenes.items() if name.rpartition(".")[0] in scenes}
        for name in COUNTERS.keys() & report.counters.keys() - _COUNTED_HERE:
            more = report.counters[name] - self._told[name]
            if more > 0:
                self._told[name] += more
                self._desk.books.counters.add(name, more)
        self.reported_s = now_s
