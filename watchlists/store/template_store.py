"""Templates at rest, inside the SQLite file of whoever keeps the lists: his file, his transaction, his commit.

What is on disk in the clear: random ids, which model, and whether a consent is suspended. Vectors are ciphertext: those
of one subject, consent and model as one sheet under the data key of that subject and consent, sealed anew whenever one
comes or goes; data keys are wrapped by the page (``watchlists.store.vault``).

When an erased key is really gone
    ``erase`` overwrites the key in its page and seals the page anew; what stays under that consent is sealed under a
    new key. With the commit nothing here finds or opens the template any more, after a crash neither. The old page
    still stands in the database file, and the old ciphertext may, until ``StoreFile.fold_log`` has returned: then no
    byte of either is in the file, its log or its index, and whoever takes the disk and the site key can't open the
    template. A process killed in between folds when it starts again: whoever opens the file calls ``fold_log`` first.
    (What a disk keeps of overwritten blocks, flash above all, is beyond a file: encrypt the disk.)

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
from watchlists.store.errors import StoreFormatError, UnknownTemplateError, WrongSiteKeyError
from watchlists.store.exact import ExactReader
from watchlists.store.ids import ID_BYTES, owner_bytes, owner_of, template_id_of
from watchlists.store.key_pages import TABLES as KEY_TABLES
from watchlists.store.key_pages import KeyPages
from watchlists.store.rows import OF_TEMPLATE, PLACE_BITS, find_one, open_one, split
from watchlists.store.rows import TABLES as ROW_TABLES
from watchlists.store.scan import Scan
from watchlists.store.sheets import Sheets
from watchlists.store.vault import Vault

log = structlog.get_logger()

FORMAT = 2
BLOCK_ROWS = 16_384
_BEGIN_ANEW = "move the file away and start again: the core then sends the lists anew"
TABLES = f"""
CREATE TABLE store_facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
{KEY_TABLES.strip()}
{ROW_TABLES.strip()}
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
        sheets = Sheets(self._db, self._vault, pages)
        models: dict[ModelId, int] = {}
        count = 0
        for template in templates:
            if template.model not in models:
                models[template.model] = self._model(template.model)
            self._put(pages, sheets, template, models[template.model])
            count += 1
        sheets.flush()
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
        sheets = Sheets(self._db, self._vault, pages)
        gone = 0
        for subject in subjects:
            first = to_bytes(subject)
            rows = self._db.execute(
                "SELECT holding FROM holdings WHERE owner BETWEEN ? AND ?", (first + bytes(16), first + b"\xff" * 16)
            ).fetchall()
            gone += sum(_drop(pages, sheets, holding) for (holding,) in rows)
        for consent in consents:
            holding = self._holding(owner_bytes(*consent))
            gone += 0 if holding is None else _drop(pages, sheets, holding)
        for template_id in templates:
            gone += _erase_one(pages, sheets, to_bytes(template_id))
        sheets.flush()
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
        raw = to_bytes(template_id)
        row = find_one(self._db, raw)
        if row is None:
            raise UnknownTemplateError(f"template {template_id} is not kept here: it was erased, or never arrived")
        _, _, owner, model, _, _ = row
        vector = open_one(self._vault, raw, row)
        if vector is None:
            raise UnknownTemplateError(f"template {template_id} is damaged here: enrol this person again")
        return Template(template_id, vouch(*owner_of(owner)), ModelId(model), vector)

    def holdings(self) -> Iterator[Holding]:
        """Every subject and consent of which something is kept; don't change the store while iterating."""
        for owner, locked in self._db.execute("SELECT owner, locked FROM holdings ORDER BY owner"):
            yield Holding(*owner_of(owner), bool(locked))

    def kept(self) -> Iterator[Kept]:
        """Every template kept, without its vector, to compare with what should be; don't change the store meanwhile."""
        rows = self._db.execute(
            "SELECT t.template_ids, h.owner, m.name, h.locked FROM face_templates t "  # noqa: S608 - a number of ours
            f"JOIN face_models m ON m.model = t.model JOIN holdings h ON {OF_TEMPLATE} ORDER BY t.place"
        )
        for template_ids, owner, model, locked in rows:
            for template_id in split(template_ids, ID_BYTES):
                yield Kept(template_id_of(template_id), *owner_of(owner), ModelId(model), bool(locked))

    def counts(self) -> dict[ModelId, int]:
        """How many templates are kept of each model, damaged ones included."""
        rows = self._db.execute(
            f"SELECT m.name, sum(length(t.template_ids)) / {ID_BYTES} FROM face_templates t "  # noqa: S608
            "JOIN face_models m ON m.model = t.model GROUP BY m.name"
        )
        return {ModelId(name): count for name, count in rows}

    def _put(self, pages: KeyPages, sheets: Sheets, template: Template, model: int) -> None:
        template_id = to_bytes(template.template_id)
        owner = owner_bytes(template.subject, template.consent)
        holding = self._holding(owner)
        replaced = sheets.place(template_id)
        if replaced is not None and replaced >> PLACE_BITS == holding:  # its key stays, even if this was its last
            sheets.remove(template_id, replaced)
        elif replaced is not None:
            _erase_one(pages, sheets, template_id)
        if holding is not None and pages.key(holding) is None:  # its page is lost, and all that was kept under it
            log.warning("templates.holding_started_anew", templates=_drop(pages, sheets, holding))
            holding = None
        if holding is None:
            holding = pages.add(owner)
        sheets.add(holding, owner, model, template)

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
            raise StoreFormatError(f"no templates of this format, but of an older Anju: {_BEGIN_ANEW}") from None
        made_in = facts.get("format")
        if not isinstance(made_in, int) or made_in < FORMAT:
            raise StoreFormatError(f"templates of format {made_in}, not {FORMAT}: of an older Anju, {_BEGIN_ANEW}")
        if made_in > FORMAT:
            raise StoreFormatError(f"templates of format {made_in}, not {FORMAT}: upgrade this edge")
        check = facts.get("key_check")
        if not isinstance(check, bytes) or not self._vault.recognises(check):
            raise WrongSiteKeyError(
                f"the templates were encrypted under another site key: put the old one back, or {_BEGIN_ANEW}"
            )


def _erase_one(pages: KeyPages, sheets: Sheets, template_id: bytes) -> int:
    place = sheets.place(template_id)
    if place is None:
        return 0
    if not sheets.remove(template_id, place):
        _drop(pages, sheets, place >> PLACE_BITS)
    return 1


def _drop(pages: KeyPages, sheets: Sheets, holding: int) -> int:
    gone = sheets.drop(holding)
    pages.destroy(holding)
    return gone
