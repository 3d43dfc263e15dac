"""Gate commands to a controller behind MQTT, and its answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.contract.base import Instant, Message
from core.contract.ids import CheckpointId, CommandId

COMMAND_LIFETIME_S = 10.0
"""A command older than this never opens anything, however late the broker delivers it."""


class GateCommandV1(Message):
    command_id: CommandId
    checkpoint: CheckpointId
    action: Literal["open"]
    issued_at: Instant
    expires_at: Instant


class GateResultV1(Message):
    command_id: CommandId
    checkpoint: CheckpointId
    done: bool
    at: Instant
    detail: Annotated[str, Field(max_length=300)] = ""
