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
from watchlists.store.rows import ONE_TEMPLATE, key_in
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
        with self._lock, telling(self._path):
            rows = [self._db.execute(ONE_TEMPLATE, (to_bytes(one),)).fetchone() for one in template_ids]
        for position, row in enumerate(rows):
            if row is None or row[2] != self._model:
                continue
            sealed, owner, _, holding, page = row
            key = key_in(self._vault, holding, page)
            template_id = to_bytes(template_ids[position])
            vector = self._vault.open_template(
                self._model, self._dimension, key=key, template_id=template_id, owner=owner, sealed=sealed
            )
            if vector is not None:
                found[position] = vector
        return found
