"""Whom an edge has to hide before it is told why: an ended consent does not wait for what else is on its way there."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.ids import EdgeId, SubjectKey
from core.contract.lists import MAX_HIDDEN, Hidden, HideBatch
from core.lists.changes import ChangeOp
from core.storage.schema import ListChangeRow

_TAKE_AWAY = (ChangeOp.ERASE_TEMPLATES.value, ChangeOp.LOCK_TEMPLATES.value)


def whom_to_hide(db: Session, edge: str, after: int) -> HideBatch | None:
    """The people of whom a consent ends or rests by a change above ``after``, the first ``MAX_HIDDEN``; None without.

    Whoever consents again meanwhile stays hidden until the change has come: a moment, and they have other ways in.
    """
    rows = db.execute(
        select(ListChangeRow.ref, ListChangeRow.number)
        .where(ListChangeRow.edge_id == edge, ListChangeRow.number > after, ListChangeRow.op.in_(_TAKE_AWAY))
        .order_by(ListChangeRow.number)
        .limit(MAX_HIDDEN)
    ).all()
    if not rows:
        return None
    hidden = tuple(Hidden(subject=SubjectKey(subject), until=number) for subject, number in rows)
    return HideBatch(edge=EdgeId(edge), hidden=hidden)
