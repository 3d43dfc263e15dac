"""Whom and what open cases seek: found for the case alone, and no way in for anybody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.contract.ids import CheckpointId, ConsentId, SubjectKey, VehicleKey, new_id
from core.contract.lists import EraseTemplates, LockTemplates, PutVehicle, RemoveSubject, RemoveVehicle
from core.contract.vocabulary import Reason, SubjectKind, VehicleKind
from edge.lists.mirror import ListMirror
from tests.edge.lists.estate import CALIBRATION, GATE, NOON, Estate, face, resident, vector_of

MISSING, CONSENT = SubjectKey(new_id()), ConsentId(new_id())
RESIDENT, OWN_CONSENT = SubjectKey(new_id()), ConsentId(new_id())
OTHER_GATE = CheckpointId("west-gate")
UNTIL = NOON + timedelta(days=7)
PROBE = vector_of(1)[None]


@pytest.fixture
def seeking(estate: Estate, mirror: ListMirror) -> ListMirror:
    """A case looks for somebody until ``UNTIL``."""
    missing = resident(MISSING, UNTIL, kind=SubjectKind.MISSING)
    mirror.apply(estate.delta(missing, estate.put(face(1, MISSING, CONSENT))))
    estate.agree(mirror)
    return mirror


def vehicle(key: VehicleKey, plate: str, kind: VehicleKind, until: object = None) -> PutVehicle:
    return PutVehicle.model_validate(
        {
            "vehicle": key,
            "kind": kind,
            "plate": plate,
            "checkpoints": (GATE,),
            "valid_from": NOON - timedelta(days=1),
            "valid_until": until,
        }
    )


def test_a_missing_person_is_found_for_their_case_and_admitted_nowhere(seeking: ListMirror) -> None:
    match = seeking.sought(PROBE, GATE, NOON)
    assert match is not None
    assert (match.subject, match.threshold) == (MISSING, CALIBRATION.identify[0][1])
    assert seeking.identify(PROBE, GATE, NOON) is None
    assert seeking.subject_standing(MISSING, GATE, NOON) is Reason.UNLISTED


def test_a_missing_person_is_sought_in_their_places_and_time_only(estate: Estate, seeking: ListMirror) -> None:
    assert seeking.sought(PROBE, OTHER_GATE, NOON) is None
    assert seeking.sought(PROBE, GATE, NOON - timedelta(days=2)) is None
    estate.clock.now = UNTIL - timedelta(seconds=1)
    estate.agree(seeking)
    assert seeking.sought(PROBE, GATE, UNTIL - timedelta(seconds=1)) is not None
    assert seeking.sought(PROBE, GATE, UNTIL) is None


@pytest.mark.parametrize("restarted", [False, True])
def test_a_resident_who_is_missing_comes_home_like_anybody(estate: Estate, restarted: bool) -> None:
    """Two subjects with one face: neither search sees the other's, and no margin is lost between them."""
    mirror = estate.open_mirror()
    missing = resident(MISSING, UNTIL, kind=SubjectKind.MISSING)
    mirror.apply(estate.delta(missing, estate.put(face(1, MISSING, CONSENT))))
    mirror.apply(estate.delta(resident(RESIDENT), estate.put(face(1, RESIDENT, OWN_CONSENT))))
    estate.agree(mirror)
    if restarted:
        mirror.close()
        mirror = estate.open_mirror()
    home, found = mirror.identify(PROBE, GATE, NOON), mirror.sought(PROBE, GATE, NOON)
    assert home is not None
    assert found is not None
    assert (home.subject, found.subject) == (RESIDENT, MISSING)
    assert home.margin == found.margin == 2.0
    mirror.close()


def test_a_case_does_not_raise_the_threshold_for_residents(estate: Estate, mirror: ListMirror) -> None:
    for first in range(0, 100, 50):
        many = [SubjectKey(new_id()) for _ in range(50)]
        mirror.apply(estate.delta(*(resident(one, kind=SubjectKind.MISSING) for one in many)))
        faces = [face(first + at + 2, one, ConsentId(new_id())) for at, one in enumerate(many)]
        mirror.apply(estate.delta(*(estate.put(one) for one in faces)))
    mirror.apply(estate.delta(resident(RESIDENT), estate.put(face(1, RESIDENT, OWN_CONSENT))))
    estate.agree(mirror)
    match = mirror.identify(PROBE, GATE, NOON)
    assert match is not None
    assert match.threshold == CALIBRATION.identify[0][1]
    sought = mirror.sought(vector_of(2)[None], GATE, NOON)
    assert sought is None or sought.threshold == pytest.approx(0.6)


def test_a_case_that_is_over_is_over(estate: Estate, seeking: ListMirror) -> None:
    locked = estate.delta(LockTemplates(subject=MISSING, consent=CONSENT))
    seeking.apply(locked)
    estate.agree(seeking)
    assert seeking.sought(PROBE, GATE, NOON) is None
    seeking.apply(estate.delta(EraseTemplates(subject=MISSING, consent=CONSENT), RemoveSubject(subject=MISSING)))
    estate.agree(seeking)
    assert seeking.sought(PROBE, GATE, NOON) is None


def test_nobody_is_sought_in_lists_that_are_too_old(seeking: ListMirror) -> None:
    assert seeking.sought(PROBE, GATE, NOON + timedelta(hours=24)) is not None
    assert seeking.sought(PROBE, GATE, NOON + timedelta(hours=25)) is None


@pytest.mark.parametrize("restarted", [False, True])
def test_a_controlled_vehicle_is_known_to_its_case_and_to_no_gate(estate: Estate, restarted: bool) -> None:
    mirror = estate.open_mirror()
    key = VehicleKey(new_id())
    mirror.apply(estate.delta(vehicle(key, "京A12345", VehicleKind.CONTROLLED, UNTIL)))
    if restarted:
        mirror.close()
        mirror = estate.open_mirror()
    assert mirror.controlled("京A·12345", GATE, NOON) == key
    assert mirror.controlled("京A12345", OTHER_GATE, NOON) is None
    assert mirror.controlled("京A12345", GATE, UNTIL) is None
    assert mirror.controlled("京AI2345", GATE, NOON) is None, "a look-alike is no sighting"
    for plate in ("京A12345", "京AI2345"):
        assert mirror.vehicle_standing(plate, GATE, NOON) == (Reason.UNLISTED, None)
    mirror.apply(estate.delta(RemoveVehicle(vehicle=key)))
    assert mirror.controlled("京A12345", GATE, NOON) is None
    mirror.close()


def test_a_controlled_vehicle_hides_and_blocks_nobodys_own(estate: Estate, mirror: ListMirror) -> None:
    own, sought, alike = (VehicleKey(new_id()) for _ in range(3))
    mirror.apply(
        estate.delta(
            vehicle(own, "京A12345", VehicleKind.RESIDENT),
            vehicle(sought, "京A12345", VehicleKind.CONTROLLED, UNTIL),
            vehicle(alike, "京B88888", VehicleKind.RESIDENT),
            vehicle(VehicleKey(new_id()), "京BB8888", VehicleKind.CONTROLLED, UNTIL),
        )
    )
    assert mirror.vehicle_standing("京A12345", GATE, NOON) == (Reason.LISTED, own)
    assert mirror.controlled("京A12345", GATE, NOON) == sought
    # Its plate is just that of the controlled one, and looks like a resident's: as it would without the case.
    assert mirror.vehicle_standing("京BB8888", GATE, NOON) == (Reason.LOOKS_LIKE, alike)


def test_a_vehicle_moves_between_the_lists_with_its_kind(estate: Estate, mirror: ListMirror) -> None:
    key = VehicleKey(new_id())
    mirror.apply(estate.delta(vehicle(key, "京A12345", VehicleKind.RESIDENT)))
    mirror.apply(estate.delta(vehicle(key, "京A12345", VehicleKind.CONTROLLED, UNTIL)))
    assert mirror.vehicle_standing("京A12345", GATE, NOON) == (Reason.UNLISTED, None)
    assert mirror.controlled("京A12345", GATE, NOON) == key
    mirror.apply(estate.delta(vehicle(key, "京A12345", VehicleKind.RESIDENT)))
    assert mirror.vehicle_standing("京A12345", GATE, NOON) == (Reason.LISTED, key)
    assert mirror.controlled("京A12345", GATE, NOON) is None
