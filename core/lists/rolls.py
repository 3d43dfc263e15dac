"""The consent snapshot of an edge: digest of every template it was told and that stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import or_
from sqlalchemy.orm import Session

from core.contract.ids import ConsentId, SubjectKey, TemplateId
from core.contract.roll import RollEntry, digest_of
from core.lists.told import consent_is_locked, template_is_locked, told_templates
from core.storage.schema import SealedTemplateRow

FRESH_FOR_S = 500.0
"""Below the time between two rolls: each regular one is worked out from the tables."""


@dataclass(frozen=True, slots=True)
class Roll:
    """templates: how many; digest: of them all (``core.contract.roll``)."""

    templates: int
    digest: str


class Rolls:
    """Rolls of all edges, each worked out once per list number: no template changes without one."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._known: dict[str, tuple[int, float, Roll]] = {}

    def of(self, db: Session, edge: str, head: int) -> Roll:
        """The roll of ``edge`` at number ``head``, which ``db`` shows as its newest."""
        number, made_s, roll = self._known.get(edge, (-1, 0.0, Roll(0, "")))
        if number == head and self._monotonic() - made_s < FRESH_FOR_S:
            return roll
        roll = roll_of(db, edge)
        self._known[edge] = (head, self._monotonic(), roll)
        return roll


def roll_of(db: Session, edge: str) -> Roll:
    """Reads every template of ``edge``, without its ciphertext: about 10 us each."""
    rows = db.execute(
        told_templates(
            edge,
            SealedTemplateRow.template_id,
            SealedTemplateRow.subject,
            SealedTemplateRow.consent_id,
            or_(consent_is_locked(), template_is_locked()),
        )
    ).all()
    entries = (
        RollEntry(TemplateId(template), SubjectKey(subject), ConsentId(consent), bool(locked))
        for template, subject, consent, locked in rows
    )
    return Roll(len(rows), digest_of(entries))
