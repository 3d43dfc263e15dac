"""Passages as they were recorded. They never change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.base import isoformat
from core.errors import NotFoundError
from core.storage.schema import PassageRow, PictureRow

MAX_LISTED = 1000


class PassageNotFoundError(NotFoundError):
    """No passage has that id."""


class PictureNotFoundError(NotFoundError):
    """No picture has that id: it was dropped at the edge, has not arrived yet, or is past its retention."""


def list_passages(db: Session, limit: int = 100) -> list[PassageRow]:
    """The newest passages first (by id: UUIDv7 sorts by time of birth), at most ``limit``, never above 1,000."""
    return list(db.scalars(select(PassageRow).order_by(PassageRow.id.desc()).limit(min(limit, MAX_LISTED))))


def passage(db: Session, passage_id: str) -> PassageRow:
    """The passage with that id. Raises PassageNotFoundError."""
    row = db.get(PassageRow, passage_id)
    if row is None:
        raise PassageNotFoundError("there is no such passage")
    return row


def picture(db: Session, picture_id: str) -> PictureRow:
    """The picture with that id. Raises PictureNotFoundError."""
    row = db.get(PictureRow, picture_id)
    if row is None:
        raise PictureNotFoundError("there is no such picture: not arrived yet, dropped at the edge, or no longer kept")
    return row


def passage_payload(row: PassageRow) -> dict[str, Any]:
    """What a page is told about a passage: not who, nor whose vehicle, so that no page can follow anybody."""
    return {
        "id": row.id,
        "edge": row.edge_id,
        "checkpoint": row.checkpoint,
        "ring": row.ring,
        "camera": row.camera,
        "occurred_at": isoformat(row.occurred_at),
        "direction": row.direction,
        "credential": row.credential,
        "verdict": row.verdict,
        "reason": row.reason,
        "passed": row.passed,
        "gate_opened": row.gate_opened,
        "plate": row.plate,
        "picture": row.picture_id,
        "times": row.times,
    }
