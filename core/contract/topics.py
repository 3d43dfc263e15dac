"""MQTT topics: built and parsed here, never spelt elsewhere.

Nothing personal ever stands in a topic name; ids are slugs and opaque UUIDs. The list is that of `design.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from core.contract.ids import SLUG_PATTERN, UUID_PATTERN

ROOT = "anju/v1"


class Channel(StrEnum):
    """Kind of thing and what is said about it, as it stands in the topic."""

    EDGE_AVAILABILITY = "edge/{id}/availability"  # retained, last will; "online" or "offline"
    EDGE_STATE = "edge/{id}/state"  # retained; EdgeStateV1, every 10 s
    EDGE_EVENT = "edge/{id}/event"  # CloudEvents from the edge's outbox
    EDGE_ACK = "edge/{id}/ack"  # EventAckV1 from the core, after commit
    LIST_DELTA = "edge/{id}/list/delta"  # ListMessage: changes, snapshots, rolls; sealed to the edge
    LIST_RECEIPT = "edge/{id}/list/receipt"  # ListReceiptV1: what the edge has applied
    CHECKPOINT_STATE = "checkpoint/{id}/state"  # retained; CheckpointStateV1
    CHECKPOINT_CMD = "checkpoint/{id}/cmd"  # GateCommandV1, expires after 10 s
    CHECKPOINT_CMD_RESULT = "checkpoint/{id}/cmd/result"  # GateResultV1
    SENSOR_AVAILABILITY = "sensor/{id}/availability"
    SENSOR_STATE = "sensor/{id}/state"
    ALERT_EVENT = "alert/{id}/event"  # AlertRaisedV1, for other systems


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic taken apart: ``estate`` and ``id`` as strings, ``channel`` as what is said."""

    estate: str
    channel: Channel
    id: str


_ID = f"(?:{SLUG_PATTERN[1:-1]}|{UUID_PATTERN[1:-1]})"
_PATTERNS = {
    channel: re.compile(rf"{ROOT}/(?P<estate>{SLUG_PATTERN[1:-1]})/" + channel.value.replace("{id}", f"(?P<id>{_ID})"))
    for channel in Channel
}


def topic(estate: str, channel: Channel, thing: str) -> str:
    """Full topic of ``channel`` for the thing with id ``thing``.

    Raises ValueError when an id could break out of its level.
    """
    text = f"{ROOT}/{estate}/" + channel.value.replace("{id}", thing)
    if parse(text) is None:
        raise ValueError(
            f"estate {estate!r} or id {thing!r} can't stand in a topic: lower-case letters, digits, hyphens"
        )
    return text


def topic_filter(estate: str, channel: Channel) -> str:
    """Subscription filter for ``channel`` of every thing of ``estate``."""
    return f"{ROOT}/{estate}/" + channel.value.replace("{id}", "+")


def parse(text: str) -> Topic | None:
    """The topic taken apart, or None when it is not one of ours."""
    for channel, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(text):
            return Topic(found["estate"], channel, found["id"])
    return None
