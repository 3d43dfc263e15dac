"""Listed plates in the database: sealed, and readable under one key alone."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from core.people.plates import PlateKeeper, PlateUnreadableError, do_seal_plates
from core.people.vehicles import do_put_vehicle, list_vehicles
from core.storage.database import Database
from core.storage.schema import VehicleRow
from tests.core.estates import NOW, PLATES, key

OTHER = PlateKeeper(b"o" * 32)


def enter(db: Session, vehicle: str, plate: str, plates: PlateKeeper = PLATES) -> VehicleRow:
    return do_put_vehicle(
        db,
        vehicle,
        plate=plate,
        kind="resident",
        checkpoints=["lane"],
        valid_from=NOW,
        valid_until=None,
        plates=plates,
        now=NOW,
    )


def test_a_plate_from_before_they_were_sealed_is_sealed_at_the_next_start(known_database: Database) -> None:
    with known_database.writing() as db:
        row = enter(db, key(), "京A12345")
        before = {"plate": "京A12345", "plate_exact": None, "plate_folded": None, "plate_sealed": None}
        db.execute(update(VehicleRow).values(before))
        assert PLATES.read(row) == "京A12345"
        assert do_seal_plates(db, PLATES) == 1
        assert row.plate is None
        assert (row.plate_exact, PLATES.read(row)) == (PLATES.exact("京A12345"), "京A12345")
        assert do_seal_plates(db, PLATES) == 0


def test_a_plate_that_cant_be_read_hides_no_other_and_can_be_entered_again(known_database: Database) -> None:
    lost, whole = key(), key()
    with known_database.writing() as db:
        row = enter(db, lost, "京A12345", OTHER)
        enter(db, whole, "京B54321")
        with pytest.raises(PlateUnreadableError, match="enter the plate again"):
            PLATES.read(row)
        with capture_logs() as logs:
            assert [one.key for one in list_vehicles(db, PLATES)] == [whole]
        assert lost in logs[0]["problem"]
        enter(db, lost, "京A12345")
        assert [one.plate for one in list_vehicles(db, PLATES)] == ["京A12345", "京B54321"]


def test_a_plate_does_not_open_for_another_vehicle(known_database: Database) -> None:
    with known_database.writing() as db:
        mine, other = enter(db, key(), "京A12345"), enter(db, key(), "京B54321")
        other.plate_sealed = mine.plate_sealed
        with pytest.raises(PlateUnreadableError, match="another vehicle"):
            PLATES.read(other)
