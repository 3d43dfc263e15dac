"""Data keys on disk, by the page: one seal for many keys, rewritten whole when a key comes or goes.

A holding is what one subject keeps here under one consent; its number is the place of its data key
(``page * PAGE_KEYS + slot``). Everything here runs inside the caller's transaction and is written by ``flush``.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import structlog

from watchlists.store.errors import SealBrokenError
from watchlists.store.vault import KEY_BYTES, PAGE_KEYS, Vault, new_data_key

log = structlog.get_logger()

TABLES = f"""
CREATE TABLE key_pages (page INTEGER PRIMARY KEY, free INTEGER NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX key_pages_with_room ON key_pages (page) WHERE free > 0;
CREATE TABLE holdings (
  holding INTEGER PRIMARY KEY CHECK (holding >= {PAGE_KEYS}),
  owner BLOB NOT NULL UNIQUE CHECK (length(owner) = 32), locked INTEGER NOT NULL CHECK (locked IN (0, 1)));
"""
_EMPTY = bytes(KEY_BYTES)


@dataclass(slots=True)
class _Page:
    keys: bytearray
    free: list[int]
    changed: bool = False


class KeyPages:
    """The pages of keys that one change touches: made for it, flushed at its end, then forgotten with its keys."""

    def __init__(self, db: sqlite3.Connection, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._pages: dict[int, _Page | None] = {}
        self._room: int | None = None

    def key(self, holding: int) -> bytes | None:
        """The data key of ``holding``; None when its page is lost or damaged."""
        number, slot = divmod(holding, PAGE_KEYS)
        page = self._page(number)
        if page is None:
            return None
        key = bytes(page.keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES])
        return None if key == _EMPTY else key

    def add(self, owner: bytes) -> int:
        """A new holding for ``owner`` (32 bytes), with a fresh data key. Raises sqlite3.Error."""
        number = self._page_with_room()
        page = self._pages[number]
        assert page is not None
        slot = page.free.pop()
        page.keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES] = new_data_key()
        page.changed = True
        holding = number * PAGE_KEYS + slot
        self._db.execute("INSERT INTO holdings VALUES (?, ?, 0)", (holding, owner))
        return holding

    def renew(self, holding: int) -> None:
        """Overwrite the data key of ``holding`` with a fresh one to seal anew with; of a lost page nothing is left."""
        number, slot = divmod(holding, PAGE_KEYS)
        page = self._page(number)
        if page is None:
            return
        page.keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES] = new_data_key()
        page.changed = True

    def destroy(self, holding: int) -> None:
        """Overwrite the data key of ``holding`` and forget the holding. Raises sqlite3.Error.

        A damaged page goes as a whole: nobody here can open it any more, but somebody who knows what was damaged could.
        """
        number, slot = divmod(holding, PAGE_KEYS)
        page = self._page(number)
        self._db.execute("DELETE FROM holdings WHERE holding = ?", (holding,))
        if page is None:
            self._db.execute("DELETE FROM key_pages WHERE page = ?", (number,))
            return
        page.keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES] = _EMPTY
        if slot not in page.free:
            page.free.append(slot)
        page.changed = True

    def flush(self) -> None:
        """Write every page that changed, each under a fresh nonce; a page without a key is removed."""
        for number, page in self._pages.items():
            if page is None or not page.changed:
                continue
            if len(page.free) == PAGE_KEYS:
                self._db.execute("DELETE FROM key_pages WHERE page = ?", (number,))
            else:
                sealed = self._vault.seal_page(number, bytes(page.keys))
                self._db.execute("INSERT OR REPLACE INTO key_pages VALUES (?, ?, ?)", (number, len(page.free), sealed))
            page.changed = False

    def _page(self, number: int) -> _Page | None:
        if number not in self._pages:
            self._pages[number] = self._load(number)
        return self._pages[number]

    def _load(self, number: int) -> _Page | None:
        row = self._db.execute("SELECT sealed FROM key_pages WHERE page = ?", (number,)).fetchone()
        if row is None:
            return None
        try:
            keys = bytearray(self._vault.open_page(number, row[0]))
        except SealBrokenError:
            log.warning("templates.key_page_damaged", page=number)
            return None
        first = number * PAGE_KEYS
        held = self._db.execute(
            "SELECT holding FROM holdings WHERE holding BETWEEN ? AND ?", (first, first + PAGE_KEYS - 1)
        )
        taken = {holding - first for (holding,) in held}
        return _Page(keys, [slot for slot in reversed(range(PAGE_KEYS)) if slot not in taken])

    def _page_with_room(self) -> int:
        if self._room is not None:
            page = self._pages[self._room]
            if page is not None and page.free:
                return self._room
        self._room = self._stored_page_with_room() or self._new_page()
        return self._room

    def _stored_page_with_room(self) -> int | None:
        rows = self._db.execute("SELECT page FROM key_pages WHERE free > 0 ORDER BY page").fetchall()
        for (number,) in rows:
            page = self._page(number)
            if page is not None and page.free:
                return int(number)
            if page is None:  # damaged: nobody's key goes there any more
                self._db.execute("UPDATE key_pages SET free = 0 WHERE page = ?", (number,))
        return None

    def _new_page(self) -> int:
        (last,) = self._db.execute("SELECT max(page) FROM key_pages").fetchone()
        (held,) = self._db.execute("SELECT max(holding) FROM holdings").fetchone()
        number = max(last or 0, (held or 0) // PAGE_KEYS, *self._pages, 0) + 1
        self._pages[number] = _Page(bytearray(PAGE_KEYS * KEY_BYTES), list(reversed(range(PAGE_KEYS))))
        return number
