"""The tables of the lists on disk, beside those of ``watchlists.store``, and what their columns mean."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from functools import lru_cache

from core.contract.base import isoformat
from core.contract.ids import CheckpointId, PassId, SubjectKey, VehicleKey
from core.contract.plate_digest import PlateDigest
from core.contract.vocabulary import SubjectKind, VehicleKind
from edge.lists.plan import Grant, Lock, Person, Vehicle
from edge.lists.roster import Roster

SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE subjects (
  subject TEXT PRIMARY KEY, kind TEXT NOT NULL, checkpoints TEXT NOT NULL, valid_from TEXT NOT NULL,
  valid_until TEXT) WITHOUT ROWID;
CREATE TABLE vehicles (
  vehicle TEXT PRIMARY KEY, kind TEXT NOT NULL, exact BLOB NOT NULL, folded BLOB NOT NULL, checkpoints TEXT NOT NULL,
  valid_from TEXT NOT NULL, valid_until TEXT) WITHOUT ROWID;
CREATE TABLE revoked_passes (pass_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE told (
  template_id TEXT PRIMARY KEY, subject TEXT NOT NULL, consent TEXT NOT NULL, model TEXT NOT NULL,
  state TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX told_by_consent ON told (subject, consent);
CREATE TABLE locks (
  subject TEXT NOT NULL, consent TEXT NOT NULL, template_id TEXT NOT NULL,
  PRIMARY KEY (subject, consent, template_id)) WITHOUT ROWID;
CREATE TABLE erased_consents (consent TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE reseals (template_id TEXT PRIMARY KEY, recipients TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE staged_parts (part INTEGER PRIMARY KEY, sealed BLOB NOT NULL, signature TEXT NOT NULL)
"""
"""told: every template the core told and did not take back, kept here or not (``state``: ``tally.KEPT`` or a Refusal).
locks: template_id is empty where the whole consent is locked. erased_consents: tombstones, for ever; ids and nothing
else. reseals, staged_parts: work that a power cut must not forget."""
LIST_TABLES = ("subjects", "vehicles", "revoked_passes", "told", "locks", "reseals", "staged_parts")
"""What a snapshot replaces: everything but facts and tombstones."""


def read_roster(db: sqlite3.Connection) -> Roster:
    """Raises sqlite3.Error."""
    subjects = {
        SubjectKey(subject): Person(SubjectKind(kind), _grant(*grant))
        for subject, kind, *grant in db.execute(
            "SELECT subject, kind, checkpoints, valid_from, valid_until FROM subjects"
        )
    }
    vehicles = {
        VehicleKey(vehicle): Vehicle(VehicleKind(kind), _grant(*grant))
        for vehicle, kind, *grant in db.execute(
            "SELECT vehicle, kind, checkpoints, valid_from, valid_until FROM vehicles"
        )
    }
    revoked = frozenset(PassId(one) for (one,) in db.execute("SELECT pass_id FROM revoked_passes"))
    return Roster(subjects, vehicles, revoked)


def read_plates(db: sqlite3.Connection) -> dict[VehicleKey, PlateDigest]:
    """Raises sqlite3.Error."""
    rows = db.execute("SELECT vehicle, exact, folded FROM vehicles")
    return {VehicleKey(vehicle): PlateDigest(exact, folded) for vehicle, exact, folded in rows}


def put_subjects(db: sqlite3.Connection, subjects: dict[SubjectKey, Person]) -> None:
    """Raises sqlite3.Error."""
    rows = [(key, str(one.kind), *_columns(one.grant)) for key, one in subjects.items()]
    db.executemany("INSERT OR REPLACE INTO subjects VALUES (?, ?, ?, ?, ?)", rows)


def put_vehicles(db: sqlite3.Connection, vehicles: dict[VehicleKey, tuple[PlateDigest, Vehicle]]) -> None:
    """Raises sqlite3.Error."""
    rows = [
        (key, str(one.kind), plate.exact, plate.folded, *_columns(one.grant)) for key, (plate, one) in vehicles.items()
    ]
    db.executemany("INSERT OR REPLACE INTO vehicles VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def change_locks(db: sqlite3.Connection, locks: dict[Lock, bool]) -> None:
    """Raises sqlite3.Error."""
    for lock, locked in locks.items():
        key = (lock.subject, lock.consent, lock.template_id or "")
        if locked:
            db.execute("INSERT OR IGNORE INTO locks VALUES (?, ?, ?)", key)
        else:
            db.execute("DELETE FROM locks WHERE subject = ? AND consent = ? AND template_id = ?", key)


@lru_cache(maxsize=1024)
def read_checkpoints(text: str) -> frozenset[CheckpointId]:
    """What stands in a column of them; read once for all who share them, as most do."""
    return frozenset(CheckpointId(one) for one in json.loads(text))


def _columns(grant: Grant) -> tuple[str, str, str | None]:
    until = None if grant.valid_until is None else isoformat(grant.valid_until)
    return json.dumps(sorted(grant.checkpoints)), isoformat(grant.valid_from), until


def _grant(checkpoints: str, valid_from: str, valid_until: str | None) -> Grant:
    return Grant(
        read_checkpoints(checkpoints),
        datetime.fromisoformat(valid_from),
        None if valid_until is None else datetime.fromisoformat(valid_until),
    )
