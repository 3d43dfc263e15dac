"""What templates at rest cost: reading and decrypting all of them at a start, one of them, enrolling and erasing.

    python -m benchmarks.store [--quick]

People with two templates each, as in the galleries of the other benchmarks, and with one each, so a data key for every
template: the dearest case. Beside it as many vectors that lie in the clear in a file of their own.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.galleries import SHOTS
from benchmarks.report import Row, against_limit, against_peer, write
from core.contract.consent import vouch
from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId, new_id
from watchlists.faces.template import Template
from watchlists.store.file import StoreFile
from watchlists.store.template_store import TemplateStore, create
from watchlists.store.vault import Vault

MODEL = ModelId("synthetic@000000000000")
TEMPLATES, QUICK_TEMPLATES = 200_000, 20_000
GALLERIES = {(128, SHOTS): 2.2, (128, 1): 5.0, (512, SHOTS): 6.0}
"""Dimension and templates a person; and the µs that reading and decrypting one of them may take."""
ROUNDS = 5
AT_ONCE = 10_000
CANDIDATES = 32
CHANGES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rows: list[Row] = []
    for (dimension, shots), limit in GALLERIES.items():
        count = (QUICK_TEMPLATES if quick else TEMPLATES) * 128 // dimension
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(Path(folder), count, dimension, shots, limit)
    write("store", rows, quick=quick)


def measure(folder: Path, count: int, dimension: int, shots: int, limit: float) -> list[Row]:
    """Everything about a store of ``count`` templates, ``shots`` a person; limit: µs to read and decrypt one."""
    path = folder / "lists.db"
    file = StoreFile(path)
    vault = Vault(bytes(32), "benchmark")
    with file.transaction() as db:
        create(db, vault)
    store = TemplateStore(file.db, vault, file.reader)
    for start in range(0, count, AT_ONCE):
        with file.transaction():
            store.put(people(min(AT_ONCE, count - start), dimension, shots))
    file.fold_log()
    plain = folder / "plain.db"
    in_the_clear(store, plain, dimension)
    spent = us_each(
        count,
        ours=lambda: sum(len(block) for block in store.blocks(MODEL, dimension)),
        plain=lambda: read_plain(plain, dimension),
    )
    size = f"{count:,} x {dimension}-d, {shots} a person"
    return [
        against_limit(f"read and decrypt, µs a template, {size}", ours=spent["ours"], limit=limit),
        against_peer(
            f"read and decrypt, µs a template, {size}; vectors in the clear in SQLite",
            ours=spent["ours"],
            peer=spent["plain"],
            goal=0.2,
        ),
        against_limit(f"bytes on disk a template, {size}", ours=path.stat().st_size / count, limit=1.5 * 4 * dimension),
        *changes(file, store, size, dimension, shots),
    ]


def changes(file: StoreFile, store: TemplateStore, size: str, dimension: int, shots: int) -> list[Row]:
    """Reading a few templates for an exact re-check; enrolling; erasing with every trace: medians."""
    some = [one.template_id for one, _ in zip(store.kept(), range(CHANGES * CANDIDATES), strict=False)]
    np.random.default_rng(len(some)).shuffle(some)
    exact = store.exact(MODEL, dimension)
    groups = [some[start : start + CANDIDATES] for start in range(0, len(some), CANDIDATES)]
    rechecks = [timed(partial(exact.vectors, group)) for group in groups]
    exact.close()
    newcomers = list(people(CHANGES * shots, dimension, shots))
    enrolled = [timed(partial(enrol, file, store, one)) for one in newcomers]
    erased = [timed(partial(erase, file, store, one)) for one in newcomers[::shots]]
    return [
        against_limit(
            f"one of {CANDIDATES} templates for an exact re-check, µs, {size}",
            ours=statistics.median(rechecks) * 1e6 / CANDIDATES,
            limit=50,
        ),
        against_limit(f"enrol one, on disk, ms, {size}", ours=statistics.median(enrolled) * 1e3, limit=10),
        against_limit(
            f"erase one person, key and ciphertext gone from the files, ms, {size}",
            ours=statistics.median(erased) * 1e3,
            limit=20,
        ),
    ]


def enrol(file: StoreFile, store: TemplateStore, template: Template) -> None:
    with file.transaction():
        store.put([template])


def erase(file: StoreFile, store: TemplateStore, template: Template) -> None:
    with file.transaction():
        store.erase(subjects=[template.subject])
    file.fold_log()


def people(count: int, dimension: int, shots: int) -> Iterator[Template]:
    """``count`` templates, ``shots`` of a person after one another."""
    vectors = np.random.default_rng(count).normal(size=(count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for start in range(0, count, shots):
        proof = vouch(SubjectKey(new_id()), ConsentId(new_id()))
        for vector in vectors[start : start + shots]:
            yield Template(TemplateId(new_id()), proof, MODEL, vector)


def in_the_clear(store: TemplateStore, path: Path, dimension: int) -> None:
    """What anybody would write who had nothing to protect."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE templates (number INTEGER PRIMARY KEY, id BLOB, subject BLOB, vector BLOB)")
        for block in store.blocks(MODEL, dimension):
            columns = (block.template_ids, block.subjects, block.vectors)
            rows = zip(*([row.tobytes() for row in column] for column in columns), strict=True)
            db.executemany("INSERT INTO templates (id, subject, vector) VALUES (?, ?, ?)", rows)


def read_plain(path: Path, dimension: int) -> int:
    """Read all of them into one array."""
    with closing(sqlite3.connect(path)) as db:
        cursor = db.execute("SELECT id, subject, vector FROM templates ORDER BY number")
        blocks = []
        while rows := cursor.fetchmany(AT_ONCE):
            joined = b"".join(vector for _, _, vector in rows)
            blocks.append(np.frombuffer(joined, "<f4").reshape(-1, dimension))
    return len(np.concatenate(blocks))


def us_each(count: int, **calls: Callable[[], int]) -> dict[str, float]:
    """Median µs a template of each call, which take turns."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            spent[name].append(timed(call))
    return {name: statistics.median(times) / count * 1e6 for name, times in spent.items()}


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
