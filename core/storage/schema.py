"""Every table of the core. Portable between SQLite and PostgreSQL; changed only together with a migration.

No column holds a readable template, a face, or anything of religion, politics, health or a criminal past.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC. SQLite forgets offsets; this puts UTC back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive time given to the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BIG_KEY = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts automatically only in INTEGER primary keys."""


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: JSON(), str: String(200)}  # noqa: RUF012


class EdgeRow(Base):
    """An edge as the core knows it. ``approved_at`` is empty until an administrator has compared the fingerprint."""

    __tablename__ = "edges"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_base64: Mapped[str | None] = mapped_column(String(64))
    approved_key_base64: Mapped[str | None] = mapped_column(String(64))
    approved_at: Mapped[datetime | None]
    online: Mapped[bool] = mapped_column(Boolean, default=False)
    state: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    state_at: Mapped[datetime | None]
    list_head: Mapped[int] = mapped_column(BigInteger, default=0)
    """Number of the newest change made for this edge."""
    list_acked: Mapped[int] = mapped_column(BigInteger, default=0)
    list_acked_at: Mapped[datetime | None]
    list_problem: Mapped[str | None] = mapped_column(String(300))
    """Why the edge can't go on with its list, in its own words (nothing personal)."""
    signing_key_base64: Mapped[str | None] = mapped_column(String(64))
    approved_signing_key_base64: Mapped[str | None] = mapped_column(String(64))
    """Ed25519: only a receipt signed with it confirms an erasure."""
    list_floor: Mapped[int] = mapped_column(BigInteger, default=0)
    """Changes up to this number are no longer kept: an edge below it gets a snapshot."""


class PlaceRow(Base):
    """Where a checkpoint of the configuration stands: copied here at every start, so that a transaction that changes
    a person knows which edges to tell."""

    __tablename__ = "places"
    checkpoint: Mapped[str] = mapped_column(String(64), primary_key=True)
    edge_id: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    ring: Mapped[str] = mapped_column(String(16))


class EdgeCursorRow(Base):
    """How far the events of one life (epoch) of an edge's outbox are committed, without a gap."""

    __tablename__ = "edge_cursors"
    edge_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[str] = mapped_column(String(64), primary_key=True)
    contiguous: Mapped[int] = mapped_column(BigInteger, default=0)
    skipped: Mapped[int] = mapped_column(BigInteger, default=0)
    """Numbers the edge had to drop and said so."""


class EventRow(Base):
    """Every event received, once: the guard against doubles."""

    __tablename__ = "events"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    edge_id: Mapped[str] = mapped_column(String(64))
    epoch: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(64))
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("edge_id", "epoch", "sequence"),)


class DeadLetterRow(Base):
    """What arrived and could not be understood: kept as it came, bounded, for somebody to look at."""

    __tablename__ = "dead_letters"
    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    topic: Mapped[str] = mapped_column(String(300))
    reason: Mapped[str] = mapped_column(Text)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]


class PassageRow(Base):
    __tablename__ = "passages"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    edge_id: Mapped[str] = mapped_column(String(64))
    checkpoint: Mapped[str] = mapped_column(String(64))
    ring: Mapped[str | None] = mapped_column(String(16))
    camera: Mapped[str] = mapped_column(String(64))
    occurred_at: Mapped[datetime]
    direction: Mapped[str] = mapped_column(String(8))
    credential: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(String(32))
    passed: Mapped[bool]
    gate_opened: Mapped[bool]
    subject: Mapped[str | None] = mapped_column(String(36))
    template_id: Mapped[str | None] = mapped_column(String(36))
    vehicle: Mapped[str | None] = mapped_column(String(36))
    pass_id: Mapped[str | None] = mapped_column(String(36))
    plate: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    picture_id: Mapped[str | None] = mapped_column(String(36))
    presentation: Mapped[str | None] = mapped_column(String(16))
    """``bona_fide``, ``attack`` or ``not_checked`` where a face was asked about (ISO/IEC 30107); else None."""
    times: Mapped[dict[str, Any]] = mapped_column(JSON)
    __table_args__ = (Index("passages_by_checkpoint", "checkpoint", "occurred_at"),)


class PictureRow(Base):
    """JPEG with every face blurred; arrives after its passage and may be dropped on the way."""

    __tablename__ = "pictures"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    passage_id: Mapped[str] = mapped_column(String(36), index=True)
    taken_at: Mapped[datetime]
    jpeg: Mapped[bytes] = mapped_column(LargeBinary)


class AlertRow(Base):
    """``cause`` is unique: the same event can't raise the same rule's alert twice."""

    __tablename__ = "alerts"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    cause: Mapped[str] = mapped_column(String(120), unique=True)
    rule: Mapped[str] = mapped_column(String(64))
    trigger: Mapped[str] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default="raised")
    checkpoint: Mapped[str | None] = mapped_column(String(64))
    passage_id: Mapped[str | None] = mapped_column(String(36))
    occurred_at: Mapped[datetime]
    """When it happened; ``raised_at`` is when the core heard of it (later, if the broker was away)."""
    raised_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(64))
    __table_args__ = (Index("alerts_by_time", "raised_at"),)


class LiveRow(Base):
    """What pages are told, in the order it was committed; a page that was away resumes from its last number."""

    __tablename__ = "live"
    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime]


class CheckpointRow(Base):
    """Last known state of a gate."""

    __tablename__ = "checkpoints"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    gate: Mapped[str] = mapped_column(String(16))
    held_open: Mapped[bool] = mapped_column(Boolean, default=False)
    since: Mapped[datetime]


class SubjectRow(Base):
    """A person who may pass somewhere. The name is for people at the desk; edges know only the key."""

    __tablename__ = "subjects"
    key: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    checkpoints: Mapped[list[str]] = mapped_column(JSON)
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    turns_14_on: Mapped[date | None]
    """Only of children under 14 when they were entered: until that day a guardian consents (PIPL art. 31)."""


class ConsentRow(Base):
    """A consent of one person to one purpose, with all that happened to it: shaped after ISO/IEC TS 27560.

    ``core.people.consent`` has the states; a template may exist only under an active one.
    """

    __tablename__ = "consents"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    subject: Mapped[str] = mapped_column(ForeignKey("subjects.key"), index=True)
    scope: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    notice_version: Mapped[str] = mapped_column(String(32))
    notice_sha256: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(32))
    given_by: Mapped[str] = mapped_column(String(32))
    """``self`` or ``guardian``."""
    granted_at: Mapped[datetime | None]
    """Empty while only a notice was shown, or after it was declined."""
    ended_at: Mapped[datetime | None]
    events: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    locale: Mapped[str] = mapped_column(String(8), default="zh")
    evidence_ref: Mapped[str | None] = mapped_column(String(200))
    """Where the signed paper or recording lies; never the thing itself."""
    guardian: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Who consented for the person: opaque reference, relation, kind of evidence."""
    state_since: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """When an active consent ends by itself, to be given anew."""
    deadline_at: Mapped[datetime | None]
    """When a state that waits for somebody (noticed, suspended, due again) ends by itself."""
    __table_args__ = (Index("consents_by_deadline", "state", "deadline_at"),)


class ErasureRow(Base):
    """What an ended consent asks of one edge: to erase, and to prove it by a signed receipt."""

    __tablename__ = "erasures"
    consent_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    edge_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    subject: Mapped[str] = mapped_column(String(36), index=True)
    number: Mapped[int] = mapped_column(BigInteger)
    """Of the list change that says so: a signed receipt of this version or a higher one confirms."""
    asked_at: Mapped[datetime]
    signing_key_base64: Mapped[str | None] = mapped_column(String(64))
    """Whose receipt it takes: a new box under the same id proves nothing about the old one. Empty: any approved one."""
    confirmed_at: Mapped[datetime | None]
    receipt: Mapped[str | None] = mapped_column(Text)
    """The receipt as it was signed, JSON: what proves the erasure to others."""
    written_off_by: Mapped[str | None] = mapped_column(String(64))
    """Who said, instead of a receipt, that the edge's storage is destroyed."""
    written_off_reason: Mapped[str | None] = mapped_column(String(300))
    __table_args__ = (Index("erasures_open", "edge_id", "confirmed_at"),)


class TemplateLockRow(Base):
    """A single template that may not be found: it kept matching wrongly. Ends with the template."""

    __tablename__ = "template_locks"
    template_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    subject: Mapped[str] = mapped_column(String(36), index=True)
    consent_id: Mapped[str] = mapped_column(String(36))
    reason: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]


class DisputeRow(Base):
    """Somebody at a gate said: this was not that person. Points to the passage, which never changes."""

    __tablename__ = "disputes"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    passage_id: Mapped[str] = mapped_column(String(36), unique=True)
    subject: Mapped[str] = mapped_column(String(36), index=True)
    template_id: Mapped[str | None] = mapped_column(String(36), index=True)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class CaseRow(Base):
    """Why a missing person or a controlled vehicle is sought, and until when: nobody is on such a list without one."""

    __tablename__ = "cases"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(24))
    subject: Mapped[str | None] = mapped_column(String(36), index=True)
    vehicle: Mapped[str | None] = mapped_column(String(36), index=True)
    state: Mapped[str] = mapped_column(String(16))
    case_number: Mapped[str | None] = mapped_column(String(64))
    authority: Mapped[str | None] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(500))
    checkpoints: Mapped[list[str]] = mapped_column(JSON)
    expires_at: Mapped[datetime]
    requested_by: Mapped[str] = mapped_column(String(64))
    requested_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(64))
    __table_args__ = (Index("cases_by_expiry", "state", "expires_at"),)


class CaseApprovalRow(Base):
    """One person's approval of a case; it takes two."""

    __tablename__ = "case_approvals"
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]


class SightingRow(Base):
    """Where and when somebody sought was seen: belongs to the open case and goes with it."""

    __tablename__ = "sightings"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    checkpoint: Mapped[str] = mapped_column(String(64))
    occurred_at: Mapped[datetime]


class HappeningRow(Base):
    """Something that happened at a door or a place. ``ended_at`` is empty while it lasts, or where it can't last."""

    __tablename__ = "happenings"
    __table_args__ = (Index("happenings_by_time", "occurred_at"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    edge_id: Mapped[str] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(32))
    camera: Mapped[str] = mapped_column(String(64))
    checkpoint: Mapped[str | None] = mapped_column(String(64))
    place: Mapped[str | None] = mapped_column(String(64))
    body: Mapped[str | None] = mapped_column(String(16))
    occurred_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ViewGrantRow(Base):
    """Leave that somebody was given to watch a camera, or a clip of it, and why. Its id is the ticket's."""

    __tablename__ = "view_grants"
    __table_args__ = (Index("view_grants_by_time", "at"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(64))
    edge_id: Mapped[str] = mapped_column(String(64))
    camera: Mapped[str] = mapped_column(String(64))
    clip: Mapped[str | None] = mapped_column(String(36))
    """None for a live view."""
    reason: Mapped[str] = mapped_column(String(200))


class LineCountRow(Base):
    """Bodies of one kind over one line in one hour (UTC), each direction for itself."""

    __tablename__ = "line_counts"
    place: Mapped[str] = mapped_column(String(64), primary_key=True)
    body: Mapped[str] = mapped_column(String(16), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    forward: Mapped[int] = mapped_column(BigInteger)
    backward: Mapped[int] = mapped_column(BigInteger)


class ZoneCountRow(Base):
    """Bodies of one kind in one zone in one hour (UTC): seconds of all together, most at once, stays that were long."""

    __tablename__ = "zone_counts"
    place: Mapped[str] = mapped_column(String(64), primary_key=True)
    body: Mapped[str] = mapped_column(String(16), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    body_s: Mapped[int] = mapped_column(BigInteger)
    most_at_once: Mapped[int] = mapped_column(BigInteger)
    long_stays: Mapped[int] = mapped_column(BigInteger)


class SealedTemplateRow(Base):
    """Ciphertext for one edge. Exists only while its consent is active; the core has no key to it."""

    __tablename__ = "sealed_templates"
    template_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    edge_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    subject: Mapped[str] = mapped_column(String(36), index=True)
    consent_id: Mapped[str] = mapped_column(ForeignKey("consents.id"), index=True)
    model: Mapped[str] = mapped_column(String(80))
    key_fingerprint: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index("sealed_templates_by_edge", "edge_id", "template_id", "subject", "consent_id"),)
    """All that a roll reads: it must not wade through the ciphertext of forty edges."""


class EnrolmentTicketRow(Base):
    """Leave that was given to enrol one face at one edge: no template is taken without. No face, no name."""

    __tablename__ = "enrolment_tickets"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    subject: Mapped[str] = mapped_column(String(36))
    consent_id: Mapped[str] = mapped_column(String(36))
    edge_id: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    template_id: Mapped[str | None] = mapped_column(String(36))
    """What came of it; a ticket is good for one."""
    __table_args__ = (Index("enrolment_tickets_by_consent", "consent_id", "edge_id"),)


class VehicleRow(Base):
    """A vehicle on a list. Its plate: keyed digests to find it by, and ciphertext for those who may read it."""

    __tablename__ = "vehicles"
    key: Mapped[str] = mapped_column(String(36), primary_key=True)
    plate: Mapped[str | None] = mapped_column(String(16), unique=True)
    """In plain text only in rows of before plates were sealed; sealed at the next start."""
    plate_exact: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    plate_folded: Mapped[bytes | None] = mapped_column(LargeBinary(32), index=True)
    plate_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    kind: Mapped[str] = mapped_column(String(16))
    checkpoints: Mapped[list[str]] = mapped_column(JSON)
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("plate_exact", "kind"),)


class PassRow(Base):
    """A QR pass that was issued; the code itself is not kept, it can be signed again."""

    __tablename__ = "passes"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    subject: Mapped[str] = mapped_column(ForeignKey("subjects.key"), index=True)
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    issued_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ListChangeRow(Base):
    """One numbered change of one edge's list: what happened to which thing.

    Holds references, never content: what is sent is read from the current tables, so an erased template can't be
    sent by an old change.
    """

    __tablename__ = "list_changes"
    edge_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    op: Mapped[str] = mapped_column(String(24))
    ref: Mapped[str] = mapped_column(String(36))
    second_ref: Mapped[str | None] = mapped_column(String(36))
    at: Mapped[datetime]


class AccountRow(Base):
    __tablename__ = "accounts"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]


class SessionRow(Base):
    """A signed-in browser or a service's token; only the hash of the secret is kept."""

    __tablename__ = "sessions"
    secret_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    """``browser`` or ``service``."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class SettingRow(Base):
    """Small facts about this installation: hash of the setup token while it is unused, schema of the estate."""

    __tablename__ = "settings"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
