"""QR passes: signed, good offline at every edge, revocable."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.ids import PassId, SubjectKey
from core.contract.signed import QrPass, sign_pass
from core.errors import ConflictError, InvalidError, NotFoundError
from core.lists.changes import ChangeOp, all_edges, note_change
from core.people.subjects import check_key, check_window
from core.people.subjects import subject as find_subject
from core.storage.schema import PassRow

_LAST_SECOND = 2**32 - 1  # a pass writes its times as unsigned 32-bit seconds


class PassNotFoundError(NotFoundError):
    """No pass has that id."""


def list_passes(db: Session, subject: str | None = None, limit: int = 1000) -> list[PassRow]:
    """Passes, newest first, of one person or of all."""
    query = select(PassRow).order_by(PassRow.issued_at.desc(), PassRow.id.desc()).limit(limit)
    return list(db.scalars(query if subject is None else query.where(PassRow.subject == subject)))


def do_issue_pass(
    db: Session,
    pass_id: str,
    subject: str,
    *,
    valid_from: datetime,
    valid_until: datetime,
    signing_key: Ed25519PrivateKey,
    now: datetime,
) -> str:
    """Text of the pass's QR code. The same id with the same claims gives the same text again.

    Times are cut to whole seconds. Raises SubjectNotFoundError, InvalidError, ConflictError (the id stands for other
    claims, or was revoked).
    """
    check_key(pass_id)
    check_window(valid_from, valid_until)
    start, end = (moment.replace(microsecond=0) for moment in (valid_from, valid_until))
    if start.timestamp() < 0 or end.timestamp() > _LAST_SECOND or end <= start:
        raise InvalidError("a pass is valid for at least one second, between 1970 and 2106")
    find_subject(db, subject, lock=True)
    row = db.get(PassRow, pass_id, with_for_update=True, populate_existing=True)
    if row is None:
        db.add(PassRow(id=pass_id, subject=subject, valid_from=start, valid_until=end, issued_at=now))
        db.flush()
    elif row.revoked_at is not None:
        raise ConflictError("this pass was revoked; issue a new one under a new id")
    elif (row.subject, row.valid_from, row.valid_until) != (subject, start, end):
        raise ConflictError("this id stands for a pass with other claims; use a new id")
    return sign_pass(QrPass(PassId(pass_id), SubjectKey(subject), start, end), signing_key)


def do_revoke_pass(db: Session, pass_id: str, now: datetime) -> PassRow:
    """Take the pass back; every edge is told. Doing it again changes nothing. Raises PassNotFoundError."""
    row = db.get(PassRow, pass_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise PassNotFoundError("no pass has that id")
    if row.revoked_at is None:
        row.revoked_at = now
        db.flush()
        note_change(db, all_edges(db), ChangeOp.REVOKE_PASS, pass_id, now=now)
    return row
