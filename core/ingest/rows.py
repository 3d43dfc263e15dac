"""Messages as rows: pure translations."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from core.alerts.desk import AlertState
from core.contract.base import isoformat
from core.contract.events import MAX_PICTURE_BYTES, AlertRaisedV1, PassageV1, PictureV1
from core.contract.events_cameras import CameraConditionV1
from core.contract.ids import CheckpointId, new_id
from core.contract.vocabulary import Ring
from core.rules import Firing
from core.storage.schema import AlertRow, PassageRow, PictureRow


class UnusableError(ValueError):
    """A well-formed event that can't be stored; the text says why and quotes nothing personal."""


def passage_row(edge: str, message: PassageV1, ring: Ring | None) -> PassageRow:
    """``ring`` is None where the configuration doesn't know the checkpoint: the passage is kept, nothing fires."""
    return PassageRow(
        id=message.passage_id,
        edge_id=edge,
        checkpoint=message.checkpoint,
        ring=ring.value if ring is not None else None,
        camera=message.camera,
        occurred_at=message.occurred_at,
        direction=message.direction.value,
        credential=message.credential.value,
        verdict=message.verdict.value,
        reason=message.reason.value,
        passed=message.passed,
        gate_opened=message.gate_opened,
        subject=message.subject,
        template_id=message.template_id,
        vehicle=message.vehicle,
        pass_id=message.pass_id,
        plate=message.plate.model_dump(mode="json") if message.plate is not None else None,
        picture_id=message.picture,
        presentation=None if message.presentation is None else message.presentation.value,
        times=message.times.model_dump(exclude_none=True),
    )


def picture_row(message: PictureV1) -> PictureRow:
    """Raises UnusableError for what is no JPEG of a sensible size."""
    try:
        jpeg = base64.b64decode(message.jpeg_base64, validate=True)
    except (binascii.Error, ValueError):
        raise UnusableError("the picture is not base64") from None
    if len(jpeg) > MAX_PICTURE_BYTES or not jpeg.startswith(b"\xff\xd8\xff"):
        raise UnusableError(f"the picture is no JPEG of at most {MAX_PICTURE_BYTES} bytes")
    return PictureRow(id=message.picture_id, passage_id=message.passage_id, taken_at=message.taken_at, jpeg=jpeg)


def alert_row(firing: Firing, message: PassageV1, now: datetime) -> AlertRow:
    """A raised alert: ``occurred_at`` is the passage's own time, however late it was heard of."""
    return AlertRow(
        id=new_id(),
        cause=firing.cause,
        rule=firing.rule,
        trigger=firing.trigger,
        severity=firing.severity.value,
        state=AlertState.RAISED.value,
        checkpoint=message.checkpoint,
        passage_id=message.passage_id,
        occurred_at=message.occurred_at,
        raised_at=now,
    )


def alert_raised(row: AlertRow) -> AlertRaisedV1:
    """What other systems on the broker are told: never who."""
    return AlertRaisedV1(
        alert_id=row.id,
        rule=row.rule,
        severity=row.severity,
        checkpoint=CheckpointId(row.checkpoint) if row.checkpoint is not None else None,
        raised_at=row.raised_at,
    )


def camera_payload(edge: str, message: CameraConditionV1) -> dict[str, Any]:
    """What a page is told about a camera."""
    return {
        "id": message.camera,
        "edge": edge,
        "condition": message.condition.value,
        "since": isoformat(message.since),
        "until": None if message.until is None else isoformat(message.until),
        "blind": message.blind,
        "checkpoints": list(message.checkpoints),
        "detail": message.detail,
    }
