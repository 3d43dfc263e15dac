"""What the core remembers of time, in its database: when it last worked, and what edges had counted by then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from pydantic import Field
from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from core.cases.machine import CaseState
from core.clock.judge import OFF_AT_MOST, WRONG_BY, Doubt, earlier
from core.contract.base import Instant, Message
from core.contract.ids import EdgeId
from core.errors import ConflictError, InvalidError
from core.people.consent.machine import STANDING, ConsentState
from core.storage.schema import CaseRow, ConsentRow, EdgeRow, SettingRow

HEARD_LATELY = timedelta(minutes=2)
"""Edges tell their state every 10 s."""
_NAME = "core.clock"
log = structlog.get_logger()


class ClockInDoubtError(ConflictError):
    """Nothing that lasts for a time begins while nobody knows what time it is."""


class Counted(Message):
    """What an edge had counted (``EdgeStateV1.steady_s``) at a time that was believed."""

    at: Instant
    steady_s: float


class ClockRecord(Message):
    """at: the newest time the core worked by; since: when the doubt began, by that time.

    confirmed_at: what the clock showed when an administrator said that it is right.
    """

    at: Instant
    doubt: Doubt | None = None
    since: Instant | None = None
    edges: dict[EdgeId, Counted] = Field(default_factory=dict)
    confirmed_at: Instant | None = None
    confirmed_by: str | None = None


def read_record(db: Session, *, lock: bool = False) -> ClockRecord | None:
    """None where the core never worked yet."""
    row = db.get(SettingRow, _NAME, with_for_update=lock or None, populate_existing=lock)
    return ClockRecord.model_validate_json(row.value) if row is not None else None


def write_record(db: Session, record: ClockRecord) -> None:
    db.merge(SettingRow(name=_NAME, value=record.model_dump_json()))
    db.flush()


def check_clock(db: Session) -> None:
    """Raises ClockInDoubtError while the core doubts its clock."""
    record = read_record(db)
    if record is not None and record.doubt is not None:
        raise ClockInDoubtError(
            f"this machine's clock is {record.doubt.value} of the time the core can account for: set it right, or "
            "confirm it ('anju core clock show' says more)"
        )


def time_to_end_by(db: Session, wall: datetime) -> datetime:
    """The time by which consents may end, for who is not the running core."""
    record = read_record(db)
    if record is None or (record.doubt is None and record.at <= wall <= record.at + OFF_AT_MOST):
        return wall
    return earlier(wall, record.at)


def do_confirm_clock(db: Session, told: datetime, wall: datetime, by: str) -> ClockRecord:
    """An administrator says what time it is, and the clock agrees: it is believed from now on, whatever it was before.

    Raises InvalidError when it shows another time than ``told``.
    """
    if abs(told - wall) > WRONG_BY:
        minutes = int(WRONG_BY.total_seconds() / 60)
        raise InvalidError(
            f"this machine's clock shows {wall.isoformat(timespec='minutes')}, more than {minutes} minutes from what "
            "you say; set it first (timedatectl), then confirm it"
        )
    read_record(db, lock=True)
    record = ClockRecord(at=wall, confirmed_at=wall, confirmed_by=by)
    write_record(db, record)
    log.warning("clock.confirmed", by=by)
    return record


def counted_now(db: Session, wall: datetime, before: dict[EdgeId, Counted]) -> dict[EdgeId, Counted]:
    """What edges have counted by now, ``wall`` being right; of those not heard lately, what they had ``before``."""
    found = {}
    for row in _trusted(db):
        edge, steady_s = EdgeId(row.id), _steady_s(row)
        if steady_s is not None and row.state_at is not None and abs(wall - row.state_at) <= HEARD_LATELY:
            found[edge] = Counted(at=row.state_at, steady_s=steady_s)
        elif edge in before:
            found[edge] = before[edge]
    return found


def times_counted(db: Session, wall: datetime, before: dict[EdgeId, Counted]) -> Iterator[datetime]:
    """The time as each edge tells it that has been on ever since ``before``: then, and what it has counted since.

    Its own wall clock plays no part: on the core's machine it is the core's, wrong as that.
    """
    for row in _trusted(db):
        then, steady_s = before.get(EdgeId(row.id)), _steady_s(row)
        if then is None or steady_s is None or row.state_at is None or steady_s < then.steady_s:
            continue
        if abs(wall - row.state_at) <= HEARD_LATELY:
            yield then.at + timedelta(seconds=steady_s - then.steady_s) + (wall - row.state_at)


def something_can_end(db: Session) -> bool:
    """Whether a wrong clock could do harm that can't be undone."""
    consents = exists().where(ConsentRow.state.in_([*sorted(STANDING), ConsentState.NOTICED.value]))
    cases = exists().where(CaseRow.state.in_([CaseState.REQUESTED.value, CaseState.OPEN.value]))
    return bool(db.scalar(select(or_(consents, cases))))


def _trusted(db: Session) -> list[EdgeRow]:
    approved = select(EdgeRow).where(EdgeRow.approved_key_base64.is_not(None))
    return list(db.scalars(approved.where(EdgeRow.approved_key_base64 == EdgeRow.key_base64)))


def _steady_s(row: EdgeRow) -> float | None:
    return row.state.get("steady_s") if row.state is not None else None
