"""A consent as a record for whoever asks for proof: shaped after ISO/IEC TS 27560:2023.

The burden of proof is the processor's (SPC interpretation 2021/15 art. 6). No name stands in it, and nothing biometric.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from core.contract.base import Instant, Message
from core.contract.config import Estate
from core.contract.ids import ConsentId, SubjectKey
from core.people.consent.guardians import Guardian
from core.people.consent.machine import ConsentState
from core.people.consent.words import Channel, GivenBy, Scope
from core.people.notices import Notice
from core.people.notices import notice as find_notice
from core.storage.schema import ConsentRow, ErasureRow

SCHEMA_VERSION = "anju-consent-record-1"


class Controller(Message):
    """Who processes."""

    estate: str
    name_zh: str
    name_en: str


class NoticeShown(Message):
    """The words agreed to: their hash is that of ``core.people.notices.text_sha256``."""

    version: str
    hash: str
    locale: str


class RecordedEvent(Message):
    """One step of the consent's history. ``from_state`` and ``to_state`` are missing in the oldest records."""

    event: str
    at: Instant
    from_state: str | None = None
    to_state: str | None = None
    by: str | None = None
    channel: str | None = None
    notice: str | None = None
    reason: str | None = None


class ConsentRecord(Message):
    """One consent of one person to one purpose, with its whole history."""

    record_id: ConsentId
    schema_version: str = SCHEMA_VERSION
    subject_ref: SubjectKey
    state: ConsentState
    given_by: GivenBy
    guardian_ref: str | None
    guardian: Guardian | None
    controller: Controller
    notice: NoticeShown
    purposes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=1)]
    purpose_description: str
    data_kinds: tuple[str, ...]
    method: str
    storage_scope: str
    retention: str
    recipients: tuple[str, ...]
    granted_at: Instant | None
    expires_at: Instant | None
    ended_at: Instant | None
    channel: Channel
    evidence_ref: str | None
    events: tuple[RecordedEvent, ...]


class ErasureProof(Message):
    """What one edge was asked when the consent ended. receipt: as the edge signed it, JSON; None until it has."""

    edge: str
    list_change: int
    asked_at: Instant
    confirmed_at: Instant | None
    receipt: str | None
    written_off_by: str | None = None
    """Who said, instead of a receipt, that the edge's storage is destroyed."""
    written_off_reason: str | None = None


class EvidencePack(Message):
    """Everything that proves a consent, or its end, to somebody outside: R-S06."""

    record: ConsentRecord
    notice_zh: str
    notice_en: str
    erasures: tuple[ErasureProof, ...]


def consent_record(row: ConsentRow, estate: Estate) -> ConsentRecord:
    """The record of a row. Raises NoticeNotFoundError for words this version never published."""
    words = find_notice(row.notice_version)
    guardian = Guardian.model_validate(row.guardian) if row.guardian is not None else None
    return ConsentRecord(
        record_id=ConsentId(row.id),
        subject_ref=SubjectKey(row.subject),
        state=ConsentState(row.state),
        given_by=GivenBy(row.given_by),
        guardian_ref=guardian.ref if guardian is not None else None,
        guardian=guardian,
        controller=Controller(estate=estate.id, name_zh=estate.name.zh, name_en=estate.name.en),
        notice=NoticeShown(version=row.notice_version, hash=row.notice_sha256, locale=row.locale),
        purposes=(Scope(row.scope),),
        purpose_description=words.processing.purpose,
        data_kinds=words.processing.data_kinds,
        method=words.processing.method,
        storage_scope=words.processing.storage_scope,
        retention=words.processing.retention,
        recipients=words.processing.recipients,
        granted_at=row.granted_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        channel=Channel(row.channel),
        evidence_ref=row.evidence_ref,
        events=tuple(_event(entry, words) for entry in row.events),
    )


def evidence_pack(row: ConsentRow, erasures: Sequence[ErasureRow], estate: Estate) -> EvidencePack:
    """The record with the words that were shown and the proofs of erasure."""
    words = find_notice(row.notice_version)
    proofs = (
        ErasureProof(
            edge=one.edge_id,
            list_change=one.number,
            asked_at=one.asked_at,
            confirmed_at=one.confirmed_at,
            receipt=one.receipt,
            written_off_by=one.written_off_by,
            written_off_reason=one.written_off_reason,
        )
        for one in erasures
    )
    return EvidencePack(
        record=consent_record(row, estate), notice_zh=words.zh, notice_en=words.en, erasures=tuple(proofs)
    )


def _event(entry: dict[str, Any], words: Notice) -> RecordedEvent:
    """Entries of before ``from``, ``to`` and ``notice`` were written were all about the words of their row."""
    told = {name: entry.get(name) for name in ("event", "at", "by", "channel", "reason")}
    more = {"from_state": entry.get("from"), "to_state": entry.get("to"), "notice": entry.get("notice", words.version)}
    return RecordedEvent.model_validate(told | more)
