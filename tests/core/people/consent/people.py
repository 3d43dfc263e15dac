"""People, consents and templates for these tests."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.ids import new_id
from core.people.consent.guardians import Guardian
from core.people.consent.ledger import do_grant_consent
from core.people.consent.machine import ENDED
from core.people.consent.transitions import Act
from core.people.consent.words import Channel, GuardianEvidence, Relation, Scope
from core.people.notices import Notice, current_notice
from core.people.subjects import do_put_subject
from core.storage.schema import ConsentRow, ListChangeRow, SealedTemplateRow, SubjectRow
from tests.core.estates import NOW, key

MOTHER = Guardian(ref="file-2026-17", relation=Relation.PARENT, evidence=GuardianEvidence.HOUSEHOLD_REGISTER)
CHILD_BORN = date(2016, 5, 4)


def act(at: datetime = NOW) -> Act:
    return Act(at, by="desk-1", channel=Channel.DESK)


def person(
    db: Session, *, born: date | None = None, valid_until: datetime | None = None, now: datetime = NOW
) -> SubjectRow:
    """Somebody who may pass the gate of edge-1."""
    return do_put_subject(
        db,
        key(),
        name="王小明",
        kind="resident",
        checkpoints=["gate"],
        valid_from=NOW,
        valid_until=valid_until,
        now=now,
        born=born,
    )


def consenting(
    db: Session, subject: SubjectRow | None = None, notice: Notice | None = None, *, now: datetime = NOW
) -> ConsentRow:
    """The person's own consent, to face.access unless the notice is of another purpose."""
    who = subject or person(db, now=now)
    words = notice or current_notice(Scope.FACE_ACCESS)
    return do_grant_consent(db, who, words, channel="desk", given_by="self", now=now)


def guarded(db: Session, subject: SubjectRow, *, now: datetime = NOW) -> ConsentRow:
    """A guardian's consent for a child."""
    words = current_notice(Scope.FACE_ACCESS)
    return do_grant_consent(
        db, subject, words, channel="desk", given_by="guardian", guardian=MOTHER, now=now, by="desk-1"
    )


def keep_template(db: Session, consent: ConsentRow, edge: str = "edge-1") -> str:
    """A sealed template that rests on the consent: its id."""
    template_id = new_id()
    db.add(
        SealedTemplateRow(
            template_id=template_id,
            edge_id=edge,
            subject=consent.subject,
            consent_id=consent.id,
            model="sface@0ba9fbfa01b5",
            key_fingerprint="0" * 16,
            sealed=b"ciphertext",
        )
    )
    db.flush()
    return template_id


def templates(db: Session) -> list[str]:
    """Ids of every sealed template there is."""
    return sorted(db.scalars(select(SealedTemplateRow.template_id)))


def told(db: Session, edge: str = "edge-1") -> list[tuple[str, str | None]]:
    """(op, consent) of what was noted about whole consents for an edge, in order."""
    rows = select(ListChangeRow).where(ListChangeRow.edge_id == edge, ListChangeRow.second_ref.is_not(None))
    return [(row.op, row.second_ref) for row in db.scalars(rows.order_by(ListChangeRow.number))]


def end_of(consent: ConsentRow) -> dict[str, Any]:
    """The step in which it ended; where no edge was ever trusted, it is purged in the next."""
    return next(entry for entry in consent.events if entry["to"] in ENDED)


def events(consent: ConsentRow) -> list[str]:
    return [entry["event"] for entry in consent.events]
