"""AsyncAPI 3.0 description of the broker side, made from topics and messages: ``python -m core.contract.asyncapi``.

With ``--check`` nothing is written; the exit code is 1 when the file differs from the code.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter

from core.contract.base import Message
from core.contract.commands import GateCommandV1, GateResultV1
from core.contract.envelope import Envelope
from core.contract.events import EVENT_TYPES, AlertRaisedV1, CheckpointStateV1, EdgeStateV1, EventAckV1
from core.contract.ids import SLUG_PATTERN, UUID_PATTERN
from core.contract.lists import ListDeltaV1, ListHideV1, ListReceiptV1, ListRollV1, ListSnapshotV1
from core.contract.topics import ROOT, Channel

FILE = Path("docs/asyncapi.yaml")
_SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is said on a channel: by whom, as which messages, kept by the broker or not."""

    by: Literal["edge", "core", "controller", "sensor"]
    says: str
    messages: tuple[type[Message], ...] = ()
    words: tuple[str, ...] = ()
    retained: bool = False


_AVAILABILITY = ("online", "offline")
SPOKEN: dict[Channel, Spoken] = {
    Channel.EDGE_AVAILABILITY: Spoken("edge", "Whether the edge is connected (last will).", (), _AVAILABILITY, True),
    Channel.EDGE_STATE: Spoken("edge", "How the edge is, every 10 s.", (EdgeStateV1,), retained=True),
    Channel.EDGE_EVENT: Spoken("edge", "CloudEvents from the edge's outbox.", tuple(EVENT_TYPES.values())),
    Channel.EDGE_ACK: Spoken(
        "core", "Up to where the core has committed; only this empties the outbox.", (EventAckV1,)
    ),
    Channel.LIST_DELTA: Spoken(
        "core",
        "The edge's list, sealed to its key: changes, or all of it in parts; what it comes to; whom to hide first.",
        (ListDeltaV1, ListSnapshotV1, ListRollV1, ListHideV1),
    ),
    Channel.LIST_RECEIPT: Spoken("edge", "What the edge has applied; also sent on connect.", (ListReceiptV1,)),
    Channel.CHECKPOINT_STATE: Spoken("edge", "How the gate is.", (CheckpointStateV1,), retained=True),
    Channel.CHECKPOINT_CMD: Spoken("edge", "Command to a gate controller; void after 10 s.", (GateCommandV1,)),
    Channel.CHECKPOINT_CMD_RESULT: Spoken("controller", "The controller's answer.", (GateResultV1,)),
    Channel.SENSOR_AVAILABILITY: Spoken("sensor", "Whether the sensor is connected.", (), _AVAILABILITY, True),
    Channel.SENSOR_STATE: Spoken("sensor", "What the sensor measures, as the sensor says it.", retained=True),
    Channel.ALERT_EVENT: Spoken("core", "That there is an alert, for other systems; never who.", (AlertRaisedV1,)),
}


def document() -> dict[str, Any]:
    """The whole description, as it is written."""
    cloud_event_types = {message: name for name, message in EVENT_TYPES.items()}
    schemas: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for channel in Channel:
        spoken = SPOKEN[channel]
        name = channel.name.lower()
        keys = []
        for message in spoken.messages:
            keys.append(message.__name__)
            messages[message.__name__] = _message(message, cloud_event_types.get(message), schemas)
        if not spoken.messages:
            keys.append(name)
            messages[name] = {"name": name, "contentType": "text/plain", "payload": _words(spoken)}
        channels[name] = _channel(channel, spoken, keys)
        operations[f"{spoken.by}_{name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "summary": f"Said by: {spoken.by}.",
            "bindings": {"mqtt": {"qos": 1, "retain": spoken.retained}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Anju on the broker",
            "version": "1",
            "description": "Works on MQTT 3.1.1. Nothing personal stands in a topic or a retained message.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": dict(sorted(schemas.items()))},
    }


def _channel(channel: Channel, spoken: Spoken, keys: list[str]) -> dict[str, Any]:
    return {
        "address": f"{ROOT}/{{estate}}/{channel.value}",
        "description": spoken.says,
        "parameters": {
            "estate": {"description": f"Estate id, {SLUG_PATTERN}"},
            "id": {"description": f"Id of the thing, {SLUG_PATTERN} or {UUID_PATTERN}"},
        },
        "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in keys},
    }


def _message(message: type[Message], cloud_event_type: str | None, schemas: dict[str, Any]) -> dict[str, Any]:
    payload = _schema(message, schemas)
    if cloud_event_type is not None:
        payload = {
            "allOf": [
                _schema(Envelope, schemas),
                {"properties": {"type": {"const": cloud_event_type}, "data": payload}},
            ]
        }
    return {
        "name": message.__name__,
        "title": cloud_event_type or message.__name__,
        "summary": (message.__doc__ or message.__name__).strip().splitlines()[0],
        "contentType": "application/cloudevents+json" if cloud_event_type else "application/json",
        "payload": payload,
    }


def _schema(message: type[Message], schemas: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(message).json_schema(ref_template=_SCHEMAS + "{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[message.__name__] = schema
    return {"$ref": _SCHEMAS + message.__name__}


def _words(spoken: Spoken) -> dict[str, Any]:
    return {"type": "string", "enum": list(spoken.words)} if spoken.words else {"type": "string", "maxLength": 4096}


def render() -> str:
    """Text of ``docs/asyncapi.yaml``."""
    head = "# Generated by `python -m core.contract.asyncapi`; change the code, not this file.\n"
    return head + yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` compare it. 0: done or equal; 1: they differ."""
    if "--check" not in arguments:
        FILE.write_text(render(), encoding="utf-8")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == render():
        return 0
    sys.stderr.write(f"{FILE} differs from the code: run python -m core.contract.asyncapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
