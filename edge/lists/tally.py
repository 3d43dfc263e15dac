"""What the core told this edge of templates, summed up: kept in step change by change, never counted anew.

The digest is that of ``core.contract.roll``, over everything told: kept, of another model, or refused.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from core.contract.ids import CheckpointId, ConsentId, ModelId, SubjectKey, TemplateId
from core.contract.roll import RollEntry
from core.contract.vocabulary import SubjectKind
from edge.lists.plan import Refusal
from edge.lists.tables import read_checkpoints

_K = TypeVar("_K")

KEPT = "kept"
_MODULUS = 1 << 256
_TOLD = """
SELECT t.template_id, t.subject, t.consent, t.model, t.state, s.kind, s.checkpoints,
  EXISTS (SELECT 1 FROM locks l
    WHERE l.subject = t.subject AND l.consent = t.consent AND l.template_id IN ('', t.template_id))
FROM told t LEFT JOIN subjects s ON s.subject = t.subject
"""


@dataclass(slots=True)
class Tally:
    """Sums over templates told; of a difference, they may be negative.

    digest: sum of ``RollEntry.term`` modulo 2**256; kept: by model; locked: how many of those; refused: by why;
    at, sought_at: kept templates (of any model, locked or not, in force or not) by checkpoint, of people who may pass
    there and of people sought there.
    """

    digest: int = 0
    locked: int = 0
    kept: Counter[ModelId] = field(default_factory=Counter)
    refused: Counter[Refusal] = field(default_factory=Counter)
    at: Counter[CheckpointId] = field(default_factory=Counter)
    sought_at: Counter[CheckpointId] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        """64 hex digits, as in a receipt."""
        return f"{self.digest:064x}"

    def plus(self, difference: Tally) -> Tally:
        """Both together, as a new one."""
        return self._with(difference, 1)

    def minus(self, other: Tally) -> Tally:
        return self._with(other, -1)

    def _with(self, other: Tally, sign: int) -> Tally:
        return Tally(
            (self.digest + sign * other.digest) % _MODULUS,
            self.locked + sign * other.locked,
            _sum(self.kept, other.kept, sign),
            _sum(self.refused, other.refused, sign),
            _sum(self.at, other.at, sign),
            _sum(self.sought_at, other.sought_at, sign),
        )


def _sum(mine: Counter[_K], theirs: Counter[_K], sign: int) -> Counter[_K]:
    counts = {key: mine[key] + sign * theirs[key] for key in mine.keys() | theirs.keys()}
    return Counter({key: count for key, count in counts.items() if count})


def tally_all(db: sqlite3.Connection) -> Tally:
    """The tally of everything told. Raises sqlite3.Error."""
    return _tally(db.execute(_TOLD))


def tally_of(db: sqlite3.Connection, subjects: Iterable[SubjectKey]) -> Tally:
    """The tally of what was told about ``subjects``. Raises sqlite3.Error."""
    return _tally(row for subject in subjects for row in db.execute(f"{_TOLD} WHERE t.subject = ?", (subject,)))


def locks_of(db: sqlite3.Connection, consents: Iterable[tuple[SubjectKey, ConsentId]]) -> dict[TemplateId, bool]:
    """Every template kept under ``consents``, and whether any lock is on it. Raises sqlite3.Error."""
    where = f"{_TOLD} WHERE t.subject = ? AND t.consent = ? AND t.state = '{KEPT}'"
    return {
        TemplateId(template_id): bool(locked)
        for consent in consents
        for template_id, *_, locked in db.execute(where, consent)
    }


def _tally(rows: Iterable[tuple[str, str, str, str, str, str | None, str | None, int]]) -> Tally:
    total = Tally()
    for template_id, subject, consent, model, state, kind, checkpoints, locked in rows:
        entry = RollEntry(TemplateId(template_id), SubjectKey(subject), ConsentId(consent), bool(locked))
        total.digest = (total.digest + entry.term()) % _MODULUS
        if state != KEPT:
            total.refused[Refusal(state)] += 1
            continue
        total.kept[ModelId(model)] += 1
        total.locked += locked
        places = total.sought_at if kind == SubjectKind.MISSING else total.at
        places.update(read_checkpoints(checkpoints or "[]"))
    return total
