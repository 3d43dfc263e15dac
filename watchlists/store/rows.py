"""How rows lie on disk, and reading them with their data keys: shared by the store, its scans and its exact reader.

A row of ``face_templates`` is a sheet: templates of one model that one holding has, sealed as one. A holding has one of
each model, and further ones only when one is damaged or vectors of one model differ in length: what is damaged stays as
it is, and counts, until it is erased.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import numpy as np

from core.contract.ids import ModelId
from watchlists.faces.template import Float
from watchlists.store.errors import SealBrokenError
from watchlists.store.ids import ID_BYTES
from watchlists.store.vault import KEY_BYTES, PAGE_KEYS, Vault

PLACE_BITS = 8
"""A sheet's place is its holding's number and, in these low bits, which one of the holding's it is."""
MAX_PER_CONSENT = 1 << PLACE_BITS
"""Templates, and so sheets."""
TABLES = f"""
CREATE TABLE face_models (model INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE face_templates (
  place INTEGER PRIMARY KEY, model INTEGER NOT NULL REFERENCES face_models (model),
  template_ids BLOB NOT NULL CHECK (length(template_ids) > 0 AND length(template_ids) % {ID_BYTES} = 0),
  sealed BLOB NOT NULL);
CREATE TABLE template_places (
  template_id BLOB PRIMARY KEY CHECK (length(template_id) = {ID_BYTES}), place INTEGER NOT NULL) WITHOUT ROWID;
"""
OF_TEMPLATE = f"h.holding = t.place >> {PLACE_BITS}"
"""Joins holdings h to face_templates t."""
_ONE_TEMPLATE = f"""
SELECT t.template_ids, t.sealed, h.owner, m.name, h.holding, k.sealed FROM template_places p
JOIN face_templates t ON t.place = p.place JOIN face_models m ON m.model = t.model JOIN holdings h ON {OF_TEMPLATE}
LEFT JOIN key_pages k ON k.page = h.holding / {PAGE_KEYS} WHERE p.template_id = ?
"""  # noqa: S608 - numbers of ours
OneTemplate = tuple[bytes, bytes, bytes, ModelId, int, bytes | None]
"""The sheet a template is in: ids, sealed, owner, model, holding, the sealed page of its key."""


def places(holding: int) -> tuple[int, int]:
    """The first and the last place of a holding's sheets."""
    first = holding << PLACE_BITS
    return first, first + MAX_PER_CONSENT - 1


def split(joined: bytes, size: int) -> list[bytes]:
    """Ids, or vectors, that lie one after another."""
    return [joined[start : start + size] for start in range(0, len(joined), size)]


def find_one(db: sqlite3.Connection, template_id: bytes) -> OneTemplate | None:
    """Where a template lies. Raises sqlite3.Error."""
    row: OneTemplate | None = db.execute(_ONE_TEMPLATE, (template_id,)).fetchone()
    return row


def open_one(vault: Vault, template_id: bytes, row: OneTemplate) -> Float | None:
    """float32 (d,) of one template out of its sheet; None when that was changed, moved, or its key is lost."""
    template_ids, sealed, owner, model, holding, page = row
    key = _key_in(vault, holding, page)
    vectors = vault.open_sheet(model, key=key, template_ids=template_ids, owner=owner, sealed=sealed)
    ids = split(template_ids, ID_BYTES)
    if vectors is None or template_id not in ids:
        return None
    size = len(vectors) // len(ids)
    found = np.frombuffer(vectors, "<f4", size // 4, ids.index(template_id) * size)
    return found.astype(np.float32, copy=False)


def keys_between(db: sqlite3.Connection, first: int, last: int) -> list[tuple[int, bytes]]:
    """(number, sealed) of the pages that hold the keys of holdings ``first`` to ``last``, both included."""
    return db.execute(
        "SELECT page, sealed FROM key_pages WHERE page BETWEEN ? AND ?", (first // PAGE_KEYS, last // PAGE_KEYS)
    ).fetchall()


def open_pages(vault: Vault, pages: Iterable[tuple[int, bytes]]) -> dict[int, bytes]:
    """The data key of every holding whose page opens."""
    keys: dict[int, bytes] = {}
    for page, sealed in pages:
        try:
            whole = vault.open_page(page, sealed)
        except SealBrokenError:
            continue
        keys.update(enumerate(split(whole, KEY_BYTES), page * PAGE_KEYS))
    return keys


def _key_in(vault: Vault, holding: int, sealed_page: bytes | None) -> bytes | None:
    if sealed_page is None:
        return None
    page, slot = divmod(holding, PAGE_KEYS)
    try:
        keys = vault.open_page(page, sealed_page)
    except SealBrokenError:
        return None
    return keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]
