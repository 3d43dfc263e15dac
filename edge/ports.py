"""What the parts of an edge need of each other, as protocols: each can be tested with the others replaced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from core.contract.base import Message
from core.contract.events import CheckpointStateV1
from core.contract.ids import CheckpointId, ModelId, PassId, SubjectKey, VehicleKey
from core.contract.signed import QrPass
from core.contract.vocabulary import Reason
from edge.evidence import FaceMatch
from models.types import Float


class Gallery(Protocol):
    """The consenting people of this edge, as the face pipeline sees them. Thread-safe, never waits for a writer."""

    @property
    def model(self) -> ModelId: ...

    def identify(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        """Best subject over the probes (float32 (n, d), unit length, one person) among those valid here and now.

        None when nobody is; the match's score may well be under its threshold.
        """
        ...

    def compare(self, subject: SubjectKey, probes: Float) -> float | None:
        """Best cosine between the probes and the subject's templates; None when there is no template."""
        ...

    @property
    def verify_threshold(self) -> float:
        """Cosine from which 1:1 accepts, for this model."""
        ...


class ListView(Protocol):
    """What a decision may ask of the lists. Answers are of one moment and don't change while a decision is made."""

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:
        """LISTED, or why not: UNLISTED, OUTSIDE_WINDOW, OUTSIDE_SCOPE."""
        ...

    def vehicle_standing(
        self, plate: str, checkpoint: CheckpointId, now: datetime, confidences: Sequence[float] = ()
    ) -> tuple[Reason, VehicleKey | None]:
        """LISTED (exact match, valid here and now), LOOKS_LIKE, OUTSIDE_WINDOW, OUTSIDE_SCOPE or UNLISTED.

        confidences: of each character of ``plate``, 0..1; they only tell how far it looks like another.
        """
        ...

    def pass_revoked(self, pass_id: PassId) -> bool: ...

    def recogniser_may_run(self, now: datetime) -> bool:
        """False when the lists are too old for recognising faces (doors go on opening by other means)."""
        ...


class PassReader(Protocol):
    """Reads QR passes: text of a code to a verified pass, None when it is none of this estate's."""

    def verify(self, text: str) -> QrPass | None: ...


class Outbox(Protocol):
    """Durable queue of events; ``append`` returns after the event is on disk."""

    def append(self, message: Message, occurred_at: datetime) -> None: ...


class Gate(Protocol):
    """A controller: opens one gate, and says how the gate is."""

    def open(self) -> bool:
        """Command it open; True when the controller confirmed. Returns within its timeout."""
        ...

    def state(self) -> CheckpointStateV1: ...
