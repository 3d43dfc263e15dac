"""What may arrive at an edge, and what is refused unread."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from core.contract.commands import GateResultV1
from core.contract.envelope import complaint
from core.contract.events import EventAckV1
from core.contract.ids import EdgeId, SensorId
from core.contract.lists import (
    LIST_MESSAGES,
    ListDeltaV1,
    ListHideV1,
    ListMessage,
    ListRollV1,
    ListSnapshotV1,
)
from core.contract.topics import Channel, parse

MAX_LIST_BYTES = 8_001_000
_LIMITS: dict[Channel, int] = {
    Channel.EDGE_ACK: 1_000,
    Channel.LIST_DELTA: MAX_LIST_BYTES,
    Channel.CHECKPOINT_CMD_RESULT: 4_000,
    Channel.SENSOR_STATE: 4_096,
}


@dataclass(frozen=True, slots=True)
class SensorSaid:
    """What a sensor says, in its own words. retained: what it said some time ago, kept by the broker."""

    sensor: SensorId
    said: str
    retained: bool


Arrival = SensorSaid | EventAckV1 | ListDeltaV1 | ListSnapshotV1 | ListRollV1 | ListHideV1 | GateResultV1


class RefusedMessageError(ValueError):
    """What arrived is not for us or not a message of ours; the text quotes nothing of it."""


def read(topic: str, payload: bytes, *, retained: bool, estate: str, edge: EdgeId) -> Arrival:
    """The message in ``payload``. Raises RefusedMessageError for anything else, however strange or large.

    A retained message is refused too, but for a sensor's: what is said to an edge is said now, and replayed by nobody.
    """
    where = parse(topic)
    limit = None if where is None else _LIMITS.get(where.channel)
    if where is None or limit is None or where.estate != estate:
        raise RefusedMessageError("on a topic nobody here listens to")
    if len(payload) > limit:
        raise RefusedMessageError(f"{len(payload)} bytes; at most {limit} are read on {where.channel}")
    if where.channel is Channel.SENSOR_STATE:
        return SensorSaid(SensorId(where.id), payload.decode(errors="replace"), retained)
    if retained:
        raise RefusedMessageError("a retained message")
    try:
        message = _parse(where.channel, payload)
    except ValidationError as error:
        raise RefusedMessageError(complaint(error)) from None
    addressee = message.checkpoint if isinstance(message, GateResultV1) else message.edge
    if addressee != where.id or (not isinstance(message, GateResultV1) and message.edge != edge):
        raise RefusedMessageError("for another than its topic says")
    return message


def _parse(channel: Channel, payload: bytes) -> EventAckV1 | ListMessage | GateResultV1:
    match channel:
        case Channel.EDGE_ACK:
            return EventAckV1.model_validate_json(payload)
        case Channel.LIST_DELTA:
            return LIST_MESSAGES.validate_json(payload)
        case _:
            return GateResultV1.model_validate_json(payload)
