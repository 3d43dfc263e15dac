"""What the parts of an edge need of each other, as protocols: each can be tested with the others replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from core.contract.base import Message
from core.contract.events import CheckpointStateV1
from core.contract.ids import CameraId, CheckpointId, ClipId, ModelId, PassId, SubjectKey, VehicleKey
from core.contract.lists import ListHideV1, ListMessage, ListReceiptV1
from core.contract.signed import QrPass, Recipient
from core.contract.vocabulary import Reason
from edge.evidence import FaceMatch
from models.types import Float
from watchlists.faces.change import Likeness
from watchlists.faces.template import Template


class Gallery(Protocol):
    """The consenting people of this edge who may pass, as the face pipeline sees them; nobody sought in a case.

    Thread-safe, never waits for a writer.
    """

    @property
    def model(self) -> ModelId: ...

    def identify(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        """Best subject over the probes (float32 (n, d), unit length, one person) among those valid here and now.

        None for unknown: nobody reaches the threshold. Somebody who does may still be too close to the next.
        """
        ...

    def compare(self, subject: SubjectKey, probes: Float) -> Likeness | None:
        """How like the subject's templates the probes are; None when there is no template."""
        ...

    @property
    def verify_threshold(self) -> float:
        """Cosine from which 1:1 accepts, for this model."""
        ...


class ListView(Protocol):
    """What a decision may ask of the lists. Answers are of one moment and don't change while a decision is made."""

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:
        """LISTED, or why not: UNLISTED (as anybody sought in a case is), OUTSIDE_WINDOW, OUTSIDE_SCOPE."""
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


class CaseView(Protocol):
    """Whom and what the open cases of this edge seek. Asked after the gate's decision, which can't depend on it."""

    def sought(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        """Best subject among the missing people sought here now, whom ``Gallery.identify`` never answers with.

        probes: as there; None for everybody else.
        """
        ...

    def controlled(self, plate: str, checkpoint: CheckpointId, now: datetime) -> VehicleKey | None:
        """The controlled vehicle whose very plate this is, while its case is open here; None for every other plate.

        To ``ListView.vehicle_standing`` it is as unknown as if there were no case.
        """
        ...


class ListKeeper(Protocol):
    """The edge's copy of its lists, towards the core. Called in worker threads, may take its time."""

    @property
    def version(self) -> int: ...

    def hide(self, message: ListHideV1) -> None:
        """Find nobody as those it names, at once, whatever ``apply`` is at; raises nothing. To be applied, too."""
        ...

    def apply(self, message: ListMessage) -> ListReceiptV1 | None:
        """Take what the core said; a receipt when there is something to answer."""
        ...

    def receipt(self) -> ListReceiptV1:
        """What this edge holds now, durably."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How the lists are, by the names of ``edge.health.LIST_COUNTS``; nothing personal."""
        ...


class Resealing(Protocol):
    """Seals a template this edge holds for other edges too, and sees that the core gets it. Raises nothing."""

    def __call__(self, template: Template, recipients: Sequence[Recipient]) -> None: ...


class ClipKeeper(Protocol):
    """Keeps a clip around what happened."""

    def keep(self, clip: ClipId, camera: CameraId, at_s: float) -> None:
        """Of ``camera`` around stream time ``at_s``, named by the passage or event it shows; never waits."""
        ...


class PassReader(Protocol):
    """Reads QR passes: text of a code to a verified pass, None when it is none of this estate's."""

    def verify(self, text: str) -> QrPass | None: ...


class WatcherLists(Gallery, ListView, PassReader, Protocol):
    """All that the watchers of one edge ask of its lists."""

    def enrolled(self, subject: SubjectKey) -> bool:
        """Whether ``subject`` has a template to compare with: asked before anything is made of a face."""
        ...


class EdgeLists(WatcherLists, CaseView, Protocol):
    """All that the watchers and posts of one edge ask of its lists."""


class Outbox(Protocol):
    """Durable queue of events; ``append`` returns after the event is on disk."""

    def append(self, message: Message, occurred_at: datetime) -> None: ...


class Gate(Protocol):
    """A controller: opens one gate, and says how the gate is."""

    def open(self) -> bool:
        """Command it open; True when the controller confirmed. Returns within its timeout."""
        ...

    def state(self) -> CheckpointStateV1: ...
