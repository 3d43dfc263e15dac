"""Was this somebody, or a vehicle, that an open case seeks? Asked after the gate's decision, for the case alone.

What the gate did and what is told of the passage are the same with and without a case. Missing people are looked for
where somebody asks to be identified, and nowhere else: a door compares a face with its pass's holder only. That there
was a sighting is neither logged nor counted: the event is for the case, and a number in a log would tell others.
"""

from __future__ import annotations

from datetime import datetime

from core.contract.config import Door, FaceGate, PlateLane
from core.contract.events import SightingV1
from core.contract.ids import SightingId, new_id
from edge.checkpoint.decide import objection_to_match
from edge.evidence import Observation, PlateEvidence
from edge.ports import CaseView, ListView


def sighting_in(
    checkpoint: FaceGate | Door | PlateLane, observation: Observation, lists: ListView, cases: CaseView, now: datetime
) -> SightingV1 | None:
    """The sighting that ``observation``, already decided, amounts to; None nearly always, and at doors."""
    match checkpoint:
        case FaceGate():
            return _of_a_person(observation, lists, cases, now)
        case PlateLane():
            return _of_a_vehicle(observation, cases, now)
        case Door():
            return None


def _of_a_person(observation: Observation, lists: ListView, cases: CaseView, now: datetime) -> SightingV1 | None:
    if observation.probes is None or not lists.recogniser_may_run(now):
        return None
    match = cases.sought(observation.probes, observation.checkpoint, now)
    if match is None or objection_to_match(match) is not None:
        return None
    return SightingV1(
        sighting_id=SightingId(new_id()),
        checkpoint=observation.checkpoint,
        occurred_at=observation.deciding.received_at,
        subject=match.subject,
    )


def _of_a_vehicle(observation: Observation, cases: CaseView, now: datetime) -> SightingV1 | None:
    if not isinstance(observation.seen, PlateEvidence) or observation.seen.reading is None:
        return None
    vehicle = cases.controlled(observation.seen.reading.text, observation.checkpoint, now)
    if vehicle is None:
        return None
    return SightingV1(
        sighting_id=SightingId(new_id()),
        checkpoint=observation.checkpoint,
        occurred_at=observation.deciding.received_at,
        vehicle=vehicle,
    )
