"""What the JSON API says and takes. Closed: unknown fields are refused, lists are bounded."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from core.contract.ids import SLUG_PATTERN, UUID_PATTERN
from core.contract.sealing import FINGERPRINT_PATTERN
from core.contract.vocabulary import (
    CameraCondition,
    CameraState,
    Credential,
    Direction,
    GateState,
    PlateColour,
    Presentation,
    Reason,
    Ring,
    Severity,
    SubjectKind,
    VehicleKind,
    Verdict,
)
from core.people.consent.guardians import REF_PATTERN
from core.people.consent.words import GuardianEvidence, Relation

Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
SlugText = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
Fingerprint = Annotated[str, StringConstraints(pattern=FINGERPRINT_PATTERN)]
CheckpointIds = Annotated[list[SlugText], Field(max_length=1000)]


class Body(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Answer(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Plate(Answer):
    text: Annotated[str, Field(max_length=16)]
    colour: PlateColour
    confidence: Annotated[float, Field(ge=0, le=1)]
    reads: Annotated[int, Field(ge=1)]


class Times(Answer):
    """Milliseconds each step of the decision took."""

    capture: float | None = None
    detect: float | None = None
    embed: float | None = None
    match: float | None = None
    read: float | None = None
    decision: float | None = None


class Passage(Answer):
    id: Uuid
    checkpoint: SlugText
    ring: Ring | None
    camera: SlugText
    occurred_at: AwareDatetime
    direction: Direction
    credential: Credential
    verdict: Verdict
    reason: Reason
    passed: bool
    gate_opened: bool
    plate: Plate | None
    picture_id: Uuid | None
    presentation: Presentation | None
    times: Times


class Alert(Answer):
    id: Uuid
    rule: SlugText
    trigger: str
    severity: Severity
    state: Literal["raised", "acknowledged"]
    checkpoint: SlugText | None
    passage_id: Uuid | None
    occurred_at: AwareDatetime
    raised_at: AwareDatetime
    acknowledged_at: AwareDatetime | None
    acknowledged_by: str | None


class Alerts(Answer):
    alerts: Annotated[list[Alert], Field(max_length=1000)]


class Passages(Answer):
    passages: Annotated[list[Passage], Field(max_length=1000)]


class Names(Answer):
    zh: str
    en: str


class CameraTrouble(Answer):
    """Something that is the matter with a camera, since when, and what to do about it."""

    condition: CameraCondition
    since: AwareDatetime
    blind: bool
    detail: str


class CameraHealth(Answer):
    """``state`` is offline, too, when the edge itself is away: nobody can say better. ``blind``: nothing can be decided
    on its pictures, for one of ``conditions``; unknown of an edge that is away.
    """

    id: SlugText
    state: CameraState
    edge_online: bool
    frames_per_s: float
    last_frame_age_s: float | None
    missed_passes: int
    detail: str
    blind: bool
    conditions: Annotated[list[CameraTrouble], Field(max_length=len(CameraCondition))]


class Gate(Answer):
    state: GateState
    held_open: bool
    since: AwareDatetime | None


class Checkpoint(Answer):
    id: SlugText
    name: Names
    kind: Literal["face_gate", "door", "plate_lane"]
    ring: Ring
    direction: Direction
    edge: SlugText
    camera: CameraHealth
    gate: Gate


class Checkpoints(Answer):
    checkpoints: Annotated[list[Checkpoint], Field(max_length=10_000)]


class Edge(Answer):
    """``fingerprint``: of the keys the edge shows now; compare all of it with the edge's screen before approving."""

    id: SlugText
    online: bool
    fingerprint: Fingerprint | None
    approved_fingerprint: Fingerprint | None
    approved_at: AwareDatetime | None
    state_at: AwareDatetime | None
    outbox_rows: int
    enrol_url: str | None


class Edges(Answer):
    edges: Annotated[list[Edge], Field(max_length=1000)]


class EdgeApproval(Body):
    fingerprint: Fingerprint


class ListState(Answer):
    """Changes made for an edge (``head``) and confirmed by it (``acked``); equal: the edge knows everything.

    ``unconfirmed_erasures``: ended consents of which it has not proved yet, by a signed receipt, that it erased what
    rested on them; ``unconfirmed_since``: when the oldest of them was asked for.
    """

    edge: SlugText
    head: Annotated[int, Field(ge=0)]
    acked: Annotated[int, Field(ge=0)]
    acked_at: AwareDatetime | None
    problem: str | None
    unconfirmed_erasures: Annotated[int, Field(ge=0)] = 0
    unconfirmed_since: AwareDatetime | None = None


class Lists(Answer):
    lists: Annotated[list[ListState], Field(max_length=1000)]


class SubjectBody(Body):
    """``born``: of children under 14 only the 14th birthday is kept, of others nothing. Without it nothing changes."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    kind: SubjectKind
    checkpoints: CheckpointIds
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    born: date | None = None


class Consent(Answer):
    id: Uuid
    subject: Uuid
    scope: str
    state: str
    notice_version: str
    channel: str
    given_by: str
    granted_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    deadline_at: AwareDatetime | None
    ended_at: AwareDatetime | None


class Subject(Answer):
    key: Uuid
    name: str
    kind: SubjectKind
    checkpoints: CheckpointIds
    valid_from: AwareDatetime
    valid_until: AwareDatetime | None
    under_14: bool
    consent: Consent | None
    enrolled: bool


class Subjects(Answer):
    subjects: Annotated[list[Subject], Field(max_length=1000)]


class GuardianBody(Body):
    """``ref``: the guardian's own key, or the number of a paper file; no name."""

    ref: Annotated[str, Field(pattern=REF_PATTERN)]
    relation: Relation
    evidence: GuardianEvidence


class ConsentBody(Body):
    """``notice_version``: of the notice the person was shown; it says what for. ``given_by`` a guardian for children
    under 14, with ``guardian``. ``reopened``: who declined within the last 90 days came by themselves."""

    notice_version: Annotated[str, Field(min_length=1, max_length=32)]
    channel: Literal["desk", "self_service", "phone"] = "desk"
    given_by: Literal["self", "guardian"] = "self"
    guardian: GuardianBody | None = None
    evidence_ref: Annotated[str, Field(min_length=1, max_length=64, pattern=REF_PATTERN)] | None = None
    expires_at: AwareDatetime | None = None
    locale: Literal["zh", "en"] = "zh"
    reopened: bool = False


class ViewBody(Body):
    """``reason``: why; written down with who asked and when, for whoever audits."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


class LiveViewBody(ViewBody):
    """``sub``: the small stream of a camera that has one, for a wall of many; others give their only one."""

    stream: Literal["main", "sub"] = "main"


class View(Answer):
    """Leave to watch: ``GET url`` at the edge with ``Authorization: Bearer ticket``, once, before ``expires_at``. The
    answer is MP4 whose content type names its codecs; a live one goes on until ``until``."""

    ticket: str
    url: str
    expires_at: AwareDatetime
    until: AwareDatetime | None


class ViewGrant(Answer):
    """Leave that ``by`` was given at ``at`` to watch ``camera``: live, or ``clip``, for that ``reason`` of theirs."""

    id: Uuid
    at: AwareDatetime
    by: Annotated[str, Field(max_length=64)]
    camera: SlugText
    clip: Uuid | None
    reason: Annotated[str, Field(max_length=200)]


class ViewGrants(Answer):
    """The newest first. ``next``: ask with it as ``before`` for those further back; null at the end."""

    views: Annotated[list[ViewGrant], Field(max_length=1000)]
    next: Uuid | None


class TicketBody(Body):
    edge: SlugText


class Ticket(Answer):
    """Leave to enrol once: POST it to the edge itself, never here, at ``{enrol_url}/v1/enrolments``, as a multipart
    form with the text ``ticket`` and the file ``portrait``."""

    ticket: str
    enrol_url: str
    expires_at: AwareDatetime


class Dispute(Answer):
    """That somebody at a gate was not the person recognised."""

    id: Uuid
    passage_id: Uuid
    by: str
    at: AwareDatetime


class VehicleBody(Body):
    plate: Annotated[str, Field(min_length=1, max_length=16)]
    kind: VehicleKind
    checkpoints: CheckpointIds
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None


class Vehicle(Answer):
    key: Uuid
    plate: str
    kind: VehicleKind
    checkpoints: CheckpointIds
    valid_from: AwareDatetime
    valid_until: AwareDatetime | None


class Vehicles(Answer):
    vehicles: Annotated[list[Vehicle], Field(max_length=1000)]


class PassBody(Body):
    subject: Uuid
    valid_from: AwareDatetime
    valid_until: AwareDatetime


class Pass(Answer):
    """``text`` is what the QR code says."""

    id: Uuid
    text: str


class Health(Answer):
    status: Literal["ok"] = "ok"
