"""What arrived on an edge's event topic, taken apart: an event, a damaged one, or garbage."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from core.contract.base import Message
from core.contract.envelope import Envelope, MalformedEventError, decode
from core.contract.events import MAX_EVENT_BYTES

_TAKEN_ID = uuid.UUID("6f2c6f0e-5d0b-5f57-9c1d-0a7f3f1e2b11")
"""Namespace of stand-in ids for events whose own id is taken by another event."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came. payload: cut after ``MAX_EVENT_BYTES`` + 1 bytes, which is how too much is known."""

    topic: str
    edge: str
    payload: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event stands in one life of one edge's outbox: this, not its id, is what the edge waits for."""

    edge: str
    epoch: str
    sequence: int

    @property
    def stand_in_id(self) -> str:
        """An id for the row that marks this position as consumed, when the event's own id can't be used."""
        return str(uuid.uuid5(_TAKEN_ID, f"{self.edge}/{self.epoch}/{self.sequence}"))


@dataclass(frozen=True, slots=True)
class Read:
    """An arrival after reading. envelope: None for garbage; message: None when it can't be used, then ``problem``."""

    arrival: Arrival
    envelope: Envelope | None
    message: Message | None
    problem: str | None

    @property
    def position(self) -> Position | None:
        if self.envelope is None:
            return None
        return Position(self.arrival.edge, self.envelope.epoch, self.envelope.sequence)


def read(arrival: Arrival, estate: str) -> Read:
    """Never raises. An event under another edge's name than its topic's is damaged: nobody speaks for another."""
    if len(arrival.payload) > MAX_EVENT_BYTES:
        return Read(arrival, None, None, f"more than the {MAX_EVENT_BYTES} bytes an event can have")
    try:
        event = decode(arrival.payload)
    except MalformedEventError as error:
        return Read(arrival, _envelope(arrival, estate), None, str(error))
    if event.envelope.source != _source(estate, arrival.edge):
        return Read(arrival, None, None, "source is not the edge whose topic this is")
    return Read(arrival, event.envelope, event.message, None)


def _source(estate: str, edge: str) -> str:
    return f"/anju/{estate}/edge/{edge}"


def _envelope(arrival: Arrival, estate: str) -> Envelope | None:
    """The envelope around data that can't be used: its position is consumed, or the edge would send it for ever."""
    try:
        envelope = Envelope.model_validate_json(arrival.payload)
    except ValidationError:
        return None
    return envelope if envelope.source == _source(estate, arrival.edge) else None
