"""States, availability and receipts: what is said beside events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from core.contract.config import EstateConfig
from core.contract.envelope import complaint
from core.contract.events import CheckpointStateV1, EdgeStateV1, EventAckV1
from core.contract.lists import ListReceiptV1
from core.contract.topics import Channel, Topic, parse
from core.errors import CoreError
from core.ingest import dead_letters
from core.ingest.committer import utc_now
from core.ingest.cursors import last_acknowledgement
from core.lists.receipts import ReceiptRefusedError, do_note_receipt
from core.passages import do_note_gate
from core.people.edges import do_note_availability, do_note_edge_state
from core.storage.database import Database

MAX_STATE_BYTES = 256_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EdgeWentOffline:
    edge: str


@dataclass(frozen=True, slots=True)
class EdgeCameOnline:
    edge: str


Heard = EdgeCameOnline | EdgeWentOffline | ListReceiptV1 | EventAckV1 | None
"""What the list relay wants to know, or what the edge is to be answered."""


class _NotOursError(ValueError):
    """A control message that can't be used; the text says why."""


class ControlDesk:
    """Commits control messages, one transaction each."""

    def __init__(self, database: Database, config: EstateConfig, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._estate = config.estate.id
        self._edges = frozenset(one.id for one in config.edges)
        self._checkpoints = frozenset(one.id for one in config.checkpoints)
        self._now = now

    def take(self, topic_text: str, payload: bytes, *, retained: bool = False) -> tuple[Heard, bool]:
        """Commit one message; whether it could be used. What can't be becomes a dead letter.

        retained: the broker had kept it, nobody knows for how long.

        Raises OperationalError when the database is locked, full or away.
        """
        now = self._now()
        try:
            topic = self._known(topic_text, payload)
            with self._database.writing() as db:
                return self._apply(db, topic, payload, now, retained=retained), True
        except OperationalError:
            raise
        except ValidationError as error:
            reason = complaint(error)
        except ReceiptRefusedError as error:
            reason, payload = str(error), b""  # what it says, nobody vouches for
            log.warning("list.receipt_refused", problem=reason)
        except (_NotOursError, CoreError) as error:
            reason = str(error)
        except (SQLAlchemyError, ValueError, OverflowError) as error:
            reason = f"the database refuses it: {type(error).__name__}"
        with self._database.writing() as db:
            dead_letters.keep(db, topic_text, reason, payload, now)
        return None, False

    def _known(self, text: str, payload: bytes) -> Topic:
        topic = parse(text)
        if topic is None or topic.estate != self._estate:
            raise _NotOursError("no topic of ours")
        if len(payload) > MAX_STATE_BYTES:
            raise _NotOursError(f"more than {MAX_STATE_BYTES} bytes")
        things = self._checkpoints if topic.channel is Channel.CHECKPOINT_STATE else self._edges
        if topic.id not in things:
            raise _NotOursError(f"'{topic.id}' is not in the configuration")
        return topic

    def _apply(self, db: Session, topic: Topic, payload: bytes, now: datetime, *, retained: bool) -> Heard:
        match topic.channel:
            case Channel.EDGE_AVAILABILITY:
                return self._availability(db, topic.id, payload, now)
            case Channel.EDGE_STATE:
                state = EdgeStateV1.model_validate_json(payload)
                _same(topic.id, state.edge)
                if retained:
                    state = state.model_copy(update={"steady_s": None})
                row = do_note_edge_state(db, state, now)
                # Our last acknowledgement may have been lost; an edge without events would take us for dead.
                return last_acknowledgement(db, row.id)
            case Channel.CHECKPOINT_STATE:
                gate = CheckpointStateV1.model_validate_json(payload)
                _same(topic.id, gate.checkpoint)
                do_note_gate(db, gate)
                return None
            case Channel.LIST_RECEIPT:
                receipt = ListReceiptV1.model_validate_json(payload)
                _same(topic.id, receipt.edge)
                do_note_receipt(db, receipt, now)
                return receipt
            case _:
                raise _NotOursError("nothing the core listens to")

    def _availability(self, db: Session, edge: str, payload: bytes, now: datetime) -> Heard:
        if payload not in {b"online", b"offline"}:
            raise _NotOursError("availability is 'online' or 'offline'")
        online = payload == b"online"
        do_note_availability(db, edge, online, now)
        return EdgeCameOnline(edge) if online else EdgeWentOffline(edge)


def _same(in_topic: str, in_message: str) -> None:
    if in_topic != in_message:
        raise _NotOursError("the message speaks of another one than its topic")
