"""How rows lie on disk, and reading them with their data keys: shared by the store, its scans and its exact reader."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from watchlists.store.errors import SealBrokenError
from watchlists.store.vault import KEY_BYTES, PAGE_KEYS, Vault

PLACE_BITS = 8
"""A template's place is its holding's number and, in these low bits, which one of the holding's it is."""
MAX_PER_CONSENT = 1 << PLACE_BITS
OF_TEMPLATE = f"h.holding = t.place >> {PLACE_BITS}"
"""Joins holdings h to face_templates t."""
ONE_TEMPLATE = f"""
SELECT t.sealed, h.owner, m.name, h.holding, k.sealed FROM face_templates t
JOIN face_models m ON m.model = t.model JOIN holdings h ON {OF_TEMPLATE}
LEFT JOIN key_pages k ON k.page = h.holding / {PAGE_KEYS} WHERE t.template_id = ?
"""  # noqa: S608 - numbers of ours


def places(holding: int) -> tuple[int, int]:
    """The first and the last place of a holding's templates."""
    first = holding << PLACE_BITS
    return first, first + MAX_PER_CONSENT - 1


def key_in(vault: Vault, holding: int, sealed_page: bytes | None) -> bytes | None:
    """The data key of ``holding`` out of its page; None when the page is lost or damaged."""
    if sealed_page is None:
        return None
    page, slot = divmod(holding, PAGE_KEYS)
    try:
        keys = vault.open_page(page, sealed_page)
    except SealBrokenError:
        return None
    return keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]


def keys_between(db: sqlite3.Connection, first: int, last: int) -> list[tuple[int, bytes]]:
    """(number, sealed) of the pages that hold the keys of holdings ``first`` to ``last``, both included."""
    return db.execute(
        "SELECT page, sealed FROM key_pages WHERE page BETWEEN ? AND ?", (first // PAGE_KEYS, last // PAGE_KEYS)
    ).fetchall()


def open_pages(vault: Vault, pages: Iterable[tuple[int, bytes]]) -> dict[int, bytes]:
    """The data key of every holding whose page opens."""
    keys = {}
    for page, sealed in pages:
        try:
            whole = vault.open_page(page, sealed)
        except SealBrokenError:
            continue
        first = page * PAGE_KEYS
        for slot in range(PAGE_KEYS):
            keys[first + slot] = whole[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]
    return keys
