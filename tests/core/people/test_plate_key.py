"""A plate key that was lost is missed, never replaced in silence; one that is gone for good takes plates along."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from core.cases.cases import case, do_approve_case, do_request_controlled_vehicle
from core.contract.ids import new_id
from core.keys import KeyFileError, load_plate_key
from core.people.plate_key import PlateKeyLostError, do_forget_plates, open_plates, unreadable_plates
from core.people.plates import PlateKeeper
from core.people.vehicles import do_put_vehicle, list_vehicles
from core.storage.database import Database
from core.storage.schema import ListChangeRow
from tests.core.estates import NOW, key

HOME, AWAY = "京A12345", "京B54321"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "core-plates.key"


def enter(db: Session, plate: str, plates: PlateKeeper, at: datetime = NOW) -> str:
    row = do_put_vehicle(
        db,
        key(),
        plate=plate,
        kind="resident",
        checkpoints=["lane"],
        valid_from=NOW,
        valid_until=None,
        plates=plates,
        now=at,
    )
    return row.key


def sought(db: Session, plate: str, plates: PlateKeeper) -> str:
    """An open case that looks for a vehicle: its id."""
    row = do_request_controlled_vehicle(
        db,
        new_id(),
        plate=plate,
        case_number="2026-114",
        authority="某派出所",
        reason="肇事逃逸",
        checkpoints=["lane"],
        expires_at=NOW + timedelta(days=7),
        requested_by="li",
        plates=plates,
        now=NOW,
    )
    for account in ("wang", "zhao"):
        do_approve_case(db, row.id, account, NOW)
    return row.id


def replace_key(path: Path) -> None:
    path.write_bytes(base64.b64encode(b"o" * 32))
    path.chmod(0o600)


def told(db: Session, ref: str) -> list[tuple[str, str]]:
    rows = select(ListChangeRow.edge_id, ListChangeRow.op).where(ListChangeRow.ref == ref)
    return [(edge, op) for edge, op in db.execute(rows.order_by(ListChangeRow.edge_id, ListChangeRow.number))]


def test_a_key_is_made_where_no_plate_is_listed(known_database: Database, path: Path) -> None:
    with known_database.writing() as db:
        enter(db, HOME, open_plates(db, path))
        assert [one.plate for one in list_vehicles(db, open_plates(db, path))] == [HOME]


def test_a_lost_key_is_missed_and_no_other_is_made(known_database: Database, path: Path) -> None:
    with known_database.writing() as db:
        enter(db, HOME, open_plates(db, path))
        enter(db, AWAY, open_plates(db, path))
        kept = path.rename(path.with_name("kept"))
        with pytest.raises(PlateKeyLostError) as refused:
            open_plates(db, path)
        assert not path.exists()
        assert str(path) in str(refused.value)
        assert "2 listed vehicle(s)" in str(refused.value)
        assert "put the key back" in str(refused.value)
        assert "anju people vehicle forget-plates" in str(refused.value)
        assert "12345" not in str(refused.value)
        kept.rename(path)
        assert [one.plate for one in list_vehicles(db, open_plates(db, path))] == [HOME, AWAY]
        assert not unreadable_plates(db, path)


def test_another_key_in_its_place_is_refused_as_well(known_database: Database, path: Path) -> None:
    with known_database.writing() as db:
        enter(db, HOME, open_plates(db, path))
        replace_key(path)
        with pytest.raises(PlateKeyLostError, match="another key"):
            open_plates(db, path)


def test_a_key_that_opens_some_plates_is_used_and_complained_of(known_database: Database, path: Path) -> None:
    with known_database.writing() as db:
        enter(db, HOME, open_plates(db, path))
        enter(db, AWAY, PlateKeeper(b"o" * 32), NOW + timedelta(days=1))
        with capture_logs() as logs:
            assert [one.plate for one in list_vehicles(db, open_plates(db, path))] == [HOME]
    assert [(one["event"], one["log_level"], one.get("unreadable")) for one in logs] == [
        ("plates.another_key", "error", 1),
        ("vehicles.left_out", "warning", None),
    ]
    assert "12345" not in str(logs)


def test_a_damaged_key_is_none_that_was_lost(known_database: Database, path: Path) -> None:
    with known_database.writing() as db:
        enter(db, HOME, open_plates(db, path))
        path.write_bytes(b"damaged")
        for ask in (open_plates, unreadable_plates):
            with pytest.raises(KeyFileError, match="restore it"):
                ask(db, path)


def test_what_a_key_took_along_is_removed_everywhere_and_can_be_entered_again(
    known_database: Database, path: Path
) -> None:
    with known_database.writing() as db:
        before = open_plates(db, path)
        vehicle, case_id = enter(db, HOME, before), sought(db, AWAY, before)
        lost = case(db, case_id).vehicle
        assert lost is not None
    path.unlink()
    with known_database.writing() as db:
        foreseen = unreadable_plates(db, path)
        assert (foreseen.vehicles, foreseen.cases) == ((vehicle,), (case_id,))
        assert do_forget_plates(db, path, "console", NOW) == foreseen
        assert not path.exists(), "until this is committed there may be plates under the old one"
    with known_database.writing() as db:
        assert case(db, case_id).state == "closed"
        assert case(db, case_id).closed_by == "console"
        for gone in (vehicle, lost):
            assert {edge for edge, op in told(db, gone) if op == "remove_vehicle"} == {"edge-1", "edge-2"}
        after = open_plates(db, path)
        assert load_plate_key(path) is not None
        enter(db, HOME, after)
        assert [one.plate for one in list_vehicles(db, after)] == [HOME]


def test_what_can_be_read_is_not_forgotten(known_database: Database, path: Path) -> None:
    with known_database.writing() as db:
        plates = open_plates(db, path)
        enter(db, HOME, plates)
        lost = enter(db, AWAY, PlateKeeper(b"o" * 32))
        assert do_forget_plates(db, path, "console", NOW).vehicles == (lost,)
        assert not do_forget_plates(db, path, "console", NOW)
        assert [one.plate for one in list_vehicles(db, plates)] == [HOME]


def test_a_case_that_ended_before_is_left_as_it_was(known_database: Database, path: Path) -> None:
    with known_database.writing() as db:
        plates = open_plates(db, path)
        case_id = sought(db, AWAY, plates)
    path.unlink()
    with known_database.writing() as db:
        first = do_forget_plates(db, path, "console", NOW)
        assert first.cases == (case_id,)
        assert not do_forget_plates(db, path, "somebody else", NOW)
        assert case(db, case_id).closed_by == "console"
