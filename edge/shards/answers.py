"""What an edge answers a process that has no lists, and what it takes back of its answers.

A process never says who somebody is: it hands back the number of an answer, once, and whose that was is looked up
here. So one that was taken over can't name anybody; it can only show probes, as a camera does.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.contract.ids import CheckpointId, SubjectKey
from core.contract.vocabulary import Reason
from edge.evidence import FaceMatch
from edge.ports import EdgeLists
from edge.shards.limits import Kind, Limits
from edge.shards.messages import (
    Answer,
    Compare,
    Enrolled,
    Found,
    GarbageError,
    Identify,
    MayRun,
    Question,
    Revoked,
    Standing,
    probes_in,
)
from models.types import Float
from watchlists.faces.change import Likeness

GOOD_FOR_S = 15.0
"""A pass is decided within seconds of its last comparison."""
MAX_GIVEN = 256
_FACES_AT, _PASSES_AT = "face_gate", "door"
"""Faces are looked for among all only where an installer switched that on; passes are shown at doors."""


@dataclass(frozen=True, slots=True)
class _Given:
    """checkpoint: where; subject: with whom somebody was compared, None for who was looked for among all."""

    at_s: float
    checkpoint: CheckpointId
    subject: SubjectKey | None
    said: FaceMatch | Likeness


class Answers:
    """To one process. From one thread."""

    def __init__(
        self,
        lists: EdgeLists,
        checkpoints: Mapping[CheckpointId, str],
        dimension: int,
        limits: Limits,
        *,
        wall_clock: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """checkpoints: those that the process watches, and their kinds; of others it is told nothing; dimension: of its
        embedder.
        """
        self._dimension = dimension
        self._lists = lists
        self._checkpoints = checkpoints
        self._limits = limits
        self._wall_clock = wall_clock
        self._clock = clock
        self._numbers = itertools.count(1)
        self._given: dict[int, _Given] = {}

    def answer(self, question: Question, blob: bytes) -> Answer:
        """Raises GarbageError for probes that are none, and for what a checkpoint of that kind does not ask."""
        answer = Answer(number=question.number)
        now = self._wall_clock()
        match question:
            case Identify():
                found = self._identified(question, blob, now)
                return answer.model_copy(update={"found": found})
            case Compare():
                return answer.model_copy(update={"found": self._compared(question, blob)})
            case MayRun():
                yes = self._lists.recogniser_may_run(now)
            case Revoked():
                self._has_doors()
                yes = self._lists.pass_revoked(question.pass_id)
            case Enrolled():
                self._has_doors()
                yes = self._lists.enrolled(question.subject)
            case Standing():
                standing = self._standing(question, now)
                return answer.model_copy(update={"standing": standing})
        return answer.model_copy(update={"yes": yes})

    def match(self, number: int | None, checkpoint: CheckpointId) -> FaceMatch | None:
        """What answer ``number`` said at ``checkpoint``, once; None for what was never said, or too long ago."""
        given = self._taken(number, checkpoint)
        return given.said if given is not None and isinstance(given.said, FaceMatch) else None

    def likeness(self, number: int | None, checkpoint: CheckpointId, subject: SubjectKey) -> Likeness | None:
        """As ``match``, of a comparison with ``subject``."""
        given = self._taken(number, checkpoint)
        if given is None or given.subject != subject or not isinstance(given.said, Likeness):
            return None
        return given.said

    def probes(self, blob: bytes, rows: int, columns: int) -> Float:
        """As `probes_in`; raises GarbageError also for those of another embedder."""
        if columns != self._dimension:
            raise GarbageError(f"probes of {columns} numbers")
        return probes_in(blob, rows, columns)

    def _standing(self, question: Standing, now: datetime) -> Reason:
        if question.checkpoint not in self._checkpoints:
            return Reason.UNLISTED
        self._asked_at(question.checkpoint, _PASSES_AT)
        return self._lists.subject_standing(question.subject, question.checkpoint, now)

    def _has_doors(self) -> None:
        if _PASSES_AT not in self._checkpoints.values():
            raise GarbageError("a question of doors where none is looked at")

    def _asked_at(self, checkpoint: CheckpointId, kind: str) -> None:
        """Raises GarbageError where only those of ``kind`` have such a question: all others have no use for it."""
        if self._checkpoints.get(checkpoint, kind) != kind:
            raise GarbageError(f"a question that only a {kind} has")

    def _identified(self, question: Identify, blob: bytes, now: datetime) -> Found | None:
        self._asked_at(question.checkpoint, _FACES_AT)
        if not self._lists.recogniser_may_run(now) or not self._may_search(question.checkpoint):
            return None
        probes = self.probes(blob, question.rows, question.columns)
        found = self._lists.identify(probes, question.checkpoint, now)
        probes.fill(0)
        if found is None:
            return None
        number = self._give(_Given(self._clock(), question.checkpoint, None, found))
        return Found(answer=number, score=found.score, margin=found.margin, threshold=found.threshold)

    def _compared(self, question: Compare, blob: bytes) -> Found | None:
        self._asked_at(question.checkpoint, _PASSES_AT)
        if not self._may_search(question.checkpoint):
            return None
        probes = self.probes(blob, question.rows, question.columns)
        found = self._lists.compare(question.subject, probes)
        probes.fill(0)
        if found is None:
            return None
        number = self._give(_Given(self._clock(), question.checkpoint, question.subject, found))
        return Found(answer=number, score=found.score)

    def _may_search(self, checkpoint: CheckpointId) -> bool:
        return checkpoint in self._checkpoints and self._limits.allows(Kind.SEARCH, checkpoint)

    def _give(self, given: _Given) -> int:
        number = next(self._numbers)
        self._given[number] = given
        while len(self._given) > MAX_GIVEN:
            del self._given[next(iter(self._given))]
        return number

    def _taken(self, number: int | None, checkpoint: CheckpointId) -> _Given | None:
        given = None if number is None else self._given.pop(number, None)
        if given is None or given.checkpoint != checkpoint:
            return None
        return None if self._clock() - given.at_s > GOOD_FOR_S else given
