"""Who may consent for whom. Children under 14: a guardian only (PIPL art. 31, face measures art. 7)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.base import Message
from core.errors import InvalidError
from core.people.consent.errors import GuardianDetailsError, GuardianNeededError
from core.people.consent.machine import STANDING
from core.people.consent.periods import CHINA_TIME, is_under_14, turns_14
from core.people.consent.words import GivenBy, GuardianEvidence, Relation, Scope
from core.storage.schema import ConsentRow, SubjectRow

REF_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$"
_CHILDRENS_GUARDIANS = frozenset({Relation.PARENT, Relation.GRANDPARENT, Relation.SIBLING, Relation.LEGAL_GUARDIAN})


class Guardian(Message):
    """Who consented for the person. ref: opaque, the guardian's own key or the number of a paper file; no name."""

    ref: Annotated[str, Field(pattern=REF_PATTERN)]
    relation: Relation
    evidence: GuardianEvidence


def check_age(db: Session, subject: SubjectRow | None, key: str, born: date | None, now: datetime) -> date | None:
    """What to keep of a date of birth: a child's 14th birthday, else nothing. Without one, what is known already.

    Kept too while a guardian's consent stands: it is what ends that consent, also one that is suspended meanwhile.
    Raises InvalidError for a day that has not come, GuardianNeededError when the child's own consent stands.
    """
    if born is None:
        return subject.turns_14_on if subject is not None else None
    if born > now.astimezone(CHINA_TIME).date():
        raise InvalidError("a date of birth can't lie in the future")
    if not is_under_14(birthday := turns_14(born), now):
        return birthday if _stands_by(db, key, GivenBy.GUARDIAN) else None
    if _stands_by(db, key, GivenBy.SELF):
        raise GuardianNeededError("this child's own consent stands: withdraw it, then ask a guardian")
    return birthday


def check_giver(
    subject: SubjectRow, scope: Scope, given_by: GivenBy, guardian: Guardian | None, now: datetime
) -> Guardian | None:
    """The guardian to record, if it is one's to give. Raises GuardianNeededError, GuardianDetailsError."""
    under_14 = is_under_14(subject.turns_14_on, now)
    if given_by is GivenBy.SELF:
        if under_14:
            raise GuardianNeededError("this person is under 14: a parent or other guardian has to consent")
        if scope is Scope.FACE_MISSING_PERSON:
            raise GuardianNeededError("a missing person can't consent: their guardian or family has to")
        if guardian is not None:
            raise GuardianDetailsError("guardian details go with a guardian's consent only; leave them out")
        return None
    if given_by is not GivenBy.GUARDIAN or guardian is None:
        raise GuardianDetailsError(
            "a guardian's consent needs 'ref' (their key or a file number, no name), 'relation' and 'evidence'"
        )
    if scope is not Scope.FACE_MISSING_PERSON and is_14_now(subject, now):
        raise GuardianDetailsError("this person has turned 14: a guardian's word no longer counts, they are asked")
    if under_14 and scope is not Scope.FACE_MISSING_PERSON and guardian.relation not in _CHILDRENS_GUARDIANS:
        raise GuardianDetailsError(f"a '{guardian.relation.value}' is no guardian of a child under 14")
    return guardian


def is_14_now(subject: SubjectRow, now: datetime) -> bool:
    """Whether somebody who was a child when a guardian could consent has turned 14 since."""
    return subject.turns_14_on is not None and not is_under_14(subject.turns_14_on, now)


def _stands_by(db: Session, key: str, given_by: GivenBy) -> bool:
    standing = select(ConsentRow.id).where(
        ConsentRow.subject == key, ConsentRow.given_by == given_by.value, ConsentRow.state.in_(sorted(STANDING))
    )
    return db.scalars(standing).first() is not None
