"""Ends that somebody asked for while the journal could not be written: remembered in the database until they follow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.people.tombstones import Noted
from core.storage.schema import SettingRow

_CONSENT, _PERSON = "ends-later.consent.", "ends-later.person."


@dataclass(frozen=True, slots=True)
class Waiting:
    """The consent that is to end, or (None) the person to be removed; ``said``: by whom, where, why."""

    name: str
    consent: str | None
    subject: str
    event: str
    said: Mapping[str, str]


def note_waiting(db: Session, noted: Noted) -> None:
    """The consent's end, or the person's removal, is to follow. Repeating changes nothing."""
    entry = noted.entry
    name = f"{_PERSON}{entry.subject}" if entry.consent is None else f"{_CONSENT}{entry.consent}"
    if db.get(SettingRow, name) is None:
        value = {"consent": entry.consent, "subject": entry.subject, "event": entry.event, "said": dict(noted.said)}
        db.add(SettingRow(name=name, value=json.dumps(value)))
        db.flush()


def what_waits(db: Session, limit: int) -> list[Waiting]:
    """The next ends to follow, people who are to be removed last."""
    rows = select(SettingRow).where(SettingRow.name.like("ends-later.%")).order_by(SettingRow.name).limit(limit)
    return [Waiting(row.name, **json.loads(row.value)) for row in db.scalars(rows)]


def how_many_wait(db: Session) -> int:
    """Consents that are withdrawn in all but name, and people who are removed in all but name."""
    return db.scalar(select(func.count()).select_from(SettingRow).where(SettingRow.name.like("ends-later.%"))) or 0


def end_waits(db: Session, consent_id: str) -> bool:
    """Whether the end of this consent was asked for, and is to follow."""
    return db.get(SettingRow, _CONSENT + consent_id) is not None


def forget_waiting(db: Session, *, consent: str | None = None, subject: str | None = None) -> None:
    """It has followed."""
    name = _CONSENT + consent if consent is not None else f"{_PERSON}{subject}"
    db.execute(delete(SettingRow).where(SettingRow.name == name))
