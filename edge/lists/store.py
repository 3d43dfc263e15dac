"""The lists on disk: one SQLite file, every batch one transaction together with its number.

Plates are kept as keyed digests, templates as ciphertext; deleted rows are overwritten (``secure_delete``).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from core.contract.base import isoformat
from core.contract.ids import CheckpointId, ConsentId, ModelId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.plate_digest import PlateDigest
from edge.lists.plan import Grant, Plan
from edge.lists.roster import Roster
from edge.lists.vault import Vault, VaultError
from watchlists.face_index import Template

SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 5.0
_PRAGMAS = ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON")
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE subjects (
  subject TEXT PRIMARY KEY, checkpoints TEXT NOT NULL, valid_from TEXT NOT NULL, valid_until TEXT) WITHOUT ROWID;
CREATE TABLE data_keys (
  subject TEXT NOT NULL, consent TEXT NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (subject, consent)) WITHOUT ROWID;
CREATE TABLE templates (
  template_id TEXT PRIMARY KEY, subject TEXT NOT NULL, consent TEXT NOT NULL, model TEXT NOT NULL, locked BLOB NOT NULL,
  FOREIGN KEY (subject, consent) REFERENCES data_keys (subject, consent) ON DELETE CASCADE) WITHOUT ROWID;
CREATE INDEX templates_by_consent ON templates (subject, consent);
CREATE TABLE refused_templates (
  template_id TEXT PRIMARY KEY, subject TEXT NOT NULL, consent TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE vehicles (
  vehicle TEXT PRIMARY KEY, exact BLOB NOT NULL, folded BLOB NOT NULL, checkpoints TEXT NOT NULL,
  valid_from TEXT NOT NULL, valid_until TEXT) WITHOUT ROWID;
CREATE TABLE revoked_passes (pass_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class ListStoreError(RuntimeError):
    """The lists on disk can't be used; the text says which file, why, and what to do. Nothing was changed."""


class WrongSiteKeyError(ListStoreError):
    """The lists on disk were encrypted under another site key."""


class ListStore:
    """The file, opened by one process at a time. Not thread-safe: the mirror holds a lock around every call."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open ``path``, or make it. Raises ListStoreError, WrongSiteKeyError; leaves a file it can't use as it is."""
        self._path = path
        self._vault = vault
        self._db = _connect(path)
        try:
            self._prepare()
        except ListStoreError:
            self._db.close()
            raise
        except sqlite3.Error as error:
            self._db.close()
            raise _unusable(path, error) from None

    def close(self) -> None:
        self._db.close()

    @property
    def version(self) -> int:
        """Number of the last change applied; 0 for a new file."""
        return int(self._fact("version") or 0)

    @property
    def contact(self) -> datetime | None:
        """Last recorded sign of the core."""
        text = self._fact("contact")
        return None if text is None else datetime.fromisoformat(text)

    def record_contact(self, now: datetime) -> None:
        with self._transaction():
            self._set_fact("contact", isoformat(now))

    def write(self, plan: Plan, version: int, now: datetime) -> None:
        """Apply ``plan`` and its number, both or neither. Raises sqlite3.Error, and then nothing has changed.

        What a plan erased lingers in SQLite's log until ``fold_log``.
        """
        with self._transaction():
            self._delete(plan)
            self._insert(plan)
            self._db.execute(
                "DELETE FROM data_keys WHERE NOT EXISTS (SELECT 1 FROM templates t "
                "WHERE t.subject = data_keys.subject AND t.consent = data_keys.consent)"
            )
            self._set_fact("version", version)
            self._set_fact("contact", isoformat(now))

    def fold_log(self) -> None:
        """Fold SQLite's log back into the file and empty it: no copy of an erased key is left. Raises sqlite3.Error."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def roster(self) -> Roster:
        subjects = {
            SubjectKey(subject): _grant(*grant)
            for subject, *grant in self._db.execute(
                "SELECT subject, checkpoints, valid_from, valid_until FROM subjects"
            )
        }
        vehicles = {
            VehicleKey(vehicle): _grant(*grant)
            for vehicle, *grant in self._db.execute(
                "SELECT vehicle, checkpoints, valid_from, valid_until FROM vehicles"
            )
        }
        revoked = frozenset(PassId(one) for (one,) in self._db.execute("SELECT pass_id FROM revoked_passes"))
        return Roster(subjects, vehicles, revoked)

    def plates(self) -> dict[VehicleKey, PlateDigest]:
        rows = self._db.execute("SELECT vehicle, exact, folded FROM vehicles")
        return {VehicleKey(vehicle): PlateDigest(exact, folded) for vehicle, exact, folded in rows}

    def templates(self, model: ModelId) -> list[Template]:
        """Every template of ``model``, decrypted, without those that were damaged at rest."""
        rows = self._db.execute(
            "SELECT t.template_id, t.subject, t.consent, t.locked, k.wrapped FROM templates t "
            "JOIN data_keys k ON k.subject = t.subject AND k.consent = t.consent WHERE t.model = ?",
            (model,),
        )
        found = []
        for template_id, subject, consent, locked, wrapped in rows:
            try:
                template = self._vault.open(locked, wrapped, SubjectKey(subject), ConsentId(consent))
            except VaultError:
                continue
            if (template.template_id, template.model) == (TemplateId(template_id), model):
                found.append(template)
        return found

    def count(self, model: ModelId) -> tuple[int, int, int]:
        """How many templates are kept of ``model``, of other models, and how many were refused."""
        total, own = self._db.execute(
            "SELECT count(*), count(*) FILTER (WHERE model = ?) FROM templates", (model,)
        ).fetchone()
        (refused,) = self._db.execute("SELECT count(*) FROM refused_templates").fetchone()
        return own, total - own, refused

    def _delete(self, plan: Plan) -> None:
        erased_subjects = [(one,) for one in plan.removed_subjects]
        consents = list(plan.ended_consents)
        replaced = [(one,) for one in plan.replaced_templates]
        for table in ("subjects", "data_keys", "refused_templates"):
            self._db.executemany(f"DELETE FROM {table} WHERE subject = ?", erased_subjects)  # noqa: S608 - our names
        for table in ("data_keys", "refused_templates"):
            self._db.executemany(f"DELETE FROM {table} WHERE subject = ? AND consent = ?", consents)  # noqa: S608
        for table in ("templates", "refused_templates"):
            self._db.executemany(f"DELETE FROM {table} WHERE template_id = ?", replaced)  # noqa: S608
        self._db.executemany("DELETE FROM vehicles WHERE vehicle = ?", [(one,) for one in plan.removed_vehicles])

    def _insert(self, plan: Plan) -> None:
        for template in plan.templates.values():
            self._insert_template(template)
        self._db.executemany(
            "INSERT INTO refused_templates VALUES (?, ?, ?)",
            [(key, one.subject, one.consent) for key, one in plan.refused.items()],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO subjects VALUES (?, ?, ?, ?)",
            [(key, *_columns(grant)) for key, grant in plan.subjects.items()],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO vehicles VALUES (?, ?, ?, ?, ?, ?)",
            [(key, plate.exact, plate.folded, *_columns(grant)) for key, (plate, grant) in plan.vehicles.items()],
        )
        self._db.executemany("INSERT OR IGNORE INTO revoked_passes VALUES (?)", [(one,) for one in plan.revoked])

    def _insert_template(self, template: Template) -> None:
        owner = (template.subject, template.consent)
        row = self._db.execute("SELECT wrapped FROM data_keys WHERE subject = ? AND consent = ?", owner).fetchone()
        if row is None:
            row = (self._vault.new_data_key(*owner),)
            self._db.execute("INSERT INTO data_keys VALUES (?, ?, ?)", (*owner, *row))
        locked = self._vault.lock(template, row[0])
        self._db.execute(
            "INSERT INTO templates VALUES (?, ?, ?, ?, ?)", (template.template_id, *owner, template.model, locked)
        )

    def _prepare(self) -> None:
        (made_by,) = self._db.execute("PRAGMA user_version").fetchone()
        if made_by > SCHEMA_VERSION:
            raise ListStoreError(f"{self._path}: made by a newer Anju (format {made_by}); upgrade this edge")
        if made_by == 0:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._set_fact("key_check", self._vault.check_value())
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise ListStoreError(_damaged(self._path, "its structure is broken"))
        check = self._fact("key_check")
        if not isinstance(check, bytes) or not self._vault.recognises(check):
            raise WrongSiteKeyError(
                f"{self._path}: encrypted under another site key; put the old site.key back beside it, or move "
                "lists.db away and start again: the core then sends the lists anew"
            )
        self.fold_log()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _fact(self, name: str) -> Any:
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def _set_fact(self, name: str, value: object) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def _connect(path: Path) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _unusable(path, error) from None
    try:
        for pragma in _PRAGMAS:
            db.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error as error:
        db.close()
        raise _unusable(path, error) from None
    path.chmod(0o600)
    return db


def _unusable(path: Path, error: sqlite3.Error) -> ListStoreError:
    code = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    if code.startswith("SQLITE_BUSY"):
        return ListStoreError(f"{path}: another process has it open; is this edge already running?")
    if code in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
        return ListStoreError(_damaged(path, code))
    return ListStoreError(f"{path}: {code}; check the disk's free space and who owns the folder")


def _damaged(path: Path, why: str) -> str:
    return f"{path}: damaged ({why}); move it away and start again: the core then sends the lists anew"


def _columns(grant: Grant) -> tuple[str, str, str | None]:
    until = None if grant.valid_until is None else isoformat(grant.valid_until)
    return json.dumps(sorted(grant.checkpoints)), isoformat(grant.valid_from), until


def _grant(checkpoints: str, valid_from: str, valid_until: str | None) -> Grant:
    return Grant(
        frozenset(CheckpointId(one) for one in json.loads(checkpoints)),
        datetime.fromisoformat(valid_from),
        None if valid_until is None else datetime.fromisoformat(valid_until),
    )
