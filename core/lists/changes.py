"""Noting that something changed for an edge, numbered in the transaction that changes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.storage.schema import EdgeRow, ListChangeRow


class ChangeOp(StrEnum):
    """What happened. ``ref`` is a subject, template, vehicle or pass; what is about a whole consent names it second."""

    PUT_SUBJECT = "put_subject"
    REMOVE_SUBJECT = "remove_subject"
    PUT_TEMPLATE = "put_template"
    ERASE_TEMPLATE = "erase_template"  # one
    ERASE_TEMPLATES = "erase_templates"  # all of a consent; ref: subject, second_ref: consent
    LOCK_TEMPLATE = "lock_template"  # one
    UNLOCK_TEMPLATE = "unlock_template"
    LOCK_TEMPLATES = "lock_templates"  # all of a consent; ref: subject, second_ref: consent
    UNLOCK_TEMPLATES = "unlock_templates"
    RESEAL_TEMPLATE = "reseal_template"  # for whichever edges lack it when it is sent
    PUT_VEHICLE = "put_vehicle"
    REMOVE_VEHICLE = "remove_vehicle"
    REVOKE_PASS = "revoke_pass"  # noqa: S105 - the name of a change


def all_edges(db: Session) -> list[str]:
    """Every edge the core knows. Removals and revocations go to all: a missed place would be a way in."""
    return list(db.scalars(select(EdgeRow.id).order_by(EdgeRow.id)))


def do_ask_for_snapshot(edge: EdgeRow) -> None:
    """Changes one by one can't bring ``edge`` up to date: it gets the whole of its list, under a number of its own.

    The caller holds the row's lock. Asking again before the edge has got it changes nothing.
    """
    if edge.list_acked >= edge.list_floor:
        edge.list_head += 1
        edge.list_floor = edge.list_head


def lock_edges(db: Session, edges: Iterable[str]) -> None:
    """Lock the rows of ``edges`` in one order: for who tells several of them different things."""
    db.execute(select(EdgeRow.id).where(EdgeRow.id.in_(set(edges))).order_by(EdgeRow.id).with_for_update()).all()


def note_change(
    db: Session, edges: Iterable[str], op: ChangeOp, ref: str, second_ref: str | None = None, *, now: datetime
) -> dict[str, int]:
    """Give every one of ``edges`` the next number for this change. The numbers given, by edge.

    Edges' rows stay locked until the transaction ends, always in the order of their ids (two transactions can't wait
    for each other). Edges the core doesn't know are passed over.
    """
    wanted = sorted(set(edges))
    if not wanted:
        return {}
    rows = db.scalars(
        select(EdgeRow)
        .where(EdgeRow.id.in_(wanted))
        .order_by(EdgeRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    numbers = {}
    for row in rows:
        row.list_head += 1
        numbers[row.id] = row.list_head
        db.add(ListChangeRow(edge_id=row.id, number=row.list_head, op=op.value, ref=ref, second_ref=second_ref, at=now))
    db.flush()
    return numbers
