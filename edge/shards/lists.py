"""The lists as a process without any has them: it asks its edge, and without an answer nobody is known."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Self

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.contract.ids import CheckpointId, ModelId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.signed import ClaimError, QrPass, verify_pass
from core.contract.vocabulary import Reason
from edge.evidence import FaceMatch
from edge.health import Counters
from edge.shards.messages import (
    Answer,
    Compare,
    Enrolled,
    Found,
    Identify,
    MayRun,
    Question,
    Revoked,
    Standing,
    written,
)
from edge.shards.wire import Wire, WireError
from models.types import Float
from watchlists.faces.change import Likeness

PATIENCE_S = 0.5
"""A search among a hundred thousand takes milliseconds; an edge that is silent for longer is in trouble."""
_TEXTS = 64


class AskedLists:
    """See `edge.ports.WatcherLists`. Thread-safe.

    Instead of whom it found the edge gives a number: in `FaceMatch` and `Likeness` it stands as ``template_id``, and
    as ``subject``. What a pass says is checked here, with the core's public key.
    """

    def __init__(
        self, wire: Wire, core_key: Ed25519PublicKey, counters: Counters, *, model: ModelId, verify_threshold: float
    ) -> None:
        self._wire = wire
        self._core_key = core_key
        self._counters = counters
        self._model = model
        self._verify_threshold = verify_threshold
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._texts: dict[PassId, str] = {}
        self._checkpoint: CheckpointId | None = None

    def at(self, checkpoint: CheckpointId) -> Self:
        """The same, for who watches ``checkpoint``: comparisons are asked for there."""
        asked = copy.copy(self)
        asked._checkpoint = checkpoint
        return asked

    def heard(self, answer: Answer) -> None:
        """From the thread that reads: an answer came; one that nobody waits for any more is passed over."""
        with self._lock:
            waiting = self._waiting.get(answer.number)
        if waiting is not None:
            waiting.answer = answer
            waiting.came.set()

    def text_of(self, qr: QrPass) -> str | None:
        """The code that ``qr`` was read from, so that the edge can check it again."""
        with self._lock:
            return self._texts.get(qr.pass_id)

    # -- Gallery ---------------------------------------------------------------------------------------------------

    @property
    def model(self) -> ModelId:
        return self._model

    @property
    def verify_threshold(self) -> float:
        return self._verify_threshold

    def identify(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:  # noqa: ARG002
        rows, columns = probes.shape
        question = Identify(number=next(self._numbers), checkpoint=checkpoint, rows=rows, columns=columns)
        found = self._found(question, probes)
        if found is None:
            return None
        name = str(found.answer)
        return FaceMatch(SubjectKey(name), found.score, found.margin, found.threshold, TemplateId(name))

    def compare(self, subject: SubjectKey, probes: Float) -> Likeness | None:
        assert self._checkpoint is not None, "see at()"
        rows, columns = probes.shape
        question = Compare(
            number=next(self._numbers), subject=subject, checkpoint=self._checkpoint, rows=rows, columns=columns
        )
        found = self._found(question, probes)
        return None if found is None else Likeness(found.score, TemplateId(str(found.answer)))

    # -- ListView; the edge asks its own clock what time it is -----------------------------------------------------

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:  # noqa: ARG002
        answer = self._ask(Standing(number=next(self._numbers), subject=subject, checkpoint=checkpoint))
        return Reason.UNLISTED if answer is None else answer.standing

    def vehicle_standing(
        self,
        plate: str,  # noqa: ARG002
        checkpoint: CheckpointId,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        confidences: Sequence[float] = (),  # noqa: ARG002
    ) -> tuple[Reason, VehicleKey | None]:
        """Whose plate it is is no question of this process: the edge asks when it decides."""
        return Reason.UNLISTED, None

    def pass_revoked(self, pass_id: PassId) -> bool:
        answer = self._ask(Revoked(number=next(self._numbers), pass_id=pass_id))
        return answer is None or answer.yes

    def recogniser_may_run(self, now: datetime) -> bool:  # noqa: ARG002
        answer = self._ask(MayRun(number=next(self._numbers)))
        return answer is not None and answer.yes

    def enrolled(self, subject: SubjectKey) -> bool:
        answer = self._ask(Enrolled(number=next(self._numbers), subject=subject))
        return answer is not None and answer.yes

    # -- PassReader ------------------------------------------------------------------------------------------------

    def verify(self, text: str) -> QrPass | None:
        try:
            qr = verify_pass(text, self._core_key)
        except ClaimError:
            return None
        with self._lock:
            self._texts.pop(qr.pass_id, None)
            self._texts[qr.pass_id] = text
            while len(self._texts) > _TEXTS:
                del self._texts[next(iter(self._texts))]
        return qr

    # -- asking ----------------------------------------------------------------------------------------------------

    def _found(self, question: Identify | Compare, probes: Float) -> Found | None:
        blob = np.ascontiguousarray(probes, "<f4").tobytes()
        answer = self._ask(question, blob)
        return None if answer is None else answer.found

    def _ask(self, question: Question, blob: bytes = b"") -> Answer | None:
        """The edge's answer; None, and counted, when none comes in time."""
        waiting = _Waiting()
        with self._lock:
            self._waiting[question.number] = waiting
        try:
            self._wire.send(written(question), blob)
            if waiting.came.wait(PATIENCE_S):
                return waiting.answer
        except WireError:
            pass  # Whoever reads the wire ends this process.
        finally:
            with self._lock:
                del self._waiting[question.number]
        self._counters.add("shard_questions_unanswered")
        return None


class _Waiting:
    def __init__(self) -> None:
        self.came = threading.Event()
        self.answer: Answer | None = None
