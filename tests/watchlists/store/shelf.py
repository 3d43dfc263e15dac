"""What the tests of the store share: a file with a store in it, and templates to put there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.contract.consent import ActiveConsent
from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId, new_id
from tests.support.consents import standing_consent
from watchlists.faces.template import Float, Template
from watchlists.store.file import StoreFile
from watchlists.store.template_store import TemplateStore, create
from watchlists.store.vault import KEY_BYTES, Vault

MODEL = ModelId("sface@000000000000")
DIMENSION = 128
WRAPPING_KEY = bytes(range(KEY_BYTES))
EDGE = "gate-1"


@dataclass(frozen=True, slots=True)
class Shelf:
    """An open store and the file it lies in."""

    file: StoreFile
    store: TemplateStore

    @classmethod
    @contextmanager
    def open(cls, path: Path, wrapping_key: bytes = WRAPPING_KEY, place: str = EDGE) -> Iterator[Shelf]:
        file = StoreFile(path)
        try:
            vault = Vault(wrapping_key, place)
            if not file.db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                with file.transaction() as db:
                    create(db, vault)
            yield cls(file, TemplateStore(file.db, vault, file.reader))
        finally:
            file.close()

    @property
    def path(self) -> Path:
        return self.file.path

    def put(self, *templates: Template) -> None:
        with self.file.transaction():
            self.store.put(templates)

    def erase(
        self,
        *,
        subjects: Iterable[SubjectKey] = (),
        consents: Iterable[tuple[SubjectKey, ConsentId]] = (),
        templates: Iterable[TemplateId] = (),
    ) -> int:
        with self.file.transaction():
            return self.store.erase(subjects=subjects, consents=consents, templates=templates)

    def execute(self, statement: str, *values: object) -> None:
        with self.file.transaction() as db:
            db.execute(statement, values)

    def found(self, model: ModelId = MODEL, dimension: int = DIMENSION) -> dict[str, bytes]:
        """Every template that opens: its id and its vector."""
        return {
            row.tobytes().hex(): vector.tobytes()
            for block in self.store.blocks(model, dimension)
            for row, vector in zip(block.template_ids, block.vectors, strict=True)
        }

    def bytes_on_disk(self) -> bytes:
        """Everything that lies in the file and beside it."""
        return b"".join(path.read_bytes() for path in sorted(self.path.parent.glob(f"{self.path.name}*")))


def drawn(dimension: int = DIMENSION) -> Float:
    """A unit vector nobody drew before."""
    vector = np.random.default_rng().normal(size=dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def face(
    proof: ActiveConsent | None = None, model: ModelId = MODEL, dimension: int = DIMENSION, name: str | None = None
) -> Template:
    return Template(TemplateId(name or new_id()), proof or standing_consent(), model, drawn(dimension))


def as_found(*templates: Template) -> dict[str, bytes]:
    """``templates`` the way ``Shelf.found`` tells them."""
    return {template.template_id.replace("-", ""): template.vector.tobytes() for template in templates}
