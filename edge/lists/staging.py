"""Parts of a snapshot waiting for the others, as they came: sealed, on disk, so that a power cut costs none of them."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from core.contract.ids import EdgeId, SnapshotId
from core.contract.lists import ListSnapshotV1


class Snapshot(NamedTuple):
    """Which snapshot. Ids are UUIDv7: the later one has the larger id."""

    snapshot_id: SnapshotId
    version: int
    parts: int


def of(message: ListSnapshotV1) -> Snapshot:
    return Snapshot(message.snapshot_id, message.version, message.parts)


def staged(db: sqlite3.Connection) -> Snapshot | None:
    """The snapshot whose parts are waiting. Raises sqlite3.Error."""
    row = db.execute("SELECT value FROM facts WHERE name = 'staged'").fetchone()
    return None if row is None else Snapshot(*json.loads(row[0]))


def stage(db: sqlite3.Connection, message: ListSnapshotV1) -> bool:
    """Keep a part, inside the caller's transaction; parts of another snapshot make room. True: it was the last one.

    Raises sqlite3.Error.
    """
    if staged(db) != of(message):
        drop(db)
        db.execute("INSERT INTO facts VALUES ('staged', ?)", (json.dumps(of(message)),))
    sealed = base64.b64decode(message.sealed_base64)
    db.execute("INSERT OR REPLACE INTO staged_parts VALUES (?, ?, ?)", (message.part, sealed, message.signature_base64))
    (count,) = db.execute("SELECT count(*) FROM staged_parts").fetchone()
    return bool(count == message.parts)


def messages(db: sqlite3.Connection, edge: EdgeId, snapshot: Snapshot) -> Iterator[ListSnapshotV1]:
    """The waiting parts in their order, one in memory at a time. Raises sqlite3.Error."""
    for part in range(1, snapshot.parts + 1):
        sealed, signature = db.execute("SELECT sealed, signature FROM staged_parts WHERE part = ?", (part,)).fetchone()
        yield ListSnapshotV1(
            edge=edge,
            snapshot_id=snapshot.snapshot_id,
            version=snapshot.version,
            part=part,
            parts=snapshot.parts,
            sealed_base64=base64.b64encode(sealed).decode(),
            signature_base64=signature,
        )


def drop(db: sqlite3.Connection) -> None:
    """Forget waiting parts, inside the caller's transaction. Raises sqlite3.Error."""
    db.execute("DELETE FROM staged_parts")
    db.execute("DELETE FROM facts WHERE name = 'staged'")
