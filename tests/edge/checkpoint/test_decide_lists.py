"""Decisions on real lists: whoever is there because a case seeks them opens nothing, and changes nothing for others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from core.contract.events import PlateReading, StepTimes
from core.contract.ids import ConsentId, PassId, SubjectKey, TemplateId, VehicleKey, new_id
from core.contract.lists import Change, PutVehicle
from core.contract.signed import QrPass
from core.contract.vocabulary import PlateColour, Reason, SubjectKind, VehicleKind, Verdict
from edge.checkpoint.decide import Decision, decide, holder_may_be_compared
from edge.checkpoint.sightings import sighting_in
from edge.evidence import FaceEvidence, Moment, Observation, PassEvidence, PlateEvidence
from edge.lists.mirror import ListMirror
from models.types import Float
from tests.edge.checkpoint import test_decide
from tests.edge.lists.estate import GATE as HERE
from tests.edge.lists.estate import NOON, Estate, face, resident, told, vector_of
from watchlists.faces.change import Likeness

GATE = test_decide.GATE.model_copy(update={"id": HERE})
DOOR = test_decide.DOOR.model_copy(update={"id": HERE})
LANE = test_decide.LANE.model_copy(update={"id": HERE})
ANNA, CHILD, CAR = SubjectKey(new_id()), SubjectKey(new_id()), VehicleKey(new_id())
PLATE, NEARLY = "浙A8D123", "浙AB0123"
MOMENT = Moment(1.0, NOON, 1.0)


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


@pytest.fixture
def mirror(estate: Estate) -> Iterator[ListMirror]:
    opened = estate.open_mirror()
    yield opened
    opened.close()


def tell(estate: Estate, mirror: ListMirror, *changes: Change) -> None:
    """The core puts ``changes`` on the list, and confirms it."""
    receipt = mirror.apply(estate.delta(*changes))
    assert receipt is not None
    assert receipt.problem is None


def seen(probes: Float, mirror: ListMirror) -> Observation:
    match = mirror.identify(probes, HERE, NOON)
    return Observation(HERE, GATE.camera, FaceEvidence(match, 2, 0), MOMENT, MOMENT, StepTimes(), None, probes)


def decided(observation: Observation, mirror: ListMirror) -> Decision:
    assert isinstance(observation.seen, FaceEvidence)
    return decide(GATE, observation.seen, mirror, NOON)


@pytest.mark.parametrize("kind", SubjectKind)
def test_a_face_opens_for_every_list_but_that_of_the_missing(
    estate: Estate, mirror: ListMirror, kind: SubjectKind
) -> None:
    consent = ConsentId(new_id())
    template = face(1, ANNA, consent)
    tell(estate, mirror, resident(ANNA, NOON + timedelta(days=1), kind=kind), estate.put(template))
    mirror.apply(estate.roll(told(template)))
    observation = seen(vector_of(1)[None], mirror)
    decision = decided(observation, mirror)
    sighting = sighting_in(GATE, observation, mirror, mirror, NOON)
    if kind is SubjectKind.MISSING:
        assert (decision.verdict, decision.reason) == (Verdict.USE_OTHER_METHOD, Reason.NO_MATCH)
        assert decision.subject is None
        assert sighting is not None
        assert sighting.subject == ANNA
    else:
        assert (decision.verdict, decision.subject) == (Verdict.ADMIT, ANNA)
        assert sighting is None


@pytest.mark.parametrize("kind", SubjectKind)
def test_a_pass_opens_for_every_list_but_that_of_the_missing(
    estate: Estate, mirror: ListMirror, kind: SubjectKind
) -> None:
    template = face(1, ANNA, ConsentId(new_id()))
    tell(estate, mirror, resident(ANNA, NOON + timedelta(days=1), kind=kind), estate.put(template))
    mirror.apply(estate.roll(told(template)))
    qr = QrPass(PassId(new_id()), ANNA, NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    decision = decide(DOOR, PassEvidence(qr, Likeness(0.99, TemplateId(new_id())), 0.3, 2, 0), mirror, NOON)
    sought = kind is SubjectKind.MISSING
    assert decision.verdict is (Verdict.USE_OTHER_METHOD if sought else Verdict.ADMIT)
    assert decision.reason is (Reason.UNLISTED if sought else Reason.VERIFIED)
    assert holder_may_be_compared(DOOR, qr, mirror, NOON) is not sought


def test_somebody_sought_with_the_face_of_a_resident_makes_no_difference_to_the_resident(
    estate: Estate, mirror: ListMirror
) -> None:
    annas = face(1, ANNA, ConsentId(new_id()))
    tell(estate, mirror, resident(ANNA), estate.put(annas))
    mirror.apply(estate.roll(told(annas)))
    probes = vector_of(1)[None]
    before = seen(probes, mirror)
    decision = decided(before, mirror)
    childs = face(1, CHILD, ConsentId(new_id()))
    missing = resident(CHILD, NOON + timedelta(days=1), kind=SubjectKind.MISSING)
    tell(estate, mirror, missing, estate.put(childs))
    mirror.apply(estate.roll(told(annas, childs)))
    after = seen(probes, mirror)
    assert after.seen == before.seen
    assert decided(after, mirror) == decision
    assert decision.verdict is Verdict.ADMIT
    sighting = sighting_in(GATE, after, mirror, mirror, NOON)
    assert sighting is not None
    assert sighting.subject == CHILD


def vehicle(kind: VehicleKind) -> PutVehicle:
    return PutVehicle(
        vehicle=CAR,
        kind=kind,
        plate=PLATE,
        checkpoints=(HERE,),
        valid_from=NOON - timedelta(days=1),
        valid_until=NOON + timedelta(days=1),
    )


def reading(text: str) -> PlateEvidence:
    return PlateEvidence(PlateReading(text=text, colour=PlateColour.BLUE, confidence=0.5, reads=3), (0.5,) * len(text))


@pytest.mark.parametrize("kind", VehicleKind)
@pytest.mark.parametrize("text", [PLATE, NEARLY, "粤B99999"])
def test_the_very_plate_opens_for_every_list_but_that_of_the_controlled_and_a_likeness_opens_for_none(
    estate: Estate, mirror: ListMirror, kind: VehicleKind, text: str
) -> None:
    tell(estate, mirror, vehicle(kind))
    decision = decide(LANE, reading(text), mirror, NOON)
    observation = Observation(HERE, LANE.camera, reading(text), MOMENT, MOMENT, StepTimes())
    sighting = sighting_in(LANE, observation, mirror, mirror, NOON)
    exact, controlled = text == PLATE, kind is VehicleKind.CONTROLLED
    assert (decision.verdict is Verdict.ADMIT) is (exact and not controlled)
    assert (sighting is not None) is (exact and controlled)
    if controlled:
        assert (decision.verdict, decision.reason, decision.vehicle) == (Verdict.ASK_GUARD, Reason.UNLISTED, None)
    elif text == NEARLY:
        assert (decision.verdict, decision.reason, decision.vehicle) == (Verdict.ASK_GUARD, Reason.LOOKS_LIKE, None)


def test_nobody_is_looked_for_in_lists_the_core_has_not_confirmed(estate: Estate, mirror: ListMirror) -> None:
    childs = face(1, CHILD, ConsentId(new_id()))
    tell(
        estate,
        mirror,
        resident(CHILD, NOON + timedelta(days=1), kind=SubjectKind.MISSING),
        estate.put(childs),
    )
    observation = seen(np.asarray(vector_of(1)[None]), mirror)
    assert sighting_in(GATE, observation, mirror, mirror, NOON) is None
    assert decided(observation, mirror).reason is Reason.LIST_STALE
