"""The one decision at a gate: what was seen and what the lists say, to a verdict with one reason.

Pure. A score never opens anything by itself: it has to reach its threshold, beat the runner-up, come from a good shot
of somebody who was alone, belong to somebody the lists let through here and now, and the lists have to be fresh. The
first of these that fails is the reason. What looked like a picture of a face is not compared; what nothing could look
at that way was not checked, which is never the same as passed. Faces and passes are never turned away to nowhere: they
are told to use another way in (PIPL art. 24); plates that don't open the barrier are for the guard. A listed vehicle
that is gone has followed somebody, as far as anybody knows: nothing opens for it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.contract.config import Door, FaceGate, PlateLane, PresentationPolicy
from core.contract.ids import PassId, SubjectKey, VehicleKey
from core.contract.signed import QrPass
from core.contract.vocabulary import Credential, Presentation, Reason, Verdict
from edge.evidence import Evidence, FaceEvidence, FaceMatch, PassEvidence, PlateEvidence
from edge.ports import ListView

MIN_MARGIN = 0.05
"""Cosine by which the best subject has to beat the next one; below it two people are too alike to choose."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens at the gate, why, and on whose credential (None where nobody is to be named)."""

    verdict: Verdict
    reason: Reason
    credential: Credential
    subject: SubjectKey | None = None
    vehicle: VehicleKey | None = None
    pass_id: PassId | None = None


def decide(checkpoint: FaceGate | Door | PlateLane, evidence: Evidence, lists: ListView, now: datetime) -> Decision:
    """The decision on ``evidence`` seen at ``checkpoint``.

    Raises ValueError for evidence of a kind the checkpoint was not set up for: 1:N recognition runs only where an
    installer switched it on.
    """
    match checkpoint, evidence:
        case FaceGate(), FaceEvidence():
            return _on_face(checkpoint, evidence, lists, now)
        case Door(), PassEvidence():
            return _on_pass(checkpoint, evidence, lists, now)
        case PlateLane(), PlateEvidence():
            return _on_plate(checkpoint, evidence, lists, now)
    raise ValueError(f"checkpoint {checkpoint.id} is a {checkpoint.kind}: it can't decide on {type(evidence).__name__}")


def _on_face(checkpoint: FaceGate, seen: FaceEvidence, lists: ListView, now: datetime) -> Decision:
    if not lists.recogniser_may_run(now):
        return Decision(Verdict.USE_OTHER_METHOD, Reason.LIST_STALE, Credential.FACE)
    reason = _objection_to_shots(seen, checkpoint.presentation) or objection_to_match(seen.match)
    if seen.match is None or reason is not None:
        return Decision(Verdict.USE_OTHER_METHOD, reason or Reason.NO_MATCH, Credential.FACE)
    subject = seen.match.subject
    standing = lists.subject_standing(subject, checkpoint.id, now)
    if standing is Reason.LISTED:
        return Decision(Verdict.ADMIT, Reason.LISTED, Credential.FACE, subject)
    if standing is Reason.UNLISTED:
        # Taken off the lists between the match and now: from this moment a face of nobody.
        return Decision(Verdict.USE_OTHER_METHOD, Reason.NO_MATCH, Credential.FACE)
    return Decision(Verdict.USE_OTHER_METHOD, standing, Credential.FACE, subject)


def _objection_to_shots(seen: FaceEvidence | PassEvidence, policy: PresentationPolicy) -> Reason | None:
    if seen.others_in_zone > 0:
        return Reason.CROWDED
    if seen.presentation is Presentation.ATTACK:
        # Before the number of shots: of what looked like a picture none was taken.
        return Reason.PRESENTATION_ATTACK
    if seen.good_shots < 1:
        return Reason.LOW_QUALITY
    if policy == "required" and seen.presentation is not Presentation.BONA_FIDE:
        return Reason.PRESENTATION_UNCHECKED
    return None


def objection_to_match(match: FaceMatch | None) -> Reason | None:
    """NO_MATCH or AMBIGUOUS, None for a match that is good enough to say who it is."""
    # Written so that a score or margin that is no number fails.
    if match is None or not match.score >= match.threshold:
        return Reason.NO_MATCH
    return None if match.margin >= MIN_MARGIN else Reason.AMBIGUOUS


def holder_may_be_compared(checkpoint: Door, qr: QrPass, lists: ListView, now: datetime) -> bool:
    """Whether the decision on this pass would come to its holder's face: else nothing may be made of one."""
    return lists.recogniser_may_run(now) and _objection_to_pass(qr, checkpoint, lists, now) is None


def _on_pass(checkpoint: Door, seen: PassEvidence, lists: ListView, now: datetime) -> Decision:
    if seen.qr is None:
        return Decision(Verdict.USE_OTHER_METHOD, Reason.PASS_INVALID, Credential.QR)
    objection = _objection_to_pass(seen.qr, checkpoint, lists, now)
    credential = Credential.QR
    if objection is None:
        credential = Credential.QR_FACE
        objection = _objection_to_holder(seen, checkpoint.presentation, lists, now)
    return Decision(
        verdict=Verdict.ADMIT if objection is None else Verdict.USE_OTHER_METHOD,
        reason=objection or Reason.VERIFIED,
        credential=credential,
        subject=seen.qr.subject,
        pass_id=seen.qr.pass_id,
    )


def _objection_to_pass(qr: QrPass, checkpoint: Door, lists: ListView, now: datetime) -> Reason | None:
    if lists.pass_revoked(qr.pass_id):
        return Reason.PASS_REVOKED
    if not qr.valid_from <= now < qr.valid_until:
        return Reason.PASS_EXPIRED
    standing = lists.subject_standing(qr.subject, checkpoint.id, now)
    return None if standing is Reason.LISTED else standing


def _objection_to_holder(
    seen: PassEvidence, policy: PresentationPolicy, lists: ListView, now: datetime
) -> Reason | None:
    if not lists.recogniser_may_run(now):
        # Before anything else: who has a template, only lists that are not too old can say.
        return Reason.LIST_STALE
    if not seen.enrolled:
        return Reason.NO_TEMPLATE
    objection = _objection_to_shots(seen, policy)
    if objection is not None:
        return objection
    if seen.likeness is None:
        return Reason.NO_TEMPLATE
    return None if seen.likeness.score >= seen.threshold else Reason.NOT_HOLDER


def _on_plate(checkpoint: PlateLane, seen: PlateEvidence, lists: ListView, now: datetime) -> Decision:
    if seen.reading is None:
        return Decision(Verdict.ASK_GUARD, Reason.UNREADABLE, Credential.PLATE)
    standing, vehicle = lists.vehicle_standing(seen.reading.text, checkpoint.id, now, seen.confidences)
    if standing is Reason.LISTED and seen.gone:
        # Wherever it went, the barrier would open for whoever is there now.
        return Decision(Verdict.ASK_GUARD, Reason.FOLLOWED, Credential.PLATE, vehicle=vehicle)
    if standing is Reason.LISTED and seen.alike:
        return Decision(Verdict.ASK_GUARD, Reason.LOOKS_LIKE, Credential.PLATE)
    if standing is Reason.LISTED:
        return Decision(Verdict.ADMIT, Reason.LISTED, Credential.PLATE, vehicle=vehicle)
    # A plate that merely looks like a listed one is not that vehicle until a guard has said so.
    named = vehicle if standing in {Reason.OUTSIDE_WINDOW, Reason.OUTSIDE_SCOPE} else None
    return Decision(Verdict.ASK_GUARD, standing, Credential.PLATE, vehicle=named)
