"""Single vectors for exact re-checks, from search threads, while others write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np

from core.contract.ids import ModelId, TemplateId
from watchlists.faces.ids import to_bytes
from watchlists.faces.template import Float
from watchlists.store.file import path_of, telling
from watchlists.store.rows import find_one, open_one
from watchlists.store.vault import Vault


class ExactReader:
    """float32 vectors of one model by template id, as of the last commit. Any number of threads may ask.

    A connection of its own: in WAL mode it never waits for a writer's transaction.
    """

    def __init__(self, reader: Callable[[], sqlite3.Connection], vault: Vault, model: ModelId, dimension: int) -> None:
        self._vault = vault
        self._model = model
        self._dimension = dimension
        self._db = reader()
        self._path = path_of(self._db)
        self._lock = Lock()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def vectors(self, template_ids: Sequence[TemplateId]) -> Float:
        """float32 (n, d) in the order asked.

        A row of NaN stands for a template that was erased meanwhile, is damaged, or is of another model: no comparison
        with it is true. Raises StoreError.
        """
        found = np.full((len(template_ids), self._dimension), np.nan, np.float32)
        wanted = [to_bytes(one) for one in template_ids]
        with self._lock, telling(self._path):
            rows = [find_one(self._db, one) for one in wanted]
        for position, row in enumerate(rows):
            if row is None or row[3] != self._model:
                continue
            vector = open_one(self._vault, wanted[position], row)
            if vector is not None and vector.shape == (self._dimension,):
                found[position] = vector
        return found
