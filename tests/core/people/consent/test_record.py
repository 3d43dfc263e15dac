"""A consent can be proved to somebody outside: the record, the words, the receipts. No name, nothing biometric."""

from __future__ import annotations

import json
from datetime import timedelta

from core.people.consent.ledger import do_suspend, do_withdraw_consent
from core.people.consent.queries import erasures_of
from core.people.consent.record import ConsentRecord, consent_record, evidence_pack
from core.people.consent.words import SuspendReason
from core.people.notices import notice
from core.storage.database import Database
from core.storage.schema import ErasureRow
from tests.core.estates import NOW, estate
from tests.core.people.consent.people import CHILD_BORN, act, consenting, guarded, person

ESTATE = estate().estate
TS_27560 = {
    "record_id", "schema_version", "subject_ref", "guardian_ref", "controller", "notice", "purposes", "data_kinds",
    "storage_scope", "retention", "recipients", "granted_at", "channel", "evidence_ref", "events",
}  # fmt: skip


def test_the_record_has_the_fields_of_the_standard_and_the_whole_history(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        child = person(db, born=CHILD_BORN)
        row = guarded(db, child)
        do_suspend(db, row, SuspendReason.EVIDENCE_IN_DOUBT, act())
        do_withdraw_consent(db, row, "desk-1", NOW + timedelta(days=1))
        record = consent_record(row, ESTATE)
        name = child.name
    said = record.model_dump_json()
    assert set(json.loads(said)) >= TS_27560
    assert ConsentRecord.model_validate_json(said) == record
    assert (record.guardian_ref, record.purposes, record.storage_scope) == (
        "file-2026-17",
        ("face.access",),
        "edge_only",
    )
    assert (record.notice.version, record.notice.hash, record.notice.locale) == (
        "face-access-3",
        notice().sha256,
        "zh",
    )
    steps = [(one.event, one.from_state, one.to_state, one.reason) for one in record.events]
    assert steps == [
        ("notice_shown", "none", "noticed", None),
        ("grant", "noticed", "active", None),
        ("suspend", "active", "suspended", "evidence_in_doubt"),
        ("withdraw", "suspended", "withdrawn", None),
    ]
    assert name not in said


def test_a_record_of_before_states_were_written_is_still_a_record(known_database: Database) -> None:
    with known_database.writing() as db:
        row = consenting(db, notice=notice("face-access-1"))
        row.events = [{"event": "notice_shown", "at": NOW.isoformat()}, {"event": "grant", "at": NOW.isoformat()}]
        record = consent_record(row, ESTATE)
    assert [(one.event, one.from_state, one.notice) for one in record.events] == [
        ("notice_shown", None, "face-access-1"),
        ("grant", None, "face-access-1"),
    ]


def test_the_evidence_pack_has_the_words_and_what_every_edge_proved(trusting_database: Database) -> None:
    with trusting_database.writing() as db:
        row = consenting(db)
        do_withdraw_consent(db, row, "desk-1", NOW)
        proved = db.get(ErasureRow, (row.id, "edge-1"))
        assert proved is not None
        proved.confirmed_at, proved.receipt = NOW, '{"edge": "edge-1"}'
        pack = evidence_pack(row, erasures_of(db, row.id), ESTATE)
    assert (pack.notice_zh, pack.notice_en) == (notice().zh, notice().en)
    assert [(one.edge, one.confirmed_at, one.receipt) for one in pack.erasures] == [
        ("edge-1", NOW, '{"edge": "edge-1"}'),
        ("edge-2", None, None),
    ]
