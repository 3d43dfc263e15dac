"""The alert desk: list, look, acknowledge."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.base import isoformat
from core.errors import ConflictError, NotFoundError
from core.live import LiveKind, append
from core.storage.schema import AlertRow

MAX_LISTED = 1000


class AlertState(StrEnum):
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"


class AlertNotFoundError(NotFoundError):
    """No alert has that id."""


class AlreadyAcknowledgedError(ConflictError):
    """Somebody was faster. ``by`` is their account, ``at`` the time."""

    def __init__(self, by: str | None, at: datetime | None) -> None:
        self.by, self.at = by, at
        super().__init__(f"already acknowledged by {by or 'somebody'} at {at.isoformat() if at else 'an earlier time'}")


def list_alerts(db: Session, *, state: AlertState | str | None = None, limit: int = 100) -> list[AlertRow]:
    """The newest alerts first, at most ``limit`` (and never above ``MAX_LISTED``), of one state or of all."""
    query = select(AlertRow).order_by(AlertRow.raised_at.desc(), AlertRow.id.desc()).limit(min(limit, MAX_LISTED))
    if state is not None:
        query = query.where(AlertRow.state == AlertState(state).value)
    return list(db.scalars(query))


def alert(db: Session, alert_id: str) -> AlertRow:
    """The alert with that id. Raises AlertNotFoundError."""
    row = db.get(AlertRow, alert_id)
    if row is None:
        raise AlertNotFoundError("there is no such alert; reload the list")
    return row


def check_acknowledge(db: Session, alert_id: str, actor: str) -> AlertRow:
    """The alert, if ``actor`` (an account's name) can still acknowledge it.

    Raises AlertNotFoundError, AlreadyAcknowledgedError (also when it was ``actor``: an answer is given once).
    """
    if not actor:
        raise ValueError("an acknowledgement needs the account that gives it")
    row = alert(db, alert_id)
    _refuse_second(row)
    return row


def do_acknowledge(db: Session, alert: AlertRow, actor: str, now: datetime) -> AlertRow:
    """Acknowledge ``alert`` in ``actor``'s name; pages are told on commit.

    Takes the row's lock and looks again, so of two people at the same moment one succeeds and the other gets
    AlreadyAcknowledgedError with the first one's name.
    """
    locked = db.get(AlertRow, alert.id, with_for_update=True, populate_existing=True)
    if locked is None:
        raise AlertNotFoundError("the alert is gone; reload the list")
    _refuse_second(locked)
    locked.state = AlertState.ACKNOWLEDGED.value
    locked.acknowledged_at = now
    locked.acknowledged_by = actor
    db.flush()
    append(db, LiveKind.ALERT_CHANGED, alert_payload(locked))
    return locked


def alert_payload(row: AlertRow) -> dict[str, Any]:
    """What a page is told about an alert."""
    return {
        "id": row.id,
        "rule": row.rule,
        "trigger": row.trigger,
        "severity": row.severity,
        "state": row.state,
        "checkpoint": row.checkpoint,
        "passage": row.passage_id,
        "occurred_at": isoformat(row.occurred_at),
        "raised_at": isoformat(row.raised_at),
        "acknowledged_at": isoformat(row.acknowledged_at) if row.acknowledged_at else None,
        "acknowledged_by": row.acknowledged_by,
    }


def _refuse_second(row: AlertRow) -> None:
    if row.state != AlertState.RAISED.value:
        raise AlreadyAcknowledgedError(row.acknowledged_by, row.acknowledged_at)
