"""Reading every template of a model, decrypted, in blocks: for building an index, at a start or beside searches."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import compress

import numpy as np
import structlog

from core.contract.ids import ModelId
from watchlists.faces.template import Ids, TemplateBlock
from watchlists.store.file import path_of, telling
from watchlists.store.ids import ID_BYTES, OWNER_BYTES
from watchlists.store.rows import OF_TEMPLATE, PLACE_BITS, keys_between, open_pages
from watchlists.store.vault import Vault

log = structlog.get_logger()

READ_SHEETS = 512
"""Sheets read and decrypted at a time: they stay in the processor's cache, and readers get out of the log's way."""
Row = tuple[int, bytes, bytes, bytes, int]
"""place, template ids, sealed, owner, locked."""
_NEXT = f"""
SELECT t.place, t.template_ids, t.sealed, h.owner, h.locked FROM face_templates t
JOIN holdings h ON {OF_TEMPLATE} WHERE t.place > ? AND t.model = ? ORDER BY t.place LIMIT ?
"""  # noqa: S608 - a number of ours


class Scan:
    """Blocks of templates in the order of their places; iterate once, from one thread.

    damaged: how many templates so far did not open (changed, moved, their page of keys lost, another dimension).
    """

    def __init__(
        self, reader: Callable[[], sqlite3.Connection], vault: Vault, model: ModelId, dimension: int, rows: int
    ) -> None:
        self.damaged = 0
        self._reader = reader
        self._vault = vault
        self._model = model
        self._dimension = dimension
        self._rows = rows

    def __iter__(self) -> Iterator[TemplateBlock]:
        with closing(self._reader()) as db:
            path = path_of(db)
            with telling(path):
                found = db.execute("SELECT model FROM face_models WHERE name = ?", (self._model,)).fetchone()
            parts: list[TemplateBlock] = []
            last = -1
            while found is not None:
                with telling(path):
                    rows, pages = self._read(db, last, found[0])
                if not rows:
                    break
                last = rows[-1][0]
                parts.append(self._open(rows, pages))
                while sum(map(len, parts)) >= self._rows:
                    whole = _joined(parts)
                    yield _of(whole, slice(self._rows))
                    parts = [_of(whole, slice(self._rows, None))]
            if any(map(len, parts)):
                yield _joined(parts)
        if self.damaged:
            log.error("templates.damaged", count=self.damaged, model=self._model)

    def _read(self, db: sqlite3.Connection, after: int, model: int) -> tuple[list[Row], list[tuple[int, bytes]]]:
        """The next rows and their pages of keys, of one state of the file; the log can be folded again right after."""
        db.execute("BEGIN")
        rows: list[Row] = db.execute(_NEXT, (after, model, READ_SHEETS)).fetchall()
        pages = keys_between(db, rows[0][0] >> PLACE_BITS, rows[-1][0] >> PLACE_BITS) if rows else []
        db.execute("COMMIT")
        return rows, pages

    def _open(self, rows: list[Row], pages: list[tuple[int, bytes]]) -> TemplateBlock:
        """The templates of those ``rows`` that open; counts the others."""
        keys = open_pages(self._vault, pages)
        places, template_ids, sealed, owners, locked = zip(*rows, strict=True)
        vector_bytes = 4 * self._dimension
        opened = self._vault.open_sheets(
            self._model,
            vector_bytes,
            keys=[keys.get(place >> PLACE_BITS) for place in places],
            template_ids=template_ids,
            owners=owners,
            sealed=sealed,
        )
        counts = [len(one) // vector_bytes for one in opened]
        self.damaged += sum(map(len, template_ids)) // ID_BYTES - sum(counts)
        whose = _ids(owners, OWNER_BYTES)
        vectors = np.frombuffer(b"".join(opened), "<f4").astype(np.float32, copy=False)
        return TemplateBlock(
            self._model,
            _ids(compress(template_ids, opened), ID_BYTES),
            np.repeat(whose[:, :ID_BYTES], counts, axis=0),
            np.repeat(whose[:, ID_BYTES:], counts, axis=0),
            np.repeat(np.array(locked, np.bool_), counts),
            vectors.reshape(-1, self._dimension),
        )


def _ids(raw: Iterable[bytes], size: int) -> Ids:
    return np.frombuffer(b"".join(raw), np.uint8).reshape(-1, size)


def _of(block: TemplateBlock, rows: slice) -> TemplateBlock:
    return TemplateBlock(
        block.model,
        block.template_ids[rows],
        block.subjects[rows],
        block.consents[rows],
        block.locked[rows],
        block.vectors[rows],
    )


def _joined(parts: Sequence[TemplateBlock]) -> TemplateBlock:
    return TemplateBlock(
        parts[0].model,
        np.concatenate([part.template_ids for part in parts]),
        np.concatenate([part.subjects for part in parts]),
        np.concatenate([part.consents for part in parts]),
        np.concatenate([part.locked for part in parts]),
        np.concatenate([part.vectors for part in parts]),
    )
