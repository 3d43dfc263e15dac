"""One checkpoint at work: what its watcher sees is decided at once, the gate opened, and only then is it written down.

`CheckpointPost.look` runs in the vision thread and never waits for a gate, a disk or the broker: that is done beside
it, per checkpoint, in order. Pictures are blurred and packed last, in a thread all checkpoints share.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import structlog

from core.contract.base import Message
from core.contract.commands import COMMAND_LIFETIME_S
from core.contract.config import Door, FaceGate, PlateLane
from core.contract.events import PassageV1
from core.contract.ids import ClipId
from core.contract.vocabulary import GateState, Reason, Verdict
from edge.aside import Aside, Job
from edge.capture.picture import Picture
from edge.checkpoint.controllers import Controller
from edge.checkpoint.decide import Decision, decide
from edge.checkpoint.gate_counts import SuspicionLog
from edge.checkpoint.openings import Crossed, Openings, admitted, crossed
from edge.checkpoint.sightings import sighting_in
from edge.checkpoint.suspicions import tell_suspicions
from edge.checkpoint.watcher import Watcher, step_ms
from edge.evidence import Crossing, Evidence, Observation, PictureElsewhere
from edge.health import Counters
from edge.living import LivingThread
from edge.outbox import OutboxError
from edge.passage import decided_passage, followed_passage, picture_of
from edge.ports import CaseView, ClipKeeper, ListView, Outbox
from edge.vision.blur import PictureTooLargeError
from models.protocols import FaceDetecting
from models.types import Image, ModelInputError

log = structlog.get_logger()

MAX_WAITING = 32
"""Openings and passages of one checkpoint that may wait for its gate; more are written down without opening it."""


@dataclass(frozen=True, slots=True)
class Books:
    """Where every post writes what happened. clips: None where none are kept."""

    outbox: Outbox
    pictures: Aside
    detector: FaceDetecting
    counters: Counters
    clips: ClipKeeper | None = None

    def write(self, message: Message, occurred_at: datetime) -> None:
        """Keep an event. One that can't be kept is counted: nobody is kept out because a disk is full."""
        try:
            self.outbox.append(message, occurred_at)
        except OutboxError as error:
            self.counters.add("outbox_append_failed")
            log.warning("outbox.append_failed", event_type=type(message).__name__, problem=str(error))

    def write_picture(self, passage: PassageV1, picture: Image | PictureElsewhere) -> None:
        """Keep the passage's picture when there is time for it."""
        if isinstance(picture, np.ndarray):
            begun = self.pictures.submit(functools.partial(self._blur_and_write, passage, picture))
        else:
            begun = picture.send_for(passage)
        if not begun:
            self.counters.add("pictures_skipped")

    def keep_clip(self, passage: PassageV1, at_s: float) -> None:
        """Keep what was before and after a passage that somebody has to look at.

        None is kept for having been let in; one of who followed shows whoever was let in before, too.
        """
        if self.clips is not None and (passage.reason is Reason.FOLLOWED or passage.verdict is Verdict.ASK_GUARD):
            self.clips.keep(ClipId(passage.passage_id), passage.camera, at_s)

    def _blur_and_write(self, passage: PassageV1, image: Image) -> None:
        try:
            picture = picture_of(passage, image, self.detector)
        except (ModelInputError, PictureTooLargeError) as error:
            self.counters.add("pictures_not_blurred")
            log.warning("picture.not_kept", passage=passage.passage_id, problem=str(error))
            return
        self.write(picture, passage.occurred_at)


class CheckpointPost:
    """A checkpoint, its watcher and its gate."""

    def __init__(
        self,
        checkpoint: FaceGate | Door | PlateLane,
        watcher: Watcher,
        gate: Controller,
        lists: ListView,
        books: Books,
        *,
        cases: CaseView,
        wall_clock: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        doer: Aside | None = None,
    ) -> None:
        """clock: the one of the pictures' ``received_s``; doer: what opens the gate and writes, else a thread."""
        self.checkpoint = checkpoint
        self.watcher = watcher
        self.gate = gate
        self.counted: dict[str, int] = {}
        """What the watcher has counted, as of its last picture."""
        self._suspicions = SuspicionLog()
        self._lists = lists
        self._cases = cases
        self._books = books
        self._wall_clock = wall_clock
        self._clock = clock
        self._openings = Openings()
        self._doer = doer or Aside(f"gate-{checkpoint.id}", MAX_WAITING, books.counters)

    @property
    def thread(self) -> LivingThread:
        """In which its gate is commanded and its passages are written down."""
        return self._doer.thread

    def start(self) -> None:
        self._doer.start()

    def stop(self, timeout_s: float) -> None:
        """Finish what was decided, as far as ``timeout_s`` allows."""
        self._doer.stop(timeout_s)

    def look(self, picture: Picture) -> None:
        """Look at ``picture``, decide, and have done what follows. From one thread."""
        observations = self.watcher.look(picture, self.gate.state())
        try:
            for observation in observations:
                self.handle(observation)
        finally:
            for observation in observations:
                observation.forget()
        counts = self.watcher.counts
        self.counted = counts.flat()
        tell_suspicions(self._suspicions, self.checkpoint.id, counts.gates)

    def handle(self, observation: Observation) -> None:
        """Decide on ``observation`` and have done what follows."""
        if isinstance(observation.seen, Crossing):
            self._went_through(observation, observation.seen)
        else:
            self._asked(observation, observation.seen)

    def _asked(self, observation: Observation, seen: Evidence) -> None:
        now = self._wall_clock()
        decision = decide(self.checkpoint, seen, self._lists, now)
        self._books.counters.add(f"{decision.verdict}.{decision.reason}")
        if decision.verdict is Verdict.ADMIT and isinstance(self.checkpoint, Door):
            at_s = observation.deciding.received_s
            is_open = self._is_open()
            self._openings = admitted(self._openings, decision.pass_id, at_s, self.gate.hold_s, gate_open=is_open)
        if not self._doer.submit(functools.partial(self._carry_out, observation, decision)):
            # A gate with so many before it has not answered for long; nobody's picture waits for it too.
            self._books.counters.add("gate_jobs_in_vision_thread")
            self._tell(observation, decision, opened=False, decision_ms=None)
        sighting = sighting_in(self.checkpoint, observation, self._lists, self._cases, now)
        if sighting is not None:
            self._write_down(functools.partial(self._books.write, sighting, sighting.occurred_at))

    def _went_through(self, observation: Observation, seen: Crossing) -> None:
        if not isinstance(self.checkpoint, Door):
            raise TypeError(f"checkpoint {self.checkpoint.id} is a {self.checkpoint.kind}: nobody crosses a line there")
        at_s = observation.deciding.received_s
        self._openings, what = crossed(self._openings, seen.track, at_s, gate_open=self._is_open())
        self._books.counters.add(f"crossed.{what}")
        log.info("door.crossed", checkpoint=self.checkpoint.id, what=str(what))
        if what is Crossed.FOLLOWED:
            followed = functools.partial(self._write, observation, followed_passage(self.checkpoint, observation))
            self._write_down(followed)

    def _write_down(self, write: Job) -> None:
        """Beside this thread if that is possible; a disk is waited for only behind a gate that does not answer."""
        if not self._doer.submit(write):
            self._books.counters.add("gate_jobs_in_vision_thread")
            write()

    def _carry_out(self, observation: Observation, decision: Decision) -> None:
        opened, decision_ms = False, None
        if decision.verdict is Verdict.ADMIT:
            age_s = self._clock() - observation.deciding.received_s
            if age_s > COMMAND_LIFETIME_S:
                # Behind a gate that did not answer, or a machine that slept: whoever stood there may be gone.
                self._books.counters.add("gates_too_late")
                log.warning("gate.too_late", checkpoint=self.checkpoint.id, age_s=round(age_s, 1))
            else:
                decision_ms = step_ms(age_s * 1000)
                opened = self.gate.open()
                self._books.counters.add("gates_opened" if opened else "gates_not_opened")
        self._tell(observation, decision, opened=opened, decision_ms=decision_ms)

    def _tell(self, observation: Observation, decision: Decision, *, opened: bool, decision_ms: float | None) -> None:
        passage = decided_passage(self.checkpoint, observation, decision, opened=opened, decision_ms=decision_ms)
        log.info(
            "passage.decided",
            checkpoint=passage.checkpoint,
            verdict=str(passage.verdict),
            reason=str(passage.reason),
            decision_ms=decision_ms,
        )
        self._write(observation, passage)

    def _write(self, observation: Observation, passage: PassageV1) -> None:
        self._books.write(passage, passage.occurred_at)
        self._books.keep_clip(passage, observation.deciding.pts_s)
        if passage.picture is not None and observation.picture is not None:
            self._books.write_picture(passage, observation.picture)

    def _is_open(self) -> bool:
        return self.gate.state().gate is GateState.OPEN
