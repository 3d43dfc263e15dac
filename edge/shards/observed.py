"""What a process says it saw, made into what the edge decides on: everything that can be checked is checked again."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.contract.config import Door, FaceGate, PlateLane
from core.contract.ids import CheckpointId
from edge.evidence import (
    Crossing,
    Evidence,
    FaceEvidence,
    Moment,
    Observation,
    PassEvidence,
    PictureElsewhere,
    PlateEvidence,
)
from edge.ports import EdgeLists
from edge.shards.answers import Answers
from edge.shards.messages import CrossingSeen, FaceSeen, GarbageError, Observed, PassSeen, PlateSeen, SaidMoment

MAX_AGE_S = 60.0
"""Of the picture something was decided on; a machine that is overloaded looks at it late, or not at all."""
_AHEAD_S = 0.1
_MAX_VISIT_S = 86_400.0
_SEEN_AT = {"face_gate": {"face"}, "door": {"pass", "crossing"}, "plate_lane": {"plate"}}


def observation_of(
    said: Observed,
    blob: bytes,
    checkpoint: FaceGate | Door | PlateLane,
    *,
    answers: Answers,
    lists: EdgeLists,
    picture: PictureElsewhere | None,
    now: datetime,
    now_s: float,
) -> Observation:
    """What ``said`` was seen at ``checkpoint``; now_s: monotonic, at ``now``.

    Raises GarbageError for what can't have been seen.
    """
    if said.seen.kind not in _SEEN_AT[checkpoint.kind]:
        raise GarbageError(f"nothing of the kind {said.seen.kind} is seen at a {checkpoint.kind}")
    if not now_s - MAX_AGE_S <= said.deciding.received_s <= now_s + _AHEAD_S:
        raise GarbageError("a picture from another time")
    if not now_s - _MAX_VISIT_S <= said.first.received_s <= now_s + _AHEAD_S:
        raise GarbageError("a visit that began at another time")
    return Observation(
        checkpoint=checkpoint.id,
        camera=checkpoint.camera,
        seen=_seen(said, answers, lists),
        first=_moment(said.first, now, now_s),
        deciding=_moment(said.deciding, now, now_s),
        times=said.times,
        picture=picture,
        probes=answers.probes(blob, said.rows, said.columns) if said.rows else None,
    )


def _seen(said: Observed, answers: Answers, lists: EdgeLists) -> Evidence | Crossing:
    seen = said.seen
    match seen:
        case FaceSeen():
            match = answers.match(seen.answer, said.checkpoint)
            return FaceEvidence(match, seen.good_shots, seen.others_in_zone, seen.presentation)
        case PassSeen():
            return _pass(seen, said.checkpoint, answers, lists)
        case PlateSeen():
            return PlateEvidence(seen.reading, seen.confidences, seen.gone, seen.alike)
        case CrossingSeen():
            return Crossing(seen.track)


def _pass(seen: PassSeen, at: CheckpointId, answers: Answers, lists: EdgeLists) -> PassEvidence:
    qr = None if seen.text is None else lists.verify(seen.text)
    return PassEvidence(
        qr=qr,
        likeness=None if qr is None else answers.likeness(seen.answer, at, qr.subject),
        threshold=lists.verify_threshold,
        good_shots=seen.good_shots,
        others_in_zone=seen.others_in_zone,
        enrolled=qr is None or lists.enrolled(qr.subject),
        presentation=seen.presentation,
    )


def _moment(said: SaidMoment, now: datetime, now_s: float) -> Moment:
    """What time it was is not for the process to say."""
    return Moment(said.pts_s, now - timedelta(seconds=now_s - said.received_s), said.received_s)
