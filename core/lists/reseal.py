"""Asking edges that hold a template to seal it for edges that lack it: only an edge can read one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.lists.changes import ChangeOp, lock_edges, note_change
from core.lists.recipients import Recipients, consents_to_site_server
from core.lists.told import template_is_locked
from core.people.consent.machine import ConsentState
from core.storage.schema import ConsentRow, EdgeRow, SealedTemplateRow, SubjectRow

PEOPLE_PER_ROUND = 2_000
MAX_REQUESTS = 500
"""Templates put right in one round."""
ASK_AGAIN_S = 300.0
"""An edge that has not answered by then was away or no longer has it: another one is asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Edges asked for one template, the latest last, and when (monotonic seconds)."""

    edges: tuple[str, ...]
    at_s: float


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A template in use that is not where it should be.

    holders: edges that are there and could seal it for others; empty when no edge lacks it, or none of them is there.
    surplus: edges that hold it and may not (any more).
    """

    template_id: str
    holders: tuple[str, ...]
    surplus: tuple[str, ...]


class Resealing:
    """Goes through the templates, a bounded number of people per round: asks for what is missing, takes back the rest.

    What it asked is remembered in memory alone: after a restart it asks again, which harms nobody.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._asked: dict[str, Asked] = {}
        self._after = ""

    def do_round(self, db: Session, now: datetime) -> bool:
        """Put right what the next people's templates lack; whether more people are left for the next round."""
        self._forget_old()
        people = _people_with_templates(db, self._after)
        todo = misplaced(db, people)
        for one in todo[:MAX_REQUESTS]:
            self._put_right(db, one, now)
        if len(todo) > MAX_REQUESTS:
            return True
        self._after = people[-1] if len(people) == PEOPLE_PER_ROUND else ""
        return self._after != ""

    def _put_right(self, db: Session, one: Misplaced, now: datetime) -> None:
        holder = self._whom_to_ask(one) if one.holders else None
        lock_edges(db, {*one.surplus, *([holder] if holder else ())})
        for edge in one.surplus:
            row = db.get(SealedTemplateRow, (one.template_id, edge))
            if row is not None:
                db.delete(row)
        db.flush()
        note_change(db, one.surplus, ChangeOp.ERASE_TEMPLATE, one.template_id, now=now)
        if holder is not None:
            self._note_asked(one.template_id, holder)
            note_change(db, [holder], ChangeOp.RESEAL_TEMPLATE, one.template_id, now=now)

    def _whom_to_ask(self, one: Misplaced) -> str | None:
        """The edge not asked before, or longest ago; None while an answer may still come."""
        asked = self._asked.get(one.template_id)
        if asked is None:
            return one.holders[0]
        if self._monotonic() - asked.at_s < ASK_AGAIN_S:
            return None
        order = {edge: index for index, edge in enumerate(asked.edges)}
        return min(one.holders, key=lambda edge: order.get(edge, -1))

    def _note_asked(self, template_id: str, holder: str) -> None:
        before = self._asked.get(template_id, Asked((), 0.0)).edges
        edges = (*(one for one in before if one != holder), holder)
        self._asked[template_id] = Asked(edges, self._monotonic())

    def _forget_old(self) -> None:
        """Twice the waiting time: one that still lacks something is met in time to remember whom it was asked of."""
        limit_s = self._monotonic() - 2 * ASK_AGAIN_S
        self._asked = {key: asked for key, asked in self._asked.items() if asked.at_s >= limit_s}


def misplaced(db: Session, people: Sequence[str]) -> list[Misplaced]:
    """Templates of these people, in use, that a trusted edge lacks or another holds without leave; by id."""
    if not people:
        return []
    recipients, wanting = Recipients.read(db), consents_to_site_server(db, people)
    online = frozenset(db.scalars(select(EdgeRow.id).where(EdgeRow.online)))
    in_use = (
        select(SealedTemplateRow.template_id, SealedTemplateRow.edge_id, SubjectRow.key, SubjectRow.checkpoints)
        .join(ConsentRow, ConsentRow.id == SealedTemplateRow.consent_id)
        .join(SubjectRow, SubjectRow.key == SealedTemplateRow.subject)
        .where(
            SealedTemplateRow.subject.in_(people), ConsentRow.state == ConsentState.ACTIVE.value, ~template_is_locked()
        )
    )
    held: dict[str, set[str]] = {}
    allowed: dict[str, frozenset[str]] = {}
    for row in db.execute(in_use.order_by(SealedTemplateRow.template_id)):
        held.setdefault(row.template_id, set()).add(row.edge_id)
        if row.template_id not in allowed:
            allowed[row.template_id] = recipients.allowed(row.checkpoints, at_site_server=row.key in wanting)
    trusted, found = recipients.keys.keys(), []
    for template_id, edges in held.items():
        lacks = bool((allowed[template_id] & trusted) - edges)
        holders = tuple(sorted(edges & online & trusted)) if lacks else ()
        surplus = tuple(sorted(edges - allowed[template_id]))
        if holders or surplus:
            found.append(Misplaced(template_id, holders, surplus))
    return found


def _people_with_templates(db: Session, after: str) -> list[str]:
    query = select(SealedTemplateRow.subject).where(SealedTemplateRow.subject > after).distinct()
    return list(db.scalars(query.order_by(SealedTemplateRow.subject).limit(PEOPLE_PER_ROUND)))
