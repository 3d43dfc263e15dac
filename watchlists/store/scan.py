"""Reading every template of a model, decrypted, in blocks: for building an index, at a start or beside searches."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import numpy as np
import structlog

from core.contract.ids import ModelId
from watchlists.faces.template import Ids, TemplateBlock
from watchlists.store.file import path_of, telling
from watchlists.store.ids import ID_BYTES, OWNER_BYTES
from watchlists.store.rows import OF_TEMPLATE, PLACE_BITS, keys_between, open_pages
from watchlists.store.vault import Vault, vectors_of

log = structlog.get_logger()

READ_ROWS = 512
"""Rows read and decrypted at a time: they stay in the processor's cache, and readers get out of the log's way."""
Row = tuple[int, bytes, bytes, bytes, int]
"""place, template id, sealed, owner, locked."""
_NEXT = f"""
SELECT t.place, t.template_id, t.sealed, h.owner, h.locked FROM face_templates t
JOIN holdings h ON {OF_TEMPLATE} WHERE t.place > ? AND t.model = ? ORDER BY t.place LIMIT ?
"""  # noqa: S608 - a number of ours


class Scan:
    """Blocks of templates in the order of their places; iterate once, from one thread.

    damaged: how many rows so far did not open (changed, moved, their page of keys lost, another dimension).
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
                if len(parts) * READ_ROWS >= self._rows:
                    yield _joined(parts)
                    parts = []
            if parts:
                yield _joined(parts)
        if self.damaged:
            log.error("templates.damaged", count=self.damaged, model=self._model)

    def _read(self, db: sqlite3.Connection, after: int, model: int) -> tuple[list[Row], list[tuple[int, bytes]]]:
        """The next rows and their pages of keys, of one state of the file; the log can be folded again right after."""
        db.execute("BEGIN")
        rows: list[Row] = db.execute(_NEXT, (after, model, READ_ROWS)).fetchall()
        pages = keys_between(db, rows[0][0] >> PLACE_BITS, rows[-1][0] >> PLACE_BITS) if rows else []
        db.execute("COMMIT")
        return rows, pages

    def _open(self, rows: list[Row], pages: list[tuple[int, bytes]]) -> TemplateBlock:
        keys = open_pages(self._vault, pages)
        places, template_ids, sealed, owners, locked = zip(*rows, strict=True)
        held = [keys.get(place >> PLACE_BITS) for place in places]
        opened = self._vault.open_templates(
            self._model, self._dimension, keys=held, template_ids=template_ids, owners=owners, sealed=sealed
        )
        whole = [one for one in opened if one is not None]
        subjects_consents = _ids(owners, OWNER_BYTES)
        block = TemplateBlock(
            self._model,
            _ids(template_ids, ID_BYTES),
            subjects_consents[:, :ID_BYTES],
            subjects_consents[:, ID_BYTES:],
            np.array(locked, np.bool_),
            vectors_of(whole, self._dimension),
        )
        if len(whole) == len(rows):
            return block
        self.damaged += len(rows) - len(whole)
        kept = np.array([one is not None for one in opened], np.bool_)
        return TemplateBlock(
            block.model,
            block.template_ids[kept],
            block.subjects[kept],
            block.consents[kept],
            block.locked[kept],
            block.vectors,
        )


def _ids(raw: Sequence[bytes], size: int) -> Ids:
    return np.frombuffer(b"".join(raw), np.uint8).reshape(len(raw), size)


def _joined(parts: Sequence[TemplateBlock]) -> TemplateBlock:
    return TemplateBlock(
        parts[0].model,
        np.concatenate([part.template_ids for part in parts]),
        np.concatenate([part.subjects for part in parts]),
        np.concatenate([part.consents for part in parts]),
        np.concatenate([part.locked for part in parts]),
        np.concatenate([part.vectors for part in parts]),
    )
