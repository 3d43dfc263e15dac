"""Nobody is sought on one person's word, nobody for ever, and nothing is left when it is over."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.cases import (
    MAX_DURATION,
    OwnRequestError,
    approvers,
    case,
    do_approve_case,
    do_close_case,
    do_expire_cases,
    do_note_sighting,
    do_request_controlled_vehicle,
    do_request_missing_person,
    list_cases,
    sightings,
)
from core.cases.machine import CaseEndedError, CaseEvent, CaseState, after
from core.contract.ids import new_id
from core.errors import ConflictError, InvalidError
from core.lists.overview import list_sizes
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.subjects import SoughtError, do_put_subject, do_remove_subject, list_subjects
from core.people.vehicles import (
    PlateTakenError,
    VehicleNotFoundError,
    do_put_vehicle,
    do_remove_vehicle,
    list_vehicles,
)
from core.storage.database import Database
from core.storage.schema import CaseRow, ListChangeRow, SubjectRow, VehicleRow
from tests.core.estates import NOW, PLATES, familys_consent, key

SOON = NOW + timedelta(days=7)


def seek_vehicle(db: Session, case_id: str, **changes: object) -> CaseRow:
    asked = {
        "plate": "京A12345",
        "case_number": "2026-114",
        "authority": "某派出所",
        "reason": "hit and run",
        "checkpoints": ["lane"],
        "expires_at": SOON,
        "requested_by": "li",
        "plates": PLATES,
        "now": NOW,
    } | changes
    return do_request_controlled_vehicle(db, case_id, **asked)  # type: ignore[arg-type]


def seek_person(db: Session, case_id: str, **changes: object) -> CaseRow:
    asked = {
        "name": "王奶奶",
        "reason": "left home yesterday and did not come back",
        "checkpoints": ["gate"],
        "expires_at": SOON,
        "requested_by": "li",
        "now": NOW,
    } | changes
    return do_request_missing_person(db, case_id, **asked)  # type: ignore[arg-type]


def told(db: Session) -> list[tuple[str, str, str]]:
    rows = db.scalars(select(ListChangeRow).order_by(ListChangeRow.edge_id, ListChangeRow.number))
    return [(row.edge_id, row.op, row.ref) for row in rows]


@pytest.mark.parametrize(("state", "event"), list(product(CaseState, CaseEvent)))
def test_a_case_moves_only_as_the_table_says(state: CaseState, event: CaseEvent) -> None:
    ended = state in {CaseState.CLOSED, CaseState.EXPIRED}
    if ended:
        with pytest.raises(CaseEndedError, match="request a new one"):
            after(state, event)
    elif (state, event) == (CaseState.OPEN, CaseEvent.APPROVE_ENOUGH):
        with pytest.raises(ConflictError, match="open already"):
            after(state, event)
    else:
        assert after(state, event) not in {state, CaseState.REQUESTED}


def test_edges_hear_of_a_case_only_after_two_people_other_than_its_requester_approved(known_database: Database) -> None:
    case_id = key()
    with known_database.writing() as db:
        vehicle = seek_vehicle(db, case_id).vehicle
        with pytest.raises(OwnRequestError, match="yourself"):
            do_approve_case(db, case_id, "li", NOW)
        do_approve_case(db, case_id, "wang", NOW)
        with pytest.raises(OwnRequestError, match="already"):
            do_approve_case(db, case_id, "wang", NOW)
        assert told(db) == []
        assert case(db, case_id).state == CaseState.REQUESTED
        do_approve_case(db, case_id, "zhao", NOW + timedelta(minutes=1))
        assert approvers(db, case_id) == ["wang", "zhao"]
        assert told(db) == [("edge-2", "put_vehicle", vehicle)]
        with pytest.raises(ConflictError, match="open already"):
            do_approve_case(db, case_id, "sun", NOW)


def test_a_missing_person_is_a_subject_of_its_own_that_no_list_of_people_shows(known_database: Database) -> None:
    with known_database.writing() as db:
        row = seek_person(db, key())
        assert row.subject is not None
        assert list_subjects(db) == []
        assert list_sizes(db)["person/missing"] == 0
        for account in ("wang", "zhao"):
            do_approve_case(db, row.id, account, NOW)
        assert list_sizes(db)["person/missing"] == 1
        assert told(db) == [("edge-1", "put_subject", row.subject)]


def test_a_resident_vehicle_can_be_sought_and_stays_a_residents(known_database: Database) -> None:
    with known_database.writing() as db:
        do_put_vehicle(
            db,
            key(),
            plate="京A12345",
            kind="resident",
            checkpoints=["lane"],
            valid_from=NOW,
            valid_until=None,
            plates=PLATES,
            now=NOW,
        )
        seek_vehicle(db, key())
        assert [one.kind for one in list_vehicles(db, PLATES)] == ["resident"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"reason": "  "}, "needs a reason"),
        ({"case_number": ""}, "case number"),
        ({"authority": " "}, "authority"),
        ({"plate": "京AO2345"}, "no plate"),
        ({"checkpoints": []}, "names the checkpoints"),
        ({"checkpoints": ["nowhere"]}, "no such checkpoint"),
        ({"checkpoints": ["gate"]}, "only a plate lane"),
        ({"expires_at": NOW}, "ends within 90 days"),
        ({"expires_at": NOW + MAX_DURATION + timedelta(seconds=1)}, "ends within 90 days"),
        ({"expires_at": SOON.replace(tzinfo=None)}, "ends within 90 days"),
    ],
)
def test_a_request_that_lacks_something_says_what(
    known_database: Database, changes: dict[str, object], complaint: str
) -> None:
    with known_database.writing() as db, pytest.raises(InvalidError, match=complaint):
        seek_vehicle(db, key(), **changes)
    with known_database.reading() as db:
        assert list_cases(db, ended=True) == []
        assert db.scalars(select(VehicleRow)).all() == []


def test_faces_are_sought_only_where_people_step_up_to_be_identified(known_database: Database) -> None:
    for blind in ("door", "lane"):
        with known_database.writing() as db, pytest.raises(InvalidError, match="only a face gate"):
            seek_person(db, key(), checkpoints=[blind])


def test_sightings_belong_to_an_open_case_and_go_with_it(known_database: Database) -> None:
    with known_database.writing() as db:
        row = seek_person(db, key())

        def see(checkpoint: str = "gate", *, subject: str | None = row.subject, sighting: str | None = None) -> bool:
            return do_note_sighting(
                db, sighting or new_id(), subject=subject, vehicle=None, checkpoint=checkpoint, at=NOW
            )

        assert row.subject is not None
        familys_consent(db, row.subject)
        assert not see(), "not approved yet"
        for account in ("wang", "zhao"):
            do_approve_case(db, row.id, account, NOW)
        once = new_id()
        assert see(sighting=once)
        assert not see(sighting=once), "heard twice"
        assert not see("door"), "not a checkpoint of the case"
        assert not see(subject=key()), "nobody's case"
        assert [one.checkpoint for one in sightings(db, row.id)] == ["gate"]
        do_close_case(db, row.id, "li", NOW)
        assert sightings(db, row.id) == []
        assert not see()
        gone = db.get(SubjectRow, row.subject)
        assert gone is not None
        assert (gone.name, gone.removed_at) == ("", NOW)
        assert ("edge-1", "remove_subject", row.subject) in told(db)
        with pytest.raises(CaseEndedError):
            do_close_case(db, row.id, "li", NOW)


def test_a_case_ends_by_itself_when_its_time_is_over(known_database: Database) -> None:
    with known_database.writing() as db:
        row = seek_vehicle(db, key())
        for account in ("wang", "zhao"):
            do_approve_case(db, row.id, account, NOW)
        assert do_expire_cases(db, SOON - timedelta(seconds=1)) == 0
        assert do_expire_cases(db, SOON) == 1
        assert do_expire_cases(db, SOON) == 0
        assert (row.state, row.closed_by) == (CaseState.EXPIRED, None)
        assert db.get(VehicleRow, row.vehicle) is None
        assert ("edge-2", "remove_vehicle", row.vehicle) in told(db)


def test_a_late_second_approval_opens_nothing(known_database: Database) -> None:
    with known_database.writing() as db:
        row = seek_vehicle(db, key())
        do_approve_case(db, row.id, "wang", NOW)
        with pytest.raises(CaseEndedError, match="time of this case is over"):
            do_approve_case(db, row.id, "zhao", SOON)
        assert told(db) == []


def test_asking_again_with_the_same_id_changes_nothing(known_database: Database) -> None:
    case_id = key()
    with known_database.writing() as db:
        first = seek_vehicle(db, case_id)
        assert seek_vehicle(db, case_id, reason="another").reason == first.reason
        do_close_case(db, case_id, "li", NOW)
        with pytest.raises(ConflictError, match="has ended"):
            seek_vehicle(db, case_id)


def enter_vehicle(db: Session, vehicle: str, plate: str = "京A12345") -> VehicleRow:
    return do_put_vehicle(
        db,
        vehicle,
        plate=plate,
        kind="resident",
        checkpoints=["lane"],
        valid_from=NOW,
        valid_until=None,
        plates=PLATES,
        now=NOW,
    )


def test_who_is_sought_cant_be_made_a_resident_on_one_persons_word(known_database: Database) -> None:
    with known_database.writing() as db:
        person, vehicle = seek_person(db, key()).subject, seek_vehicle(db, key()).vehicle
        assert person is not None
        assert vehicle is not None
        with pytest.raises(SoughtError, match="belongs to a case"):
            do_put_subject(
                db,
                person,
                name="王奶奶",
                kind="resident",
                checkpoints=["gate", "door"],
                valid_from=NOW,
                valid_until=None,
                now=NOW,
            )
        with pytest.raises(SoughtError, match="belongs to a case"):
            enter_vehicle(db, vehicle, "京B54321")
        assert told(db) == []
        assert list_subjects(db) == []
        assert list_vehicles(db, PLATES) == []


def test_a_sought_vehicle_goes_with_its_case_alone(known_database: Database) -> None:
    with known_database.writing() as db:
        row = seek_vehicle(db, key())
        assert row.vehicle is not None
        with pytest.raises(VehicleNotFoundError):
            do_remove_vehicle(db, row.vehicle, NOW)
        do_close_case(db, row.id, "li", NOW)
        assert db.get(VehicleRow, row.vehicle) is None


def test_two_cases_dont_look_for_one_vehicle_at_a_time(known_database: Database) -> None:
    with known_database.writing() as db:
        first = seek_vehicle(db, key())
        with pytest.raises(PlateTakenError, match="another case"):
            seek_vehicle(db, key())
        do_close_case(db, first.id, "li", NOW)
        assert seek_vehicle(db, key()).state == CaseState.REQUESTED


def test_a_case_whose_person_was_removed_by_other_ways_closes_by_itself(known_database: Database) -> None:
    with known_database.writing() as db:
        row, other = seek_person(db, key()), seek_person(db, key())
        assert row.subject is not None
        do_remove_subject(db, row.subject, NOW)
        assert do_expire_cases(db, NOW) == 1
        assert (row.state, row.closed_by) == (CaseState.CLOSED, None)
        assert other.state == CaseState.REQUESTED


def test_when_the_family_takes_its_consent_back_sightings_are_forgotten_and_no_more_are_kept(
    known_database: Database,
) -> None:
    with known_database.writing() as db:
        row, other = seek_person(db, key()), seek_person(db, key())
        consents = {}
        for one in (row, other):
            assert one.subject is not None
            consents[one.id] = familys_consent(db, one.subject).id
            for account in ("wang", "zhao"):
                do_approve_case(db, one.id, account, NOW)
            assert do_note_sighting(db, new_id(), subject=one.subject, vehicle=None, checkpoint="gate", at=NOW)
        do_withdraw_consent(db, check_withdraw(db, consents[row.id]), "desk-1", NOW)
        assert not do_note_sighting(db, new_id(), subject=row.subject, vehicle=None, checkpoint="gate", at=NOW)
        assert do_expire_cases(db, NOW) == 0
        assert (len(sightings(db, row.id)), len(sightings(db, other.id))) == (0, 1)
