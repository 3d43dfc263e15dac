"""What is told of a passage: who decided what and why, never a score and never a face."""

from __future__ import annotations

import base64

from core.contract.config import Door, FaceGate, PlateLane
from core.contract.events import PassageV1, PictureV1, StepTimes
from core.contract.ids import PassageId, PictureId, TemplateId, new_id
from core.contract.vocabulary import Credential, Reason, Verdict
from edge.checkpoint.decide import Decision
from edge.evidence import Crossing, Evidence, FaceEvidence, FaceMatch, Observation, PassEvidence, PlateEvidence
from edge.vision.blur import blur_faces, encode_jpeg
from models.protocols import FaceDetecting
from models.types import Image
from watchlists.faces.change import Likeness

FOLLOWED = Decision(Verdict.USE_OTHER_METHOD, Reason.FOLLOWED, Credential.NONE)


def decided_passage(
    checkpoint: FaceGate | Door | PlateLane,
    observation: Observation,
    decision: Decision,
    *,
    opened: bool,
    decision_ms: float | None,
) -> PassageV1:
    """The passage of somebody or something a decision was made about.

    opened: the controller confirmed; decision_ms: from the deciding frame received to the gate command, None without.
    """
    seen = observation.seen
    return PassageV1(
        passage_id=PassageId(new_id()),
        checkpoint=checkpoint.id,
        camera=observation.camera,
        occurred_at=observation.deciding.received_at,
        direction=checkpoint.direction,
        credential=decision.credential,
        verdict=decision.verdict,
        reason=decision.reason,
        passed=opened,
        subject=decision.subject,
        template_id=_matched_template(seen, decision),
        vehicle=decision.vehicle,
        pass_id=decision.pass_id,
        plate=seen.reading if isinstance(seen, PlateEvidence) else None,
        picture=_picture_id(observation),
        gate_opened=opened,
        presentation=seen.presentation if isinstance(seen, FaceEvidence | PassEvidence) else None,
        times=StepTimes(**{**observation.times.model_dump(), "decision": decision_ms}),
    )


def followed_passage(checkpoint: Door, observation: Observation) -> PassageV1:
    """The passage of somebody who went through without a credential of their own."""
    return PassageV1(
        passage_id=PassageId(new_id()),
        checkpoint=checkpoint.id,
        camera=observation.camera,
        occurred_at=observation.deciding.received_at,
        direction=checkpoint.direction,
        credential=FOLLOWED.credential,
        verdict=FOLLOWED.verdict,
        reason=FOLLOWED.reason,
        passed=True,
        picture=_picture_id(observation),
        times=observation.times,
    )


def picture_of(passage: PassageV1, image: Image, detector: FaceDetecting) -> PictureV1:
    """``image`` as it may be kept: every face blurred, small enough to send.

    Raises ModelInputError when it can't be searched for faces, PictureTooLargeError: then nothing is kept.
    """
    if passage.picture is None:
        raise ValueError("this passage keeps no picture")
    blurred = blur_faces(image, detector)
    jpeg, width_px, height_px = encode_jpeg(blurred.image)
    return PictureV1(
        picture_id=passage.picture,
        passage_id=passage.passage_id,
        checkpoint=passage.checkpoint,
        taken_at=passage.occurred_at,
        width_px=width_px,
        height_px=height_px,
        faces_blurred=blurred.faces,
        jpeg_base64=base64.b64encode(jpeg).decode(),
    )


def _matched_template(seen: Evidence | Crossing, decision: Decision) -> TemplateId | None:
    """Of somebody who was recognised by face; of nobody else: whom a stranger resembles is nobody's business."""
    match seen:
        case FaceEvidence(match=FaceMatch(template_id=matched)) if decision.subject is not None:
            return matched
        case PassEvidence(likeness=Likeness(template_id=matched)) if decision.reason is Reason.VERIFIED:
            return matched
    return None


def _picture_id(observation: Observation) -> PictureId | None:
    """Of plates the frame that was read, of followers the frame of the crossing; of whoever showed a face, nothing."""
    kept = isinstance(observation.seen, PlateEvidence | Crossing) and observation.picture is not None
    return PictureId(new_id()) if kept else None
