"""Rows of the live stream.

Payloads hold ids and display fields only: neither names nor the keys of people and vehicles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from core.storage.schema import LiveRow

_LOCK = 0x616E6A75  # any number nobody else uses; "anju"


class LiveKind(StrEnum):
    PASSAGE = "passage"
    PICTURE = "picture"
    ALERT = "alert"
    ALERT_CHANGED = "alert_changed"
    CHECKPOINT = "checkpoint"
    EDGE = "edge"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One thing pages are told; ``id`` grows with every commit."""

    id: int
    kind: LiveKind
    payload: dict[str, Any]
    at: datetime


def append(db: Session, kind: LiveKind | str, payload: dict[str, Any]) -> int:
    """Tell pages one thing when the transaction commits. Its number."""
    return append_many(db, [(LiveKind(kind), payload)])


def append_many(db: Session, told: Sequence[tuple[LiveKind, dict[str, Any]]]) -> int:
    """Tell pages several things, in order. The number of the last (0 when there was nothing to tell).

    Call it last in a transaction: from here to the commit no other transaction can add live rows. That is what makes
    numbers follow commits, so that a page that has read number n will never be shown a smaller one.
    """
    if not told:
        return 0
    if db.get_bind().dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    now = datetime.now(UTC)
    rows = [{"kind": kind.value, "payload": payload, "at": now} for kind, payload in told]
    numbers = db.scalars(insert(LiveRow).returning(LiveRow.id, sort_by_parameter_order=True), rows).all()
    return numbers[-1]


def read_after(db: Session, after: int, limit: int = 500) -> list[LiveEvent]:
    """At most ``limit`` events with a number above ``after``, oldest first."""
    rows = db.scalars(select(LiveRow).where(LiveRow.id > after).order_by(LiveRow.id).limit(limit))
    return [LiveEvent(row.id, LiveKind(row.kind), row.payload, row.at) for row in rows]


def newest(db: Session) -> int:
    """Number of the newest event; 0 before the first."""
    return db.scalar(select(func.max(LiveRow.id))) or 0


def prune(db: Session, keep: int) -> int:
    """Delete all but about the ``keep`` newest (numbers have gaps). How many went. ``keep`` is at least 1."""
    if keep < 1:
        raise ValueError("the newest live row stays: numbering goes on from it")
    gone = db.scalars(delete(LiveRow).where(LiveRow.id <= newest(db) - keep).returning(LiveRow.id))
    return len(gone.all())
