"""The lists on disk: one SQLite file, every batch or snapshot one transaction together with its number.

Plates are kept as keyed digests, templates as ciphertext (``watchlists.store``); deleted rows are overwritten
(``secure_delete``).
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter

from core.contract.base import isoformat
from core.contract.ids import ConsentId, EdgeId, ModelId, SnapshotId, SubjectKey, TemplateId, VehicleKey
from core.contract.lists import ListSnapshotV1
from core.contract.plate_digest import PlateDigest
from core.contract.signed import Recipient
from edge.lists import staging, tables
from edge.lists.freshness import Doubt
from edge.lists.plan import Plan, Refusal
from edge.lists.roster import Roster
from edge.lists.tally import KEPT, Tally, locks_of, tally_all, tally_of
from watchlists.faces.template import Template
from watchlists.store import template_store
from watchlists.store.errors import StoreFormatError, TooManyTemplatesError, UnknownTemplateError, WrongSiteKeyError
from watchlists.store.exact import ExactReader
from watchlists.store.file import StoreFile, telling
from watchlists.store.scan import Scan
from watchlists.store.template_store import TemplateStore
from watchlists.store.vault import Vault

log = structlog.get_logger()

SCHEMA_VERSION = 3
MAX_TOLD_ENDED = 1000
_HIDDEN: TypeAdapter[dict[SubjectKey, int]] = TypeAdapter(dict[SubjectKey, int])
_RECIPIENTS: TypeAdapter[tuple[Recipient, ...]] = TypeAdapter(tuple[Recipient, ...])
_POINT_TO_OTHERS = {"templates", "face_templates"}
"""Tables, of older formats too, that can't stay when those they point to go."""
_BY_CONSENT = "WHERE subject = ? AND consent = ?"


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch came to on disk. difference: of the tally; locked: of every template whose locks may have changed,
    whether it is locked now."""

    difference: Tally
    locked: dict[TemplateId, bool]


class ListStore:
    """The file, opened by one process at a time. Not thread-safe, readers' connections (``exact``, ``blocks``) apart:
    the mirror holds a lock around every call."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open ``path``, or make it. Raises StoreError, WrongSiteKeyError; leaves a file it can't use as it is."""
        self._vault = vault
        self._file = StoreFile(path)
        self.is_new = self._closed = False
        try:
            with telling(path):
                self._templates = self._prepare(path)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Readers first. Again: nothing."""
        if not self._closed:
            self._closed = True
            self._file.close()

    # What stands in the file. Everything below raises StoreError.

    @property
    def database(self) -> str:
        """Random id of this file; another one once a copy of it was put back."""
        return str(self._fact("database"))

    @property
    def changes(self) -> int:
        """How many batches and snapshots this file has taken; a copy put back has taken fewer."""
        return int(self._fact("changes"))

    @property
    def version(self) -> int:
        """Number of the last change applied; 0 for a new file."""
        return int(self._fact("version"))

    @property
    def contact(self) -> datetime | None:
        """Time of the last recorded roll that agreed."""
        text = self._fact("contact")
        return None if text is None else datetime.fromisoformat(text)

    @property
    def rolls_from(self) -> datetime | None:
        """Rolls of before this time say nothing of these lists: they were begun, put back or found to differ then."""
        text = self._fact("rolls_from")
        return None if text is None else datetime.fromisoformat(text)

    @property
    def doubt(self) -> Doubt | None:
        text = self._fact("doubt")
        return None if text is None else Doubt(text)

    @property
    def snapshot(self) -> SnapshotId | None:
        """Id of the newest snapshot applied."""
        text = self._fact("snapshot")
        return None if text is None else SnapshotId(text)

    @property
    def hidden(self) -> dict[SubjectKey, int]:
        """People to be found by no face until the change of that number is applied."""
        text = self._fact("hidden")
        return {} if text is None else _HIDDEN.validate_json(text)

    def roster(self) -> Roster:
        with self._reading() as db:
            return tables.read_roster(db)

    def plates(self) -> dict[VehicleKey, PlateDigest]:
        with self._reading() as db:
            return tables.read_plates(db)

    def tally(self) -> Tally:
        with self._reading() as db:
            return tally_all(db)

    def blocks(self, model: ModelId, dimension: int) -> Scan:
        """Every template of ``model``; those under a locked consent are marked, single locked ones are not."""
        return self._templates.blocks(model, dimension)

    def exact(self, model: ModelId, dimension: int) -> ExactReader:
        with telling(self._file.path):
            return self._templates.exact(model, dimension)

    def templates_locked_singly(self) -> frozenset[TemplateId]:
        with self._reading() as db:
            rows = db.execute("SELECT template_id FROM locks WHERE template_id != ''")
            return frozenset(TemplateId(one) for (one,) in rows)

    def has_ended(self, consent: ConsentId) -> bool:
        """Whether this edge has seen ``consent`` end."""
        with self._reading() as db:
            row = db.execute("SELECT 1 FROM erased_consents WHERE consent = ?", (consent,)).fetchone()
            return row is not None

    def put_after_end(self) -> tuple[ConsentId, ...]:
        """Consents that ended here and that the core has put templates of since, at most ``MAX_TOLD_ENDED``."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT DISTINCT consent FROM told WHERE state = ? LIMIT ?", (Refusal.ENDED, MAX_TOLD_ENDED)
            )
            return tuple(ConsentId(one) for (one,) in rows)

    # Changes: each one transaction, and then nothing has changed or all of it.

    def write(self, plan: Plan, version: int) -> Written:
        """Apply ``plan`` and its number. What it erased lingers in SQLite's log until ``fold_log``."""
        with self._file.transaction() as db:
            touched = plan.subjects_touched | self._subjects_of(plan.gone_templates)
            before = tally_of(db, touched)
            self._apply(db, plan)
            self._set(version=version, changes=self.changes + 1)
            return Written(tally_of(db, touched).minus(before), locks_of(db, plan.consents_locked_anew))

    def replace(self, plans: Iterable[Plan], snapshot: staging.Snapshot, doubt: Doubt | None) -> None:
        """Put what ``plans`` put in the place of everything but the tombstones. Raises what ``plans`` raises."""
        with self._file.transaction() as db:
            self._templates.erase(subjects={holding.subject for holding in list(self._templates.holdings())})
            for table in (one for one in tables.LIST_TABLES if one != "staged_parts"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - our names
            for plan in plans:
                self._apply(db, plan)
            staging.drop(db)
            self._set(version=snapshot.version, changes=self.changes + 1, snapshot=snapshot.snapshot_id)
            self._set(doubt=doubt)

    def record(self, contact: datetime | None, doubt: Doubt | None) -> None:
        """What the last roll said."""
        with self._file.transaction():
            self._set(contact=None if contact is None else isoformat(contact), doubt=doubt)

    def keep_hidden(self, until: dict[SubjectKey, int]) -> None:
        """See ``hidden``."""
        with self._file.transaction():
            self._set(hidden=_HIDDEN.dump_json(until) if until else None)

    def mark_restored(self, contact: datetime | None, now: datetime) -> None:
        """This is a copy that was put back: in doubt, and from now on a file of its own.

        Else another copy of what it once was could have taken more changes than it, and pass for newer.
        """
        with self._file.transaction():
            self._set(database=_new_id(), contact=None if contact is None else isoformat(contact))
            self._set(doubt=Doubt.RESTORED, rolls_from=isoformat(now))

    def mark_new(self, now: datetime) -> None:
        """These lists were begun now."""
        with self._file.transaction():
            self._set(rolls_from=isoformat(now))

    def mark_differing(self, at: datetime) -> None:
        """The roll of that time says otherwise: none from before it can say that all is well."""
        with self._file.transaction():
            self._set(doubt=Doubt.DIFFERS, rolls_from=isoformat(at))

    def stage(self, message: ListSnapshotV1) -> bool:
        """Keep a part of a snapshot; True when all its parts are there."""
        with self._file.transaction() as db:
            return staging.stage(db, message)

    def staged(self) -> staging.Snapshot | None:
        with self._reading() as db:
            return staging.staged(db)

    def staged_messages(self, edge: EdgeId, snapshot: staging.Snapshot) -> Iterator[ListSnapshotV1]:
        return staging.messages(self._file.db, edge, snapshot)

    def drop_staged(self) -> None:
        with self._file.transaction() as db:
            staging.drop(db)

    def fold_log(self) -> None:
        """Fold SQLite's log back into the file and empty it: no copy of an erased key is left."""
        self._file.fold_log()

    # Templates to be sealed anew

    def reseals(self) -> list[tuple[TemplateId, tuple[Recipient, ...]]]:
        """What is still to be done."""
        with self._reading() as db:
            rows = db.execute("SELECT template_id, recipients FROM reseals ORDER BY template_id").fetchall()
        return [(TemplateId(one), _RECIPIENTS.validate_json(recipients)) for one, recipients in rows]

    def reseal_done(self, template_id: TemplateId) -> None:
        with self._file.transaction() as db:
            db.execute("DELETE FROM reseals WHERE template_id = ?", (template_id,))

    def reopen(self, template_id: TemplateId) -> Template | None:
        """A template that is kept and not locked; None for any other, damaged ones included."""
        with self._reading() as db:
            row = db.execute("SELECT subject, consent FROM told WHERE template_id = ?", (template_id,)).fetchone()
            if row is None or locks_of(db, [(SubjectKey(row[0]), ConsentId(row[1]))]).get(template_id, True):
                return None
            try:
                return self._templates.reopen(template_id)
            except UnknownTemplateError:
                return None

    # Inside a transaction

    def _apply(self, db: sqlite3.Connection, plan: Plan) -> None:
        self._delete(db, plan)
        self._insert_templates(db, plan)
        tables.put_subjects(db, plan.subjects)
        tables.put_vehicles(db, plan.vehicles)
        db.executemany("INSERT OR IGNORE INTO revoked_passes VALUES (?)", [(one,) for one in plan.revoked])
        tables.change_locks(db, plan.locks)
        self._mark_locks(db, plan)
        db.executemany(
            "INSERT OR REPLACE INTO reseals VALUES (?, ?)",
            [(key, _RECIPIENTS.dump_json(one).decode()) for key, one in plan.reseals.items()],
        )

    def _delete(self, db: sqlite3.Connection, plan: Plan) -> None:
        self._templates.erase(
            subjects=plan.removed_subjects, consents=plan.ended_consents, templates=plan.gone_templates
        )
        for table in ("subjects", "told"):
            subjects = [(one,) for one in plan.removed_subjects]
            db.executemany(f"DELETE FROM {table} WHERE subject = ?", subjects)  # noqa: S608 - our names
        for table in ("told", "locks"):
            db.executemany(f"DELETE FROM {table} {_BY_CONSENT}", list(plan.ended_consents))  # noqa: S608
        db.executemany("DELETE FROM told WHERE template_id = ?", [(one,) for one in plan.gone_templates])
        for table in ("locks", "reseals"):
            erased = [(one,) for one in plan.erased_templates]
            db.executemany(f"DELETE FROM {table} WHERE template_id = ?", erased)  # noqa: S608
        db.executemany("INSERT OR IGNORE INTO erased_consents VALUES (?)", [(one,) for one in plan.tombstones])
        db.executemany("DELETE FROM vehicles WHERE vehicle = ?", [(one,) for one in plan.removed_vehicles])

    def _insert_templates(self, db: sqlite3.Connection, plan: Plan) -> None:
        """Keep the templates of ``plan``; what goes beyond the most that one consent may have is refused instead."""
        db.execute("SAVEPOINT put_templates")
        try:
            self._templates.put(plan.templates.values())
        except TooManyTemplatesError:
            db.execute("ROLLBACK TO put_templates")
            states = {key: self._put_alone(db, one) for key, one in plan.templates.items()}
        else:
            states = dict.fromkeys(plan.templates, KEPT)
        db.execute("RELEASE put_templates")
        told = [(key, one.subject, one.consent, one.model, states[key]) for key, one in plan.templates.items()]
        told += [(key, one.subject, one.consent, one.model, str(one.why)) for key, one in plan.refused.items()]
        db.executemany("INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?)", told)

    def _put_alone(self, db: sqlite3.Connection, template: Template) -> str:
        db.execute("SAVEPOINT put_alone")
        try:
            self._templates.put([template])
        except TooManyTemplatesError as error:
            db.execute("ROLLBACK TO put_alone")
            log.warning("lists.template_refused", why=str(error))
            return str(Refusal.TOO_MANY)
        finally:
            db.execute("RELEASE put_alone")
        return KEPT

    def _mark_locks(self, db: sqlite3.Connection, plan: Plan) -> None:
        """Let the template store know which consents are locked as a whole: it marks them when an index is built."""
        consents = plan.consents_locked_anew
        query = f"SELECT 1 FROM locks {_BY_CONSENT} AND template_id = ''"  # noqa: S608 - our names
        locked = {one for one in consents if db.execute(query, one).fetchone() is not None}
        self._templates.lock(locked, True)
        self._templates.lock(consents - locked, False)

    def _subjects_of(self, templates: Iterable[TemplateId]) -> set[SubjectKey]:
        query = "SELECT subject FROM told WHERE template_id = ?"
        rows = (self._file.db.execute(query, (one,)).fetchone() for one in templates)
        return {SubjectKey(row[0]) for row in rows if row is not None}

    # The file

    def _prepare(self, path: Path) -> TemplateStore:
        db = self._file.db
        (made_by,) = db.execute("PRAGMA user_version").fetchone()
        if made_by > SCHEMA_VERSION:
            raise StoreFormatError(f"{path}: made by a newer Anju (format {made_by}); upgrade this edge")
        if made_by < SCHEMA_VERSION:
            self._make(made_by)
        try:
            templates = TemplateStore(db, self._vault, self._file.reader)
        except (WrongSiteKeyError, StoreFormatError) as error:
            raise type(error)(f"{path}: {error}") from None
        self._file.fold_log()
        return templates

    def _make(self, made_by: int) -> None:
        """Make the tables. Lists of an older format go, keys stay: the core sends everything again."""
        if made_by:
            log.warning("lists.started_anew", format=made_by, advice="nothing to do: the core sends the lists again")
        with self._file.transaction() as db:
            old = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(old, key=lambda name: name not in _POINT_TO_OTHERS):
                db.execute(f"DROP TABLE {table}")
            for statement in tables.SCHEMA.split(";"):
                db.execute(statement)
            template_store.create(db, self._vault)
            self._set(database=_new_id(), version=0, changes=0)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self.is_new = True

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with telling(self._file.path):
            yield self._file.db

    def _fact(self, name: str) -> Any:
        with self._reading() as db:
            row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def _set(self, **facts: object) -> None:
        for name, value in facts.items():
            if value is None:
                self._file.db.execute("DELETE FROM facts WHERE name = ?", (name,))
            else:
                self._file.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def _new_id() -> str:
    return secrets.token_hex(16)
