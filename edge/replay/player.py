"""A clip in a camera's place: its pictures go the way a live camera's go, and what is told of them is kept.

Posts, watchers, decisions and gates are those of a running edge. Only the ends differ: packets come from a file, what
would be sent stays in memory, and nothing is written anywhere. Time is the clip's own, so that a replay at any speed
comes to the same: a door that is held for three seconds is held for three seconds of the clip.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.contract.base import Message
from core.contract.config import Door, FaceGate, PlateLane
from core.contract.events import PassageV1
from core.contract.events_scenes import HappeningV1
from core.contract.ids import CheckpointId
from edge.aside import Aside, Job
from edge.assembly import Models, make_watcher
from edge.capture.picture import Picture
from edge.checkpoint.controllers import SimulatedGate
from edge.checkpoint.post import Books, CheckpointPost
from edge.checkpoint.rounds import Station
from edge.health import Counters
from edge.ports import EdgeLists
from edge.replay.clock import ReplayClock
from edge.replay.notes import Notes
from edge.replay.score import Told
from edge.scenes.post import SceneDesk, ScenePost

_KEEP_TIME_S = 1.0
AnyCheckpoint = FaceGate | Door | PlateLane


class NotWatchedError(Exception):
    """A checkpoint can't be watched on this machine. The text says what is missing."""


class AtOnce(Aside):
    """Does every job in the thread that asks for it."""

    def __init__(self) -> None:
        """No thread, no queue."""

    def start(self) -> None:
        """Nothing to start."""

    def submit(self, job: Job) -> bool:
        job()
        return True

    def stop(self, timeout_s: float) -> None:
        """Nothing waits."""


class _Dropping(AtOnce):
    """Pictures of a replay are not kept."""

    def submit(self, job: Job) -> bool:  # noqa: ARG002
        return True


@dataclass(slots=True)
class Recording:
    """An outbox in memory: what an edge would have sent, in order."""

    messages: list[Message] = field(default_factory=list)

    def append(self, message: Message, occurred_at: datetime) -> None:  # noqa: ARG002
        self.messages.append(message)

    @property
    def passages(self) -> tuple[PassageV1, ...]:
        return tuple(one for one in self.messages if isinstance(one, PassageV1))


class ClipPictures(Protocol):
    """The clip as `edge.checkpoint.rounds` sees a camera's stream, played step by step."""

    def advance(self) -> bool:
        """Take in the clip's next packets, moving its clock; False at its end."""
        ...

    def waiting(self) -> int: ...

    def take(self, timeout_s: float) -> Picture | None: ...

    def want(self, fps: float) -> None: ...

    def set_in_pass(self, in_pass: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Happened:
    """at_s: seconds from the clip's first frame; where: a place's or a checkpoint's id."""

    at_s: float
    what: str
    phase: str
    where: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it. counts: of each checkpoint's watcher; spent_s: what the replay took on this machine."""

    passages: tuple[PassageV1, ...]
    messages: tuple[Message, ...]
    notes: dict[CheckpointId, Notes]
    counts: dict[CheckpointId, dict[str, int]]
    counters: dict[str, int]
    clock: ReplayClock
    spent_s: float

    @property
    def told(self) -> tuple[Told, ...]:
        return tuple(told_of(passage, self.clock) for passage in self.passages)

    @property
    def happenings(self) -> tuple[Happened, ...]:
        """What happened at lines, lanes, zones and doors beside the passages, in order."""
        found = [one for one in self.messages if isinstance(one, HappeningV1)]
        return tuple(
            Happened(round(self.clock.of(one.ended_at or one.occurred_at), 3), one.what.value, one.phase.value, where)
            for one in found
            for where in [str(one.place or one.checkpoint)]
        )


def told_of(passage: PassageV1, clock: ReplayClock) -> Told:
    """``passage`` on the clip's own time."""
    return Told(
        at_s=round(clock.of(passage.occurred_at), 3),
        checkpoint=passage.checkpoint,
        credential=passage.credential,
        verdict=passage.verdict,
        reason=passage.reason,
        subject=passage.subject,
        plate=None if passage.plate is None else passage.plate.text,
        recognised=passage.subject is not None,
    )


def play(
    pictures: ClipPictures,
    clock: ReplayClock,
    checkpoints: Sequence[AnyCheckpoint],
    models: Models,
    lists: EdgeLists,
    *,
    pace: Callable[[float], None] | None = None,
    notes: dict[CheckpointId, Notes] | None = None,
    scenes: ScenePost | None = None,
) -> Replayed:
    """Play the clip to its end.

    scenes: the lines, lanes and zones of the camera, where it has any. pace: called after each step with how far the
    clip has come, to wait for real time. notes: those to write into, where the caller's lists do too.
    Raises NotWatchedError when the models for a checkpoint are missing.
    """
    counters, outbox = Counters(), Recording()
    heard = notes if notes is not None else {one.id: Notes(clock) for one in checkpoints}
    books = Books(outbox, _Dropping(), models.faces, counters)
    posts = tuple(_post(one, models, lists, books, clock, notes=heard[one.id]) for one in checkpoints)
    station = Station(pictures, posts, scenes)
    desk = SceneDesk([] if scenes is None else [scenes], [], outbox.append)
    began_s, kept_s = time.perf_counter(), 0.0
    while pictures.advance():
        if pace is not None:
            pace(clock.clip_s)
        _look(station)
        desk.tell()
        if clock.clip_s - kept_s >= _KEEP_TIME_S:
            kept_s = clock.clip_s
            desk.keep_time(clock.monotonic(), clock.wall(), lambda _camera: True)
    _look(station)
    desk.finish(clock.wall())
    return Replayed(
        passages=outbox.passages,
        messages=tuple(outbox.messages),
        notes=heard,
        counts={post.checkpoint.id: post.counted for post in posts},
        counters=counters.snapshot(),
        clock=clock,
        spent_s=time.perf_counter() - began_s,
    )


def _look(station: Station) -> None:
    while station.look():
        continue


def _post(
    checkpoint: AnyCheckpoint, models: Models, lists: EdgeLists, books: Books, clock: ReplayClock, *, notes: Notes
) -> CheckpointPost:
    watcher = make_watcher(checkpoint, models, lists)
    if watcher is None:
        raise NotWatchedError(f"checkpoint {checkpoint.id}: {models.why_no_plates}")
    watcher.counts.trace = notes
    hold_s = checkpoint.controller.hold_s
    gate = SimulatedGate(checkpoint.id, hold_s, lambda _state: None, clock=clock.monotonic, wall_clock=clock.wall)
    return CheckpointPost(
        checkpoint,
        watcher,
        gate,
        lists,
        books,
        cases=lists,
        wall_clock=clock.wall,
        clock=clock.monotonic,
        doer=AtOnce(),
    )


def real_time(started_s: float) -> Callable[[float], None]:
    """A pace that plays as fast as the clip was filmed; ``started_s``: ``time.monotonic`` at its first frame."""

    def wait(clip_s: float) -> None:
        ahead_s = started_s + clip_s - time.monotonic()
        if ahead_s > 0:
            time.sleep(ahead_s)

    return wait
