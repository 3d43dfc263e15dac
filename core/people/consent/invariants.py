"""I1 and I3: no template without a consent that stands, and none under another's. Checked hourly, mended at once.

The ways in (enrolment, endings) can't break them; this finds what came by another way: a restored table, a hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.lists.changes import ChangeOp, all_edges, note_change
from core.people.consent.queries import STANDING_VALUES
from core.people.consent.words import TEMPLATE_SCOPES
from core.storage.schema import ConsentRow, SealedTemplateRow, SubjectRow

MAX_VIOLATIONS = 10_000
log = structlog.get_logger()


class Breach(StrEnum):
    NO_STANDING_CONSENT = "no_standing_consent"
    ANOTHERS_CONSENT = "anothers_consent"
    OTHER_PURPOSE = "other_purpose"  # of a scope no template can rest on
    PERSON_REMOVED = "person_removed"


@dataclass(frozen=True, slots=True)
class Violation:
    """A sealed template that must not be there."""

    breach: Breach
    template_id: str
    edge: str
    subject: str
    consent: str


def check_invariants(db: Session) -> tuple[Violation, ...]:
    """Every sealed template that breaks I1 or I3, at most ``MAX_VIOLATIONS``; changes nothing."""
    query = (
        select(SealedTemplateRow, ConsentRow, SubjectRow.removed_at)
        .outerjoin(ConsentRow, ConsentRow.id == SealedTemplateRow.consent_id)
        .outerjoin(SubjectRow, SubjectRow.key == SealedTemplateRow.subject)
        .where(
            ConsentRow.id.is_(None)
            | ConsentRow.state.not_in(STANDING_VALUES)
            | (ConsentRow.subject != SealedTemplateRow.subject)
            | ConsentRow.scope.not_in([one.value for one in TEMPLATE_SCOPES])
            | SubjectRow.key.is_(None)
            | SubjectRow.removed_at.is_not(None)
        )
        .order_by(SealedTemplateRow.template_id, SealedTemplateRow.edge_id)
        .limit(MAX_VIOLATIONS)
    )
    return tuple(
        Violation(_breach(row, consent), row.template_id, row.edge_id, row.subject, row.consent_id)
        for row, consent, _ in db.execute(query).all()
    )


def do_erase_violations(db: Session, violations: Sequence[Violation], now: datetime) -> int:
    """Delete what must not be there, and tell every edge to do so; how many rows went. Logged, and counted by kind."""
    if not violations:
        return 0
    log.error("consent.invariant_broken", **Counter(one.breach.value for one in violations))
    for one in violations:
        row = db.get(SealedTemplateRow, (one.template_id, one.edge))
        if row is not None:
            db.delete(row)
    db.flush()
    for template in sorted({one.template_id for one in violations}):
        note_change(db, all_edges(db), ChangeOp.ERASE_TEMPLATE, template, now=now)
    return len(violations)


def _breach(row: SealedTemplateRow, consent: ConsentRow | None) -> Breach:
    if consent is None or consent.state not in STANDING_VALUES:
        return Breach.NO_STANDING_CONSENT
    if consent.subject != row.subject:
        return Breach.ANOTHERS_CONSENT
    if consent.scope not in TEMPLATE_SCOPES:
        return Breach.OTHER_PURPOSE
    return Breach.PERSON_REMOVED
