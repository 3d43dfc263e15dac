"""What time does to consents. Run every minute by the core; run twice, or by two cores at once, it does it once."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from core.people.consent.endings import MAX_AT_ONCE, do_purge, do_supersede
from core.people.consent.machine import ENDED, ConsentEvent, ConsentState
from core.people.consent.periods import CHINA_TIME, OFFER, is_under_14, longest
from core.people.consent.queries import STANDING_VALUES
from core.people.consent.transitions import Act, do_erase, do_move
from core.people.consent.words import GivenBy, Scope
from core.people.notices import current_notice
from core.storage.schema import ConsentRow, EdgeRow, ErasureRow, SubjectRow

_E, _S = ConsentEvent, ConsentState
ASKED = "asked_for_proof"
"""Counted beside the events: ended consents of which edges were asked afterwards to prove what they erased."""


def do_due_transitions(db: Session, now: datetime, limit: int = MAX_AT_ONCE) -> Counter[str]:
    """Everything that is due: offers and deadlines that passed, consents that end, 14th birthdays, other purposes, and
    purges. How often each event, and ``ASKED``, happened; at most ``limit`` consents a kind, the rest with the next
    run.

    Rows another transaction holds are passed over: they are as due a minute later.
    """
    done: Counter[str] = Counter()
    _date_undated(db, now, 20 * limit)  # which concerns no edge
    for event, state, condition, reason in _due(now):
        query = (
            select(ConsentRow)
            .join(SubjectRow, SubjectRow.key == ConsentRow.subject)
            .where(ConsentRow.state == state.value, condition)
            .order_by(ConsentRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=ConsentRow)
            .execution_options(populate_existing=True)
        )
        for row in db.scalars(query).all():
            do_move(db, row, event, Act(now, reason=reason))
            done[event.value] += 1
    for scope in Scope:
        done[_E.PURPOSE_CHANGE.value] += do_supersede(db, current_notice(scope), Act(now), limit)
    done[ASKED] = _ask_unasked(db, now, limit)
    done[_E.PURGE.value] += len(do_purge(db, now, limit=limit))
    return +done


def _due(now: datetime) -> list[tuple[ConsentEvent, ConsentState, ColumnElement[bool], str | None]]:
    over = SubjectRow.valid_until <= now
    late = ConsentRow.deadline_at <= now
    past_end = or_(ConsentRow.expires_at <= now, over)
    guardians_word = and_(
        ConsentRow.given_by == GivenBy.GUARDIAN.value,
        ConsentRow.scope != Scope.FACE_MISSING_PERSON.value,
        SubjectRow.turns_14_on <= now.astimezone(CHINA_TIME).date(),
    )
    access = aliased(ConsentRow)
    nothing_to_store = and_(
        ConsentRow.scope == Scope.FACE_SITE_SERVER.value,
        ~exists().where(
            access.subject == ConsentRow.subject,
            access.scope == Scope.FACE_ACCESS.value,
            access.state.in_(STANDING_VALUES),
        ),
    )
    return [
        (_E.EXPIRE_OFFER, _S.NOTICED, late, None),
        (_E.DEADLINE, _S.SUSPENDED, or_(late, past_end), None),
        (_E.DEADLINE, _S.RECONSENT_DUE, or_(late, over), None),
        (_E.EXPIRE, _S.ACTIVE, past_end, None),
        (_E.TURN14, _S.ACTIVE, guardians_word, None),
        (_E.WITHDRAW, _S.ACTIVE, nothing_to_store, "access_ended"),
    ]


def _date_undated(db: Session, now: datetime, limit: int) -> None:
    """Consents recorded before consents had an end get the one they would have got, but time enough to be renewed."""
    undated = (
        select(ConsentRow, SubjectRow.turns_14_on)
        .join(SubjectRow, SubjectRow.key == ConsentRow.subject)
        .where(ConsentRow.state == _S.ACTIVE.value, ConsentRow.expires_at.is_(None))
        .order_by(ConsentRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=ConsentRow)
    )
    for row, turns_14_on in db.execute(undated).all():
        granted = row.granted_at or row.state_since
        would_have = granted + longest(Scope(row.scope), minor=is_under_14(turns_14_on, granted))
        row.expires_at = max(would_have, now + OFFER)
    db.flush()


def _ask_unasked(db: Session, now: datetime, limit: int) -> int:
    """Consents that ended before erasures were proved: every trusted edge is asked to prove them, too. How many."""
    if db.scalar(select(EdgeRow.id).where(EdgeRow.approved_key_base64.is_not(None)).limit(1)) is None:
        return 0
    unasked = (
        select(ConsentRow)
        .where(
            ConsentRow.state.in_([one.value for one in ENDED]),
            ~exists().where(ErasureRow.consent_id == ConsentRow.id),
        )
        .order_by(ConsentRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = db.scalars(unasked).all()
    for row in rows:
        do_erase(db, row, now)
    return len(rows)
