"""Somebody sought in an open case: told for the case, and nothing else in the world is different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from core.contract.config import Door, FaceGate, PlateLane
from core.contract.ids import CheckpointId, SubjectKey, TemplateId, VehicleKey, new_id
from core.contract.vocabulary import Reason, Verdict
from edge.checkpoint.decide import MIN_MARGIN
from edge.evidence import Evidence, FaceEvidence, FaceMatch, PlateEvidence
from models.types import Float
from tests.edge.checkpoint.test_decide import ANNA, DOOR, GATE, LANE, NOW, READING, Lists
from tests.edge.checkpoint.test_post import ANNAS_FACE, NOBODYS_FACE, FullDisk, Scene, StuckGate, annas_pass
from tests.edge.checkpoint.watching import ScriptedCases
from tests.edge.link.parts import until

CHILD, STOLEN = SubjectKey(new_id()), VehicleKey(new_id())
THE_CHILD = FaceMatch(CHILD, 0.8, 2.0, 0.4, TemplateId(new_id()))


def probes() -> Float:
    return np.full((2, 4), 0.5, np.float32)


def sought(match: FaceMatch | None = THE_CHILD) -> ScriptedCases:
    return ScriptedCases(match=match)


def controlled() -> ScriptedCases:
    return ScriptedCases(vehicle=STOLEN)


@pytest.fixture
def scenes(tmp_path: Path) -> Iterator[Any]:
    made: list[Scene] = []

    def make(checkpoint: FaceGate | Door | PlateLane, cases: ScriptedCases, **settings: Any) -> Scene:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Scene(checkpoint, folder, cases=cases, **settings))
        return made[-1]

    yield make
    for scene in made:
        scene.kept.close()


def test_a_missing_person_who_acts_at_a_gate_is_told_to_the_case(scenes: Any) -> None:
    here = scenes(GATE, sought())
    here.see(NOBODYS_FACE, probes=probes())
    here.finish()
    [sighting] = here.sightings()
    assert (sighting.subject, sighting.vehicle, sighting.checkpoint) == (CHILD, None, GATE.id)
    assert sighting.occurred_at == NOW


def test_a_controlled_vehicle_at_a_lane_is_told_to_the_case(scenes: Any) -> None:
    here = scenes(LANE, controlled(), lists=Lists(Reason.UNLISTED))
    here.see(PlateEvidence(READING))
    here.finish()
    [sighting] = here.sightings()
    assert (sighting.subject, sighting.vehicle, sighting.checkpoint) == (None, STOLEN, LANE.id)
    assert here.cases.plates == [READING.text]


SEEN: list[tuple[FaceGate | Door | PlateLane, Evidence]] = [
    (GATE, ANNAS_FACE),
    (GATE, NOBODYS_FACE),
    (GATE, FaceEvidence(replace(THE_CHILD, subject=ANNA, margin=0.0), 2, 0)),
    (DOOR, annas_pass()),
    (LANE, PlateEvidence(READING)),
    (LANE, PlateEvidence(None)),
]


@pytest.mark.parametrize("standing", [Reason.LISTED, Reason.UNLISTED, Reason.OUTSIDE_WINDOW])
@pytest.mark.parametrize(("checkpoint", "seen"), SEEN)
def test_with_and_without_a_case_the_gate_does_the_same_and_the_passage_says_the_same(
    scenes: Any, checkpoint: FaceGate | Door | PlateLane, seen: Evidence, standing: Reason
) -> None:
    told: list[dict[str, Any]] = []
    opened = []
    for cases in (ScriptedCases(), ScriptedCases(THE_CHILD, STOLEN)):
        here = scenes(checkpoint, cases, lists=Lists(standing))
        with capture_logs() as logs:
            here.see(seen, probes=probes())
            here.finish()
        [passage] = here.passages()
        same = passage.model_dump(exclude={"passage_id", "picture", "times"})
        counted = here.counters.snapshot()
        told.append({"passage": same, "counted": counted, "logged": [entry["event"] for entry in logs]})
        opened.append([state.gate for state in here.states])
    assert told[0] == told[1]
    assert opened[0] == opened[1]


def test_nobody_is_looked_for_before_the_gate_has_been_decided_on(scenes: Any) -> None:
    cases = sought()
    here = scenes(GATE, cases)
    asked_after: list[dict[str, int]] = []
    answer = cases.sought

    def asked(given: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        asked_after.append(here.counters.snapshot())
        return answer(given, checkpoint, now)

    cases.sought = asked  # type: ignore[method-assign,assignment]
    here.see(ANNAS_FACE, probes=probes())
    here.finish()
    [counted] = asked_after
    assert counted[f"{Verdict.ADMIT}.{Reason.LISTED}"] == 1
    assert len(here.sightings()) == 1


def test_a_door_compares_a_face_with_nobody_but_the_passs_holder(scenes: Any) -> None:
    here = scenes(DOOR, sought())
    here.see(annas_pass(), probes=probes())
    here.finish()
    assert here.cases.probes == []
    assert here.sightings() == []


def test_somebody_who_was_not_compared_at_the_gate_is_not_compared_for_a_case(scenes: Any) -> None:
    here = scenes(GATE, sought())
    here.see(FaceEvidence(None, 0, 1))
    here.finish()
    assert here.cases.probes == []


def test_nobody_is_compared_while_the_lists_are_too_old(scenes: Any) -> None:
    here = scenes(GATE, sought(), lists=Lists(fresh=False))
    here.see(NOBODYS_FACE, probes=probes())
    here.finish()
    assert here.cases.probes == []
    assert here.sightings() == []


@pytest.mark.parametrize(
    "unclear",
    [
        None,
        replace(THE_CHILD, score=0.39),
        replace(THE_CHILD, score=float("nan")),
        replace(THE_CHILD, margin=MIN_MARGIN / 2),
        replace(THE_CHILD, margin=float("nan")),
    ],
)
def test_a_resemblance_is_no_sighting(scenes: Any, unclear: FaceMatch | None) -> None:
    here = scenes(GATE, sought(unclear))
    here.see(NOBODYS_FACE, probes=probes())
    here.finish()
    assert len(here.cases.probes) == 1
    assert here.sightings() == []


def test_a_pass_makes_one_sighting_at_most_and_its_probes_are_gone_afterwards(scenes: Any) -> None:
    here = scenes(GATE, sought())
    given = probes()
    here.see(NOBODYS_FACE, probes=given)
    here.finish()
    assert len(here.sightings()) == 1
    [compared] = here.cases.probes
    assert compared.all()
    assert not given.any()


def test_probes_are_gone_also_when_the_comparison_fails(scenes: Any) -> None:
    cases = sought()

    def fails(*_: object) -> None:
        raise RuntimeError("the index is broken")

    cases.sought = fails  # type: ignore[method-assign,assignment]
    here = scenes(GATE, cases)
    given = probes()
    with pytest.raises(RuntimeError):
        here.see(ANNAS_FACE, probes=given)
    here.finish()
    assert not given.any()
    assert [passage.gate_opened for passage in here.passages()] == [True], "the gate did not wait for it"


def test_a_sighting_that_can_not_be_kept_stops_nothing(scenes: Any) -> None:
    here = scenes(LANE, controlled(), outbox=FullDisk())
    here.see(PlateEvidence(READING))
    here.finish()
    assert here.counted("outbox_append_failed") >= 2


def test_a_sighting_behind_a_gate_that_does_not_answer_is_not_lost(
    scenes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.checkpoint.post.MAX_WAITING", 1)
    gate = StuckGate()
    here = scenes(GATE, sought(), gate=gate)
    for _ in range(4):
        here.see(ANNAS_FACE, probes=probes())
    until(lambda: len(here.sightings()) >= 2, "sightings written although the gate has not answered")
    gate.answer.set()
    here.finish()
    assert len(here.sightings()) == 4
