"""What the core remembers of time, in its database: when it last worked, and what edges had counted by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import structlog
from pydantic import Field
from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from core.cases.machine import CaseState
from core.clock.judge import RELEASED_AT, WRONG_BY, Doubt, doubt_about, earlier
from core.contract.base import Instant, Message
from core.contract.ids import EdgeId, UuidText
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
    """What an edge had counted (``EdgeStateV1.steady_s``, ``boot_id``) at a time that was believed."""

    at: Instant
    steady_s: float
    boot_id: UuidText | None = None


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


def check_clock(db: Session, wall: datetime) -> None:
    """Raises ClockInDoubtError while the core doubts its clock, or would if it looked at ``wall``."""
    doubt = _doubt_beside(db, read_record(db), wall)
    if doubt is not None:
        raise ClockInDoubtError(
            f"the server's clock is {doubt.told}: no consent is recorded and no case begins meanwhile. An "
            "administrator sets it right, or confirms it, if it is right: 'anju core clock show' tells more"
        )


def time_to_end_by(db: Session, wall: datetime) -> datetime:
    """The time by which consents may end, for who is not the running core."""
    record = read_record(db)
    if record is None or _doubt_beside(db, record, wall) is None:
        return wall
    return earlier(wall, record.at)


def _doubt_beside(db: Session, record: ClockRecord | None, wall: datetime) -> Doubt | None:
    """What speaks against ``wall`` for who is not the running core, and counts nothing."""
    if record is not None and record.doubt is not None:
        return record.doubt
    doubt = doubt_about(wall, record.at if record is not None else None, off_before=True)
    return doubt if doubt is not None and does_harm(db, wall) else None


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


def heard_lately(db: Session, wall: datetime, own_boot: str | None) -> dict[EdgeId, Counted]:
    """What edges that are there now have counted, as of ``wall``.

    Their own wall clocks play no part. own_boot: of the core's machine: who runs on it knows no better than the core.
    """
    approved = select(EdgeRow).where(EdgeRow.approved_key_base64.is_not(None))
    found = {}
    for row in db.scalars(approved.where(EdgeRow.approved_key_base64 == EdgeRow.key_base64)):
        state = row.state or {}
        steady_s, boot = state.get("steady_s"), state.get("boot_id")
        if steady_s is None or boot in (None, own_boot) or row.state_at is None:
            continue
        if abs(wall - row.state_at) <= HEARD_LATELY:
            found[EdgeId(row.id)] = Counted(at=row.state_at, steady_s=steady_s, boot_id=boot)
    return found


def times_counted(
    wall: datetime, heard: Mapping[EdgeId, Counted], before: Mapping[EdgeId, Counted]
) -> Iterator[datetime]:
    """The time by each edge that has been on ever since ``before``: then, and what it has counted since."""
    for edge, now in heard.items():
        then = before.get(edge)
        if then is not None and then.boot_id == now.boot_id and then.steady_s <= now.steady_s:
            yield then.at + timedelta(seconds=now.steady_s - then.steady_s) + (wall - now.at)


def does_harm(db: Session, wall: datetime) -> bool:
    """Whether a wrong clock could do harm that can't be undone: there is something to end, or nothing ends right."""
    return wall < RELEASED_AT or _something_can_end(db)


def _something_can_end(db: Session) -> bool:
    consents = exists().where(ConsentRow.state.in_([*sorted(STANDING), ConsentState.NOTICED.value]))
    cases = exists().where(CaseRow.state.in_([CaseState.REQUESTED.value, CaseState.OPEN.value]))
    return bool(db.scalar(select(or_(consents, cases))))
