"""What ends consents without anybody asking for it: people who leave, other purposes, proofs that all is erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from core.people.consent.machine import ENDED, OVER, STANDING, TRANSITIONS, ConsentEvent, ConsentState
from core.people.consent.queries import STANDING_VALUES
from core.people.consent.transitions import Act, do_move
from core.people.notices import Notice
from core.people.tombstones import Entry, note_entry
from core.storage.schema import ConsentRow, EdgeRow, ErasureRow, SubjectRow

MAX_AT_ONCE = 25
"""Consents moved in one transaction, which holds every edge's row: at 40 edges one takes some 40 ms, and the erasure
somebody just asked for waits behind it. The next transaction goes on."""
log = structlog.get_logger()


def end_consents_of(db: Session, subject: SubjectRow, now: datetime) -> None:
    """The person is gone: whatever they consented to ends, what they were only asked lapses."""
    note_entry(db, Entry(subject=subject.key, event=ConsentEvent.SUBJECT_LEFT.value, at=now))
    open_ones = select(ConsentRow).where(
        ConsentRow.subject == subject.key, ConsentRow.state.in_([*STANDING_VALUES, ConsentState.NOTICED.value])
    )
    for row in db.scalars(open_ones.with_for_update().order_by(ConsentRow.id)).all():
        do_end(db, row, ConsentEvent.SUBJECT_LEFT, Act(now))


def do_end(db: Session, consent: ConsentRow, why: ConsentEvent, act: Act) -> bool:
    """End the consent because of ``why``, from whatever state it is in; whether there was anything to end.

    Where the table has no such step from here (leaving while suspended), it takes the one that ends: the reason tells
    why. The caller holds the row lock.
    """
    state = ConsentState(consent.state)
    if state in OVER:
        return False
    if (state, why) in TRANSITIONS:
        do_move(db, consent, why, act)
        return True
    reason = act.reason or why.value
    if state is ConsentState.NOTICED:
        do_move(db, consent, ConsentEvent.EXPIRE_OFFER, Act(act.at, act.by, act.channel, reason))
        return True
    if state not in STANDING:
        return False
    way_out = {ConsentEvent.SUBJECT_LEFT, ConsentEvent.WITHDRAW}
    event = ConsentEvent.WITHDRAW if why in way_out else _by_time(state)
    do_move(db, consent, event, Act(act.at, act.by, act.channel, reason))
    return True


def do_end_restored(db: Session, consent_ids: Sequence[str], now: datetime) -> list[str]:
    """Consents that ended once and came back with a backup, as edges that erased them say: ended again.

    The ids that were ended now. Locks consents; call it before any edge is locked, or accept that rows another
    transaction holds are left for the next time (they are skipped, not waited for).
    """
    query = (
        select(ConsentRow)
        .where(ConsentRow.id.in_(consent_ids), ConsentRow.state.in_(STANDING_VALUES))
        .order_by(ConsentRow.id)
        .limit(MAX_AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    ended = [
        row.id
        for row in db.scalars(query).all()
        if do_end(db, row, ConsentEvent.WITHDRAW, Act(now, reason="restored_erased"))
    ]
    if ended:
        log.warning("consent.restored_erased", consents=len(ended))
    return ended


def do_supersede(db: Session, notice: Notice, act: Act, limit: int = MAX_AT_ONCE) -> int:
    """End consents whose words no longer say what is done (PIPL art. 14), at most ``limit``; how many.

    What was agreed to on those words ends, what was only offered lapses.
    """
    if not notice.supersedes:
        return 0
    query = (
        select(ConsentRow)
        .where(
            ConsentRow.scope == notice.scope.value,
            ConsentRow.notice_version.in_(notice.supersedes),
            ConsentRow.state.in_([*STANDING_VALUES, ConsentState.NOTICED.value]),
        )
        .order_by(ConsentRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return sum(do_end(db, row, ConsentEvent.PURPOSE_CHANGE, act) for row in db.scalars(query).all())


def do_purge_confirmed(db: Session, edge_id: str, now: datetime) -> list[str]:
    """Ended consents of which every asked edge, ``edge_id`` last, has proved that it holds nothing: purged; their ids.

    Call it in the transaction that wrote ``confirmed_at``. It waits for nobody: a consent another transaction holds is
    purged by the next upkeep.
    """
    asked_here = exists().where(ErasureRow.consent_id == ConsentRow.id, ErasureRow.edge_id == edge_id)
    return do_purge(db, now, asked_here)


def do_purge(db: Session, now: datetime, *conditions: ColumnElement[bool], limit: int = MAX_AT_ONCE) -> list[str]:
    """Ended consents that wait for no edge's proof any more: purged; their ids.

    Of those no edge was asked about yet, none, unless there is no edge to ask.
    """
    waits = exists().where(ErasureRow.consent_id == ConsentRow.id, ErasureRow.confirmed_at.is_(None))
    asked = exists().where(ErasureRow.consent_id == ConsentRow.id)
    nobody_to_ask = ~exists().where(EdgeRow.approved_key_base64.is_not(None))
    query = (
        select(ConsentRow)
        .where(ConsentRow.state.in_([one.value for one in ENDED]), ~waits, or_(asked, nobody_to_ask))
        .where(*conditions)
        .order_by(ConsentRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return [do_move(db, row, ConsentEvent.PURGE, Act(now)).id for row in db.scalars(query).all()]


def _by_time(state: ConsentState) -> ConsentEvent:
    return ConsentEvent.EXPIRE if state is ConsentState.ACTIVE else ConsentEvent.DEADLINE
