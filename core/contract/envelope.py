"""CloudEvents 1.0, structured JSON: the wire form of every event (MQTT 3.1.1 has no binary mode).

Extension attributes of ours: ``epoch`` (one life of an edge's outbox), ``sequence`` (position in it, from 1) and
``floor`` (lowest sequence the outbox still holds: what lies below it was acknowledged or dropped, and will not come).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from core.contract.base import Instant, Message
from core.contract.events import EVENT_TYPES, MAX_EVENT_BYTES
from core.contract.ids import EventId


class Envelope(Message):
    """A CloudEvent around one of the messages in ``EVENT_TYPES``, data not yet looked at."""

    specversion: Literal["1.0"] = "1.0"
    id: EventId
    source: Annotated[str, Field(max_length=200)]
    """``/anju/{estate}/edge/{edge}``"""
    type: Annotated[str, Field(max_length=64)]
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    epoch: Annotated[str, Field(min_length=8, max_length=64)]
    sequence: Annotated[int, Field(ge=1)]
    floor: Annotated[int, Field(ge=1)]
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """An envelope whose data has been validated as the message its type promises."""

    envelope: Envelope
    message: Message


class MalformedEventError(ValueError):
    """What arrived is no event of ours; the text says why, and quotes nothing of the content."""


def encode(envelope: Envelope) -> bytes:
    """Wire form of ``envelope``. Raises ValueError above ``MAX_EVENT_BYTES``."""
    wire = envelope.model_dump_json().encode()
    if len(wire) > MAX_EVENT_BYTES:
        raise ValueError(f"event {envelope.id} has {len(wire)} bytes; at most {MAX_EVENT_BYTES} can be sent")
    return wire


def decode(wire: bytes) -> Event:
    """The event in ``wire``. Raises MalformedEventError for anything else, however strange."""
    if len(wire) > MAX_EVENT_BYTES:
        raise MalformedEventError(f"{len(wire)} bytes; at most {MAX_EVENT_BYTES} are read")
    try:
        envelope = Envelope.model_validate_json(wire)
    except ValidationError as error:
        raise MalformedEventError(f"no CloudEvent of ours: {complaint(error)}") from None
    kind = EVENT_TYPES.get(envelope.type)
    if kind is None:
        raise MalformedEventError("unknown event type; is this core older than the edge?")
    try:
        return Event(envelope, kind.model_validate(envelope.data))
    except ValidationError as error:
        raise MalformedEventError(f"{envelope.type}: {complaint(error)}") from None


def complaint(error: ValidationError) -> str:
    """Where a message is wrong and how, without a word of its content (it may be personal)."""
    known = _field_names(Message)
    places = [
        f"{_place(found['loc'], known)}: {found['type']}"
        for found in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return "; ".join(places[:5]) + (f" and {len(places) - 5} more" if len(places) > 5 else "")


def _field_names(kind: type[Message]) -> set[str]:
    """Names of the fields of every message there is: the only words of a place that are ours, not the sender's."""
    return set(kind.model_fields).union(*(_field_names(narrower) for narrower in kind.__subclasses__()))


def _place(location: tuple[int | str, ...], known: set[str]) -> str:
    return ".".join(str(part) if isinstance(part, int) or part in known else "?" for part in location) or "message"
