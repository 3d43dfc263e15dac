"""Committing events: many in one transaction, each once, with everything that follows from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core import live
from core.alerts.desk import alert_payload
from core.cases.cases import do_note_sighting
from core.contract.base import Message
from core.contract.config import EstateConfig, RuleConfig
from core.contract.envelope import Envelope
from core.contract.events import (
    AlertRaisedV1,
    EventAckV1,
    OutboxDroppedV1,
    PassageV1,
    PictureV1,
    SightingV1,
    TemplateSealedV1,
)
from core.contract.events_cameras import CameraConditionV1
from core.contract.events_scenes import CountsV1, HappeningV1
from core.contract.ids import CameraId, CheckpointId, EdgeId, EstateId, PlaceId
from core.ingest import dead_letters
from core.ingest.arrivals import Read
from core.ingest.cursors import Life, Progress, advance, lock_cursors
from core.ingest.rows import UnusableError, alert_raised, alert_row, camera_payload, passage_row, picture_row
from core.ingest.scenes import SceneNews, edges_of_places
from core.live import LiveKind
from core.passages import passage_payload
from core.people.edges import is_trusted
from core.people.enrolment import do_store_template, lock_people
from core.rules import Place, evaluate, places_of
from core.storage.schema import AlertRow, EdgeCursorRow, EdgeRow, EventRow, PassageRow, PictureRow

_PRIVATE_TYPES = ("anju.template.sealed.v1", "anju.sighting.v1")
"""What they say about people is not kept where nobody will use it."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What committing needs of the configuration."""

    estate: EstateId
    rules: tuple[RuleConfig, ...]
    places: dict[CheckpointId, Place]
    edge_of: dict[CheckpointId, EdgeId]
    edge_of_place: dict[PlaceId, EdgeId]
    edge_of_camera: dict[CameraId, EdgeId]

    @classmethod
    def of(cls, config: EstateConfig) -> Rulebook:
        edge_of = {one.id: config.edge_of(one.id) for one in config.checkpoints}
        edge_of_camera = {one.id: one.edge for one in config.cameras}
        return cls(config.estate.id, config.rules, places_of(config), edge_of, edges_of_places(config), edge_of_camera)


@dataclass(frozen=True, slots=True)
class Committed:
    """What to publish once the transaction is through, and what was counted.

    counts: ``stored``, ``duplicates``, ``garbage``, ``unusable``, ``templates_refused``, ``dropped_at_edges``,
    ``alerts``, ``cameras_blind`` (conditions that began or changed with the camera blind).
    """

    acks: tuple[EventAckV1, ...]
    alerts: tuple[AlertRaisedV1, ...]
    counts: Counter[str]


def commit_batch(db: Session, reads: Sequence[Read], rulebook: Rulebook, now: datetime) -> Committed:
    """Store what is new of ``reads``, raise its alerts, tell pages, move the cursors: all in the caller's transaction.

    The same events in any order, any number of times, leave the same rows. Every position seen is acknowledged again,
    also when nothing was new: the acknowledgement before may have been lost. An event that can't be used becomes a
    dead letter and its position is consumed, so that it holds up nothing behind it. Locks, in this order: cursors,
    people, consents, edges, the live stream.
    """
    return _Batch(db, rulebook, now).commit(reads)


class _Batch:
    """The state of one commit."""

    def __init__(self, db: Session, rulebook: Rulebook, now: datetime) -> None:
        self._db = db
        self._rulebook = rulebook
        self._now = now
        self._counts: Counter[str] = Counter()
        self._told: list[tuple[LiveKind, dict[str, object]]] = []
        self._alerts: list[AlertRow] = []
        self._passages: set[str] = set()
        self._pictures: set[str] = set()
        self._scenes = SceneNews(rulebook.edge_of_place)
        self._handlers: dict[type[Message], Callable[[str, Message], None]] = {
            PassageV1: self._passage,
            PictureV1: self._picture,
            TemplateSealedV1: self._template,
            SightingV1: self._sighting,
            CameraConditionV1: self._camera,
            OutboxDroppedV1: self._dropped,
            HappeningV1: self._happening,
            CountsV1: self._counted,
        }

    def commit(self, reads: Sequence[Read]) -> Committed:
        placed: list[tuple[Read, Envelope]] = []
        for read in reads:
            if read.envelope is None:
                self._bury("garbage", read, read.problem or "no event")
            else:
                placed.append((read, read.envelope))
        cursors = lock_cursors(self._db, ((read.arrival.edge, envelope.epoch) for read, envelope in placed))
        lock_people(self._db, [read.message for read, _ in placed if isinstance(read.message, TemplateSealedV1)])
        progress = self._take(placed)
        self._db.flush()
        self._scenes.write_counts(self._db)
        advance(self._db, cursors, progress)
        live.append_many(self._db, self._told)
        return Committed(_acks(cursors), tuple(alert_raised(row) for row in self._alerts), self._counts)

    def _take(self, placed: Sequence[tuple[Read, Envelope]]) -> dict[Life, Progress]:
        by_id, by_place = self._known(placed)
        self._load_known_things(placed)
        progress: dict[Life, Progress] = defaultdict(Progress)
        for read, envelope in placed:
            life = (read.arrival.edge, envelope.epoch)
            place = (*life, envelope.sequence)
            made = progress[life]
            made.floor = max(made.floor, min(envelope.floor, envelope.sequence))
            if place in by_place:
                self._counts["duplicates"] += 1
                if by_place[place] != envelope.id and envelope.id not in by_id:
                    self._bury("unusable", read, "this position belongs to another event", envelope)
                continue
            row = _event_row(read, envelope)
            if envelope.id in by_id:
                row.id = _stand_in(read)
                self._bury("unusable", read, "this event id belongs to another position", envelope)
            else:
                self._use(read, envelope)
            self._db.add(row)
            by_id.add(row.id)
            by_place[place] = row.id
            made.arrived.add(envelope.sequence)
        return progress

    def _known(self, placed: Sequence[tuple[Read, Envelope]]) -> tuple[set[str], dict[tuple[str, str, int], str]]:
        """Ids and positions among ``placed`` that are committed already."""
        if not placed:
            return set(), {}
        sequences: dict[Life, set[int]] = defaultdict(set)
        for read, envelope in placed:
            sequences[read.arrival.edge, envelope.epoch].add(envelope.sequence)
        positions = [
            and_(EventRow.edge_id == edge, EventRow.epoch == epoch, EventRow.sequence.in_(found))
            for (edge, epoch), found in sequences.items()
        ]
        ids = EventRow.id.in_({envelope.id for _, envelope in placed})
        columns = select(EventRow.id, EventRow.edge_id, EventRow.epoch, EventRow.sequence)
        rows = self._db.execute(columns.where(or_(ids, *positions))).all()
        return {row.id for row in rows}, {(row.edge_id, row.epoch, row.sequence): row.id for row in rows}

    def _load_known_things(self, placed: Sequence[tuple[Read, Envelope]]) -> None:
        passages = {read.message.passage_id for read, _ in placed if isinstance(read.message, PassageV1)}
        pictures = {read.message.picture_id for read, _ in placed if isinstance(read.message, PictureV1)}
        if passages:
            self._passages = set(self._db.scalars(select(PassageRow.id).where(PassageRow.id.in_(passages))))
        if pictures:
            self._pictures = set(self._db.scalars(select(PictureRow.id).where(PictureRow.id.in_(pictures))))

    def _use(self, read: Read, envelope: Envelope) -> None:
        """Do what a new event says."""
        if read.message is None:
            self._bury("unusable", read, read.problem or "no message", envelope)
            return
        try:
            self._handlers[type(read.message)](read.arrival.edge, read.message)
        except UnusableError as error:
            self._bury("unusable", read, str(error), envelope)
        else:
            self._counts["stored"] += 1

    def _bury(self, count: str, read: Read, reason: str, envelope: Envelope | None = None) -> None:
        self._counts[count] += 1
        spoken_of = envelope is not None and envelope.type in _PRIVATE_TYPES
        private = spoken_of or any(one.encode() in read.arrival.payload for one in _PRIVATE_TYPES)
        payload = b"" if private else read.arrival.payload
        dead_letters.keep(self._db, read.arrival.topic, reason, payload, read.arrival.received_at)

    def _passage(self, edge: str, message: Message) -> None:
        assert isinstance(message, PassageV1)
        if message.passage_id in self._passages:
            raise UnusableError("a passage with this id is recorded already")
        if self._rulebook.edge_of.get(message.checkpoint, edge) != edge:
            raise UnusableError(f"checkpoint '{message.checkpoint}' belongs to another edge")
        place = self._rulebook.places.get(message.checkpoint)
        row = passage_row(edge, message, place.ring if place is not None else None)
        self._db.add(row)
        self._passages.add(message.passage_id)
        self._told.append((LiveKind.PASSAGE, passage_payload(row)))
        for firing in evaluate(self._rulebook.rules, message, place):
            alert = alert_row(firing, message, self._now)
            self._db.add(alert)
            self._alerts.append(alert)
            self._told.append((LiveKind.ALERT, alert_payload(alert)))
            self._counts["alerts"] += 1

    def _picture(self, edge: str, message: Message) -> None:
        assert isinstance(message, PictureV1)
        if message.picture_id in self._pictures:
            raise UnusableError("a picture with this id is kept already")
        if self._rulebook.edge_of.get(message.checkpoint, edge) != edge:
            raise UnusableError(f"checkpoint '{message.checkpoint}' belongs to another edge")
        self._db.add(picture_row(message))
        self._pictures.add(message.picture_id)
        self._told.append((LiveKind.PICTURE, {"id": message.picture_id, "passage": message.passage_id}))

    def _template(self, edge: str, message: Message) -> None:
        """Only an edge whose key somebody has compared may say what a person looks like."""
        assert isinstance(message, TemplateSealedV1)
        enrolling = self._db.get(EdgeRow, edge)
        trusted = enrolling is not None and is_trusted(enrolling)
        if not trusted or do_store_template(self._db, message, edge, self._now).refused is not None:
            self._counts["templates_refused"] += 1

    def _sighting(self, edge: str, message: Message) -> None:
        """Kept with its open case; what no case asked for is not kept at all. Not counted: a count would tell when."""
        assert isinstance(message, SightingV1)
        if self._rulebook.edge_of.get(message.checkpoint) != edge:
            raise UnusableError(f"checkpoint '{message.checkpoint}' belongs to another edge")
        do_note_sighting(
            self._db,
            message.sighting_id,
            subject=message.subject,
            vehicle=message.vehicle,
            checkpoint=message.checkpoint,
            at=message.occurred_at,
        )

    def _camera(self, edge: str, message: Message) -> None:
        assert isinstance(message, CameraConditionV1)
        if self._rulebook.edge_of_camera.get(message.camera, edge) != edge:
            raise UnusableError(f"camera '{message.camera}' belongs to another edge")
        if any(self._rulebook.edge_of.get(one, edge) != edge for one in message.checkpoints):
            raise UnusableError("a checkpoint named blind belongs to another edge")
        if message.blind and message.until is None:
            self._counts["cameras_blind"] += 1
        self._told.append((LiveKind.CAMERA, camera_payload(edge, message)))

    def _happening(self, edge: str, message: Message) -> None:
        assert isinstance(message, HappeningV1)
        self._scenes.happened(self._db, edge, message, self._rulebook.edge_of)

    def _counted(self, edge: str, message: Message) -> None:
        assert isinstance(message, CountsV1)
        self._scenes.counted(edge, message)

    def _dropped(self, edge: str, message: Message) -> None:  # noqa: ARG002
        assert isinstance(message, OutboxDroppedV1)
        self._counts["dropped_at_edges"] += sum(message.kinds.values())


def _event_row(read: Read, envelope: Envelope) -> EventRow:
    return EventRow(
        id=envelope.id,
        edge_id=read.arrival.edge,
        epoch=envelope.epoch,
        sequence=envelope.sequence,
        type=envelope.type,
        occurred_at=envelope.time,
        received_at=read.arrival.received_at,
    )


def _stand_in(read: Read) -> str:
    assert read.position is not None
    return read.position.stand_in_id


def _acks(cursors: dict[Life, EdgeCursorRow]) -> tuple[EventAckV1, ...]:
    return tuple(
        EventAckV1(edge=EdgeId(edge), epoch=epoch, sequence=cursor.contiguous)
        for (edge, epoch), cursor in cursors.items()
    )
