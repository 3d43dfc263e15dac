"""Sheets of templates while they change: opened, added to or taken from, and sealed anew under a fresh nonce.

Everything here runs inside the caller's transaction; ciphertext is written by ``flush``, look-ups at once.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from core.contract.ids import ModelId
from watchlists.faces.ids import to_bytes
from watchlists.faces.template import Template
from watchlists.store.errors import TooManyTemplatesError
from watchlists.store.ids import ID_BYTES
from watchlists.store.key_pages import KeyPages
from watchlists.store.rows import MAX_PER_CONSENT, OF_TEMPLATE, PLACE_BITS, places, split
from watchlists.store.vault import Vault

HELD_AT_ONCE = 1024
"""Holdings whose sheets lie open before they are written: as a rule a megabyte or two."""
_OF_HOLDING = f"""
SELECT t.place, t.model, m.name, t.template_ids, t.sealed, h.owner FROM face_templates t
JOIN face_models m ON m.model = t.model LEFT JOIN holdings h ON {OF_TEMPLATE} WHERE t.place BETWEEN ? AND ?
"""  # noqa: S608 - a number of ours


@dataclass(slots=True)
class _Sheet:
    """vectors: in the order of ``template_ids``, all of one length; None when the sheet doesn't open."""

    place: int
    owner: bytes
    model: int
    name: ModelId
    template_ids: list[bytes]
    vectors: list[bytes] | None
    changed: bool = False

    def takes(self, model: int, vector_bytes: int) -> bool:
        if not self.vectors:
            return not self.template_ids
        return self.model == model and len(self.vectors[0]) == vector_bytes


class Sheets:
    """The sheets that one change touches: opened for it, flushed at its end, then forgotten with their vectors."""

    def __init__(self, db: sqlite3.Connection, vault: Vault, pages: KeyPages) -> None:
        self._db = db
        self._vault = vault
        self._pages = pages
        self._held: dict[int, list[_Sheet]] = {}
        self._taken_from: set[int] = set()

    def place(self, template_id: bytes) -> int | None:
        """Where a template is kept. Raises sqlite3.Error."""
        row = self._db.execute("SELECT place FROM template_places WHERE template_id = ?", (template_id,)).fetchone()
        return None if row is None else row[0]

    def add(self, holding: int, owner: bytes, model: int, template: Template) -> None:
        """Put ``template``, whose id is kept nowhere, into a sheet of ``holding``, which has a key.

        Raises TooManyTemplatesError, sqlite3.Error.
        """
        sheets = self._of(holding)
        if sum(len(one.template_ids) for one in sheets) >= MAX_PER_CONSENT:
            raise TooManyTemplatesError(
                f"more than {MAX_PER_CONSENT} templates under one consent: erase old ones, then enrol again"
            )
        template_id, vector = to_bytes(template.template_id), template.vector.astype("<f4").tobytes()
        sheet = next((one for one in sheets if one.takes(model, len(vector))), None)
        if sheet is None:
            sheet = _Sheet(_free_place(holding, sheets), owner, model, template.model, [], [])
            sheets.append(sheet)
        if not sheet.vectors:
            sheet.owner, sheet.model, sheet.name, sheet.vectors = owner, model, template.model, []
        sheet.template_ids.append(template_id)
        sheet.vectors.append(vector)
        sheet.changed = True
        self._db.execute("INSERT INTO template_places VALUES (?, ?)", (template_id, sheet.place))

    def remove(self, template_id: bytes, place: int) -> bool:
        """Take a template out of its sheet; returns whether anything is left of its holding. Raises sqlite3.Error.

        What is left is sealed under a fresh key: a copy of the sheet it was in, somewhere on a disk, opens no more
        (but of a spoilt page no key can be renewed).
        A sheet that doesn't open loses its ciphertext: nobody here could take a single template out of it, but
        somebody who knows what was damaged could read them all. The others go on counting as damaged.
        """
        self._db.execute("DELETE FROM template_places WHERE template_id = ?", (template_id,))
        sheets = self._of(place >> PLACE_BITS)
        for sheet in sheets:
            if sheet.place == place and template_id in sheet.template_ids:
                position = sheet.template_ids.index(template_id)
                del sheet.template_ids[position]
                if sheet.vectors is not None:
                    del sheet.vectors[position]
                sheet.changed = True
                self._taken_from.add(place >> PLACE_BITS)
        return any(one.template_ids for one in sheets)

    def drop(self, holding: int) -> int:
        """Delete everything ``holding`` has; returns how many templates. Raises sqlite3.Error."""
        between = places(holding)
        if holding in self._held:  # the rows may still name what was taken out, and is elsewhere now
            gone = [(one,) for sheet in self._held.pop(holding) for one in sheet.template_ids]
        else:
            rows = self._db.execute("SELECT template_ids FROM face_templates WHERE place BETWEEN ? AND ?", between)
            gone = [(one,) for (joined,) in rows.fetchall() for one in split(joined, ID_BYTES)]
        self._db.executemany("DELETE FROM template_places WHERE template_id = ?", gone)
        self._db.execute("DELETE FROM face_templates WHERE place BETWEEN ? AND ?", between)
        return len(gone)

    def flush(self) -> None:
        """Seal and write every sheet that changed; one without templates is removed. Raises sqlite3.Error."""
        for holding in self._taken_from & self._held.keys():
            self._pages.renew(holding)
            for sheet in self._held[holding]:
                sheet.changed |= sheet.vectors is not None
        changed = [(holding, one) for holding, sheets in self._held.items() for one in sheets if one.changed]
        empty = [(one.place,) for _, one in changed if not one.template_ids]
        rows = [
            (one.place, one.model, b"".join(one.template_ids), self._sealed(holding, one))
            for holding, one in changed
            if one.template_ids
        ]
        self._db.executemany("DELETE FROM face_templates WHERE place = ?", empty)
        self._db.executemany("INSERT OR REPLACE INTO face_templates VALUES (?, ?, ?, ?)", rows)
        self._held.clear()
        self._taken_from.clear()

    def _sealed(self, holding: int, sheet: _Sheet) -> bytes:
        if sheet.vectors is None:
            return b""
        key = self._pages.key(holding)
        assert key is not None  # it opened the sheet, or was made for it
        joined = b"".join(sheet.template_ids), b"".join(sheet.vectors)
        return self._vault.seal_sheet(key, joined[0], sheet.owner, sheet.name, joined[1])

    def _of(self, holding: int) -> list[_Sheet]:
        if holding not in self._held:
            if len(self._held) >= HELD_AT_ONCE:
                self.flush()
            rows = self._db.execute(_OF_HOLDING, places(holding)).fetchall()
            key = self._pages.key(holding) if rows else None
            self._held[holding] = [self._opened(key, row) for row in rows]
        return self._held[holding]

    def _opened(self, key: bytes | None, row: tuple[int, int, ModelId, bytes, bytes, bytes | None]) -> _Sheet:
        place, model, name, template_ids, sealed, owner = row
        ids, whose = split(template_ids, ID_BYTES), owner or b""
        opened = self._vault.open_sheet(name, key=key, template_ids=template_ids, owner=whose, sealed=sealed)
        vectors = None if opened is None else split(opened, len(opened) // len(ids))
        return _Sheet(place, whose, model, name, ids, vectors)


def _free_place(holding: int, sheets: list[_Sheet]) -> int:
    taken = {one.place for one in sheets}
    first, last = places(holding)
    return next(place for place in range(first, last + 1) if place not in taken)
