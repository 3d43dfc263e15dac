"""How far an outbox's events are committed without a gap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.contract.events import EventAckV1
from core.contract.ids import EdgeId
from core.storage.schema import EdgeCursorRow, EventRow

Life = tuple[str, str]
"""(edge, epoch)"""
_PAGE = 500


@dataclass(slots=True)
class Progress:
    """What a batch brought for one life of an outbox. floor: highest one told; arrived: new sequences."""

    floor: int = 1
    arrived: set[int] = field(default_factory=set)


def lock_cursors(db: Session, lives: Iterable[Life]) -> dict[Life, EdgeCursorRow]:
    """The cursors of these lives, made where missing, locked in one order until the transaction ends.

    Whoever holds a life's cursor is the only one who commits events of it: that is what keeps two core processes
    from storing the same event.
    """
    wanted = sorted(set(lives))
    if not wanted:
        return {}
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    fresh = [{"edge_id": edge, "epoch": epoch, "contiguous": 0, "skipped": 0} for edge, epoch in wanted]
    db.execute(insert(EdgeCursorRow).values(fresh).on_conflict_do_nothing())
    cursors = {}
    for edge, epoch in wanted:
        row = db.get(EdgeCursorRow, (edge, epoch), with_for_update=True, populate_existing=True)
        assert row is not None
        cursors[edge, epoch] = row
    return cursors


def advance(db: Session, cursors: Mapping[Life, EdgeCursorRow], progress: Mapping[Life, Progress]) -> None:
    """Move every cursor as far as the events that are in the database now, and the floors that were told, allow.

    Numbers below a floor that never came count as skipped; one that comes after all (a message overtaken on its way)
    is taken off again. So the end does not depend on the order of arrival.
    """
    for life, made in progress.items():
        cursor = cursors[life]
        cursor.skipped -= sum(1 for sequence in made.arrived if sequence <= cursor.contiguous)
        ahead = _committed_after(db, life, cursor.contiguous)
        cursor.contiguous, missing = walk(cursor.contiguous, ahead, made.floor)
        cursor.skipped += missing
    db.flush()


def last_acknowledgement(db: Session, edge: str) -> EventAckV1 | None:
    """The acknowledgement for the life of this edge's outbox that was heard last; None before its first event."""
    heard_last = (
        select(EventRow.received_at)
        .where(EventRow.edge_id == EdgeCursorRow.edge_id, EventRow.epoch == EdgeCursorRow.epoch)
        .order_by(EventRow.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    lives = select(EdgeCursorRow).where(EdgeCursorRow.edge_id == edge).order_by(heard_last.desc(), EdgeCursorRow.epoch)
    cursor = db.scalars(lives.limit(1)).first()
    if cursor is None:
        return None
    return EventAckV1(edge=EdgeId(edge), epoch=cursor.epoch, sequence=cursor.contiguous)


def _committed_after(db: Session, life: Life, contiguous: int) -> Iterator[int]:
    """Committed sequences above ``contiguous``, ascending, read page by page: most often the first ends the walk."""
    edge, epoch = life
    while True:
        page = db.scalars(
            select(EventRow.sequence)
            .where(EventRow.edge_id == edge, EventRow.epoch == epoch, EventRow.sequence > contiguous)
            .order_by(EventRow.sequence)
            .limit(_PAGE)
        ).all()
        yield from page
        if len(page) < _PAGE:
            return
        contiguous = page[-1]


def walk(contiguous: int, ahead: Iterable[int], floor: int) -> tuple[int, int]:
    """Where the cursor ends, and how many numbers on the way are missing: all of them below ``floor``.

    ahead: committed sequences above ``contiguous``, ascending, each once.
    """
    end = max(contiguous, floor - 1)
    missing = end - contiguous
    for sequence in ahead:
        if sequence <= end:
            missing -= 1
        elif sequence == end + 1:
            end = sequence
        else:
            break
    return end, missing
