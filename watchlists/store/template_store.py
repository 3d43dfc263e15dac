"""Templates at rest, inside the SQLite file of whoever keeps the lists: his file, his transaction, his commit.

What is on disk in the clear: random ids, which model, and whether a consent is suspended. Vectors are ciphertext, each
under the data key of its subject and consent; data keys are wrapped by the page (``watchlists.store.vault``).

When an erased key is really gone
    ``erase`` overwrites the key in its page and seals the page anew; with the commit nothing here finds or opens the
    template any more, after a crash neither. The old page still stands in the database file, and the old ciphertext
    may, until ``StoreFile.fold_log`` has returned: then no byte of either is in the file, its log or its index, and
    whoever takes the disk and the site key can't open the template. A process killed in between folds when it starts
    again: whoever opens the file calls ``fold_log`` first. (What a disk keeps of overwritten blocks, flash
    above all, is beyond a file: encrypt the disk.)

What a backup can still open
    A copy of the file made before the erasure holds the old page of keys and the old ciphertext: with the site key it
    opens what it held then. Two things cover it. Keep the site key apart from backups: without it a copy opens
    nothing. And bring a restored copy up to date before it is searched: its list number is old, and the core sends
    every erasure since then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog

from core.contract.consent import vouch
from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId
from watchlists.faces.ids import to_bytes
from watchlists.faces.template import Template
from watchlists.store.errors import StoreFormatError, TooManyTemplatesError, UnknownTemplateError, WrongSiteKeyError
from watchlists.store.exact import ExactReader
from watchlists.store.ids import owner_bytes, owner_of, template_id_of
from watchlists.store.key_pages import TABLES as KEY_TABLES
from watchlists.store.key_pages import KeyPages
from watchlists.store.rows import MAX_PER_CONSENT, OF_TEMPLATE, ONE_TEMPLATE, PLACE_BITS, key_in, places
from watchlists.store.scan import Scan
from watchlists.store.vault import SEAL_BYTES, Vault

log = structlog.get_logger()

FORMAT = 1
BLOCK_ROWS = 16_384
TABLES = f"""
CREATE TABLE store_facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE face_models (model INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
{KEY_TABLES.strip()}
CREATE TABLE face_templates (
  place INTEGER PRIMARY KEY, template_id BLOB NOT NULL UNIQUE CHECK (length(template_id) = 16),
  model INTEGER NOT NULL REFERENCES face_models (model), sealed BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Holding:
    """What is kept of one subject under one consent; locked: kept, but not to be found (the consent is suspended)."""

    subject: SubjectKey
    consent: ConsentId
    locked: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A template on disk, without its vector."""

    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    model: ModelId
    locked: bool


def create(db: sqlite3.Connection, vault: Vault) -> None:
    """Make the tables, inside the caller's transaction. Raises sqlite3.Error."""
    for statement in TABLES.split(";"):
        db.execute(statement)
    db.executemany("INSERT INTO store_facts VALUES (?, ?)", [("format", FORMAT), ("key_check", vault.check_value())])


class TemplateStore:
    """Writes through the caller's connection, in his transaction and thread; reads vectors on connections of its own,
    from any thread, without ever waiting for a writer."""

    def __init__(self, db: sqlite3.Connection, vault: Vault, reader: Callable[[], sqlite3.Connection]) -> None:
        """db: holds the tables ``create`` made, in WAL mode and autocommit (``isolation_level=None``);
        reader: opens another, read-only connection to the same file (``StoreFile.reader``).

        Raises StoreFormatError, WrongSiteKeyError (their texts leave the file's name to the caller), sqlite3.Error;
        changes nothing.
        """
        self._db = db
        self._vault = vault
        self._open_reader = reader
        self._check()

    # Changes, inside the caller's transaction

    def put(self, templates: Iterable[Template]) -> int:
        """Keep ``templates``; one with the id of a kept one replaces it. Returns how many.

        A new holding is not locked: a suspended consent's is locked anew after templates of it are put.
        Raises TooManyTemplatesError, sqlite3.Error; the caller then rolls back.
        """
        self._in_transaction()
        pages = KeyPages(self._db, self._vault)
        models: dict[ModelId, int] = {}
        count = 0
        for template in templates:
            if template.model not in models:
                models[template.model] = self._model(template.model)
            self._put(pages, template, models[template.model])
            count += 1
        pages.flush()
        return count

    def erase(
        self,
        *,
        subjects: Iterable[SubjectKey] = (),
        consents: Iterable[tuple[SubjectKey, ConsentId]] = (),
        templates: Iterable[TemplateId] = (),
    ) -> int:
        """Erase everything of ``subjects``, everything under ``consents``, and single ``templates``, keys included.

        A data key goes with the last template it opens. Returns how many templates went; unknown ids are none.
        The module says when they are really gone. Raises sqlite3.Error.
        """
        self._in_transaction()
        pages = KeyPages(self._db, self._vault)
        gone = 0
        for subject in subjects:
            first = to_bytes(subject)
            rows = self._db.execute(
                "SELECT holding FROM holdings WHERE owner BETWEEN ? AND ?", (first + bytes(16), first + b"\xff" * 16)
            ).fetchall()
            gone += sum(self._drop(pages, holding) for (holding,) in rows)
        for consent in consents:
            holding = self._holding(owner_bytes(*consent))
            gone += 0 if holding is None else self._drop(pages, holding)
        for template_id in templates:
            gone += self._erase_one(pages, to_bytes(template_id))
        pages.flush()
        return gone

    def lock(self, consents: Iterable[tuple[SubjectKey, ConsentId]], locked: bool) -> int:
        """Mark what is kept under ``consents`` as not to be found, or to be found again; returns how many."""
        self._in_transaction()
        rows = [(int(locked), owner_bytes(*consent)) for consent in consents]
        return self._db.executemany("UPDATE holdings SET locked = ? WHERE owner = ?", rows).rowcount if rows else 0

    # Reading, from any thread

    def blocks(self, model: ModelId, dimension: int, rows: int = BLOCK_ROWS) -> Scan:
        """Every template of ``model``, decrypted, in blocks of at most ``rows`` (10 MB at 128-d and 16 k rows).

        Iterate once. Each block is a state of its own: what is put or erased meanwhile may or may not be in the blocks
        still to come. Rows that don't open are left out and counted (``Scan.damaged``).
        Iterating raises StoreDamagedError, StoreError, and names the file.
        """
        return Scan(self._open_reader, self._vault, model, dimension, rows)

    def exact(self, model: ModelId, dimension: int) -> ExactReader:
        """Single vectors of ``model`` by id, for exact re-checks; whoever asks for it closes it."""
        return ExactReader(self._open_reader, self._vault, model, dimension)

    # What is kept, as the caller's transaction sees it

    def reopen(self, template_id: TemplateId) -> Template:
        """One template with its proof, to be sealed for another edge. Raises UnknownTemplateError.

        The proof was verified when the template was put in; who erases on withdrawal sees to it that it still stands.
        """
        row = self._db.execute(ONE_TEMPLATE, (to_bytes(template_id),)).fetchone()
        if row is None:
            raise UnknownTemplateError(f"template {template_id} is not kept here: it was erased, or never arrived")
        sealed, owner, name, holding, page = row
        model, dimension = ModelId(name), (len(sealed) - SEAL_BYTES) // 4
        key = key_in(self._vault, holding, page)
        vector = self._vault.open_template(
            model, dimension, key=key, template_id=to_bytes(template_id), owner=owner, sealed=sealed
        )
        if vector is None:
            raise UnknownTemplateError(f"template {template_id} is damaged here: enrol this person again")
        return Template(template_id, vouch(*owner_of(owner)), model, vector)

    def holdings(self) -> Iterator[Holding]:
        """Every subject and consent of which something is kept; don't change the store while iterating."""
        for owner, locked in self._db.execute("SELECT owner, locked FROM holdings ORDER BY owner"):
            yield Holding(*owner_of(owner), bool(locked))

    def kept(self) -> Iterator[Kept]:
        """Every template kept, without its vector, to compare with what should be; don't change the store meanwhile."""
        rows = self._db.execute(
            "SELECT t.template_id, h.owner, m.name, h.locked FROM face_templates t "  # noqa: S608 - a number of ours
            f"JOIN face_models m ON m.model = t.model JOIN holdings h ON {OF_TEMPLATE} ORDER BY t.place"
        )
        for template_id, owner, model, locked in rows:
            yield Kept(template_id_of(template_id), *owner_of(owner), ModelId(model), bool(locked))

    def counts(self) -> dict[ModelId, int]:
        """How many templates are kept of each model, damaged ones included."""
        rows = self._db.execute(
            "SELECT m.name, count(*) FROM face_templates t JOIN face_models m ON m.model = t.model GROUP BY m.name"
        )
        return {ModelId(name): count for name, count in rows}

    def _put(self, pages: KeyPages, template: Template, model: int) -> None:
        template_id = to_bytes(template.template_id)
        owner = owner_bytes(template.subject, template.consent)
        self._erase_replaced(pages, template_id, owner)
        holding = self._holding(owner)
        key = None if holding is None else pages.key(holding)
        if holding is not None and key is None:  # its page is lost, and with it all that was kept under it
            log.warning("templates.holding_started_anew", templates=self._drop(pages, holding))
            holding = None
        if holding is None:
            holding = pages.add(owner)
            key = pages.key(holding)
        assert key is not None
        sealed = self._vault.seal_template(key, template_id, owner, template.model, template.vector)
        self._db.execute(
            "INSERT INTO face_templates VALUES (?, ?, ?, ?)", (self._free_place(holding), template_id, model, sealed)
        )

    def _erase_replaced(self, pages: KeyPages, template_id: bytes, owner: bytes) -> None:
        """Make room for a template of that id; its own holding stays, another's goes if this was its last."""
        row = self._db.execute(
            f"SELECT t.place, h.owner FROM face_templates t LEFT JOIN holdings h ON {OF_TEMPLATE} "  # noqa: S608
            "WHERE t.template_id = ?",
            (template_id,),
        ).fetchone()
        if row is None:
            return
        if row[1] == owner:
            self._db.execute("DELETE FROM face_templates WHERE place = ?", (row[0],))
        else:
            self._erase_one(pages, template_id)

    def _erase_one(self, pages: KeyPages, template_id: bytes) -> int:
        row = self._db.execute("SELECT place FROM face_templates WHERE template_id = ?", (template_id,)).fetchone()
        if row is None:
            return 0
        self._db.execute("DELETE FROM face_templates WHERE place = ?", row)
        holding = row[0] >> PLACE_BITS
        if self._db.execute("SELECT 1 FROM face_templates WHERE place BETWEEN ? AND ?", places(holding)).fetchone():
            return 1
        pages.destroy(holding)
        return 1

    def _drop(self, pages: KeyPages, holding: int) -> int:
        gone = self._db.execute("DELETE FROM face_templates WHERE place BETWEEN ? AND ?", places(holding)).rowcount
        pages.destroy(holding)
        return gone

    def _free_place(self, holding: int) -> int:
        rows = self._db.execute("SELECT place FROM face_templates WHERE place BETWEEN ? AND ?", places(holding))
        taken = {place for (place,) in rows}
        first, last = places(holding)
        free = next((place for place in range(first, last + 1) if place not in taken), None)
        if free is None:
            raise TooManyTemplatesError(
                f"more than {MAX_PER_CONSENT} templates under one consent: erase old ones, then enrol again"
            )
        return free

    def _holding(self, owner: bytes) -> int | None:
        row = self._db.execute("SELECT holding FROM holdings WHERE owner = ?", (owner,)).fetchone()
        return None if row is None else row[0]

    def _model(self, model: ModelId) -> int:
        self._db.execute("INSERT OR IGNORE INTO face_models (name) VALUES (?)", (model,))
        (number,) = self._db.execute("SELECT model FROM face_models WHERE name = ?", (model,)).fetchone()
        return int(number)

    def _in_transaction(self) -> None:
        if not self._db.in_transaction:
            raise RuntimeError("templates are changed inside a transaction of the caller's: begin one first")

    def _check(self) -> None:
        try:
            facts = dict(self._db.execute("SELECT name, value FROM store_facts"))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_ERROR":  # anything but a missing table
                raise
            raise StoreFormatError("no templates of this format in the file: it was made by an older Anju") from None
        if facts.get("format") != FORMAT:
            raise StoreFormatError(f"templates of format {facts.get('format')}, not {FORMAT}: upgrade this edge")
        check = facts.get("key_check")
        if not isinstance(check, bytes) or not self._vault.recognises(check):
            raise WrongSiteKeyError(
                "the templates were encrypted under another site key: put the old one back, or move the file away and "
                "start again: the core then sends the lists anew"
            )
