"""Who may pass, on whose word, and what each edge is told about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.ids import new_id
from core.contract.signed import verify_pass, verify_ticket
from core.errors import ConflictError, InvalidError
from core.people.consent.errors import ConsentEndedError, NoConsentError
from core.people.consent.ledger import check_withdraw, do_grant_consent, do_withdraw_consent
from core.people.consent.queries import active_consent, consents_of
from core.people.edges import (
    EdgeNotApprovedError,
    FingerprintMismatchError,
    do_approve_edge,
    do_note_availability,
    do_note_edge_state,
    edge,
    is_trusted,
    pending_fingerprint,
)
from core.people.enrolment import MAX_TEMPLATES, NotStoredReason, issue_ticket
from core.people.notices import NoticeNotFoundError, notice
from core.people.passes import do_issue_pass, do_revoke_pass
from core.people.subjects import (
    SubjectNotFoundError,
    SubjectRemovedError,
    do_put_subject,
    do_remove_subject,
    list_subjects,
    subject,
)
from core.people.vehicles import (
    PlateTakenError,
    VehicleNotFoundError,
    do_put_vehicle,
    do_remove_vehicle,
    list_vehicles,
)
from core.storage.database import Database
from core.storage.schema import ListChangeRow, SealedTemplateRow, SubjectRow, TemplateLockRow
from tests.core.estates import NOW, PLATES, EdgeKey, consenting_person, edge_state, enrol, key, sealed_template

SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
LATER = NOW + timedelta(days=1)


def put(db: Session, who: str, *checkpoints: str, name: str = "王小明") -> SubjectRow:
    return do_put_subject(
        db, who, name=name, kind="resident", checkpoints=checkpoints, valid_from=NOW, valid_until=None, now=NOW
    )


def told(database: Database, edge_id: str) -> list[tuple[str, str]]:
    """(op, ref) of every change noted for an edge, in order; numbers must have no gap."""
    with database.reading() as db:
        rows = db.scalars(select(ListChangeRow).where(ListChangeRow.edge_id == edge_id).order_by(ListChangeRow.number))
        changes = [(row.number, row.op, row.ref) for row in rows]
        assert [number for number, _, _ in changes] == list(range(1, len(changes) + 1))
        assert edge(db, edge_id).list_head == len(changes)
        return [(op, ref) for _, op, ref in changes]


def test_only_edges_of_the_persons_checkpoints_are_told_and_once(known_database: Database) -> None:
    who = key()
    for _ in range(2):
        with known_database.writing() as db:
            put(db, who, "door", "gate", "gate")
    assert told(known_database, "edge-1") == [("put_subject", who)]
    assert told(known_database, "edge-2") == []


def test_a_new_name_is_nobodys_business_at_the_edges(known_database: Database) -> None:
    who = key()
    with known_database.writing() as db:
        put(db, who, "gate")
        put(db, who, "gate", name="王大明")
    assert told(known_database, "edge-1") == [("put_subject", who)]
    with known_database.reading() as db:
        assert [row.name for row in list_subjects(db)] == ["王大明"]


def test_moving_to_other_checkpoints_removes_at_the_old_edge_and_puts_at_the_new(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate", "back")
    with trusting_database.writing() as db:
        assert enrol(db, sealed_template(who, consent, edge_keys)).edges == ("edge-1", "edge-2")
        put(db, who, "back")
    assert told(trusting_database, "edge-1")[-1] == ("remove_subject", who)
    assert told(trusting_database, "edge-2")[-1] == ("put_subject", who)
    with trusting_database.reading() as db:
        assert [row.edge_id for row in db.scalars(select(SealedTemplateRow))] == ["edge-2"]


def test_an_edge_a_person_leaves_forgets_what_was_suspended_there(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    """Released elsewhere and sealed again for it later, the template would be locked there and nowhere else."""
    who, consent = consenting_person(trusting_database, "gate", "back")
    template = sealed_template(who, consent, edge_keys)
    with trusting_database.writing() as db:
        enrol(db, template)
        db.add(
            TemplateLockRow(
                template_id=template.template_id, subject=who, consent_id=consent, reason="disputed", at=NOW
            )
        )
        put(db, who, "back")
    assert told(trusting_database, "edge-1")[-2:] == [
        ("erase_template", template.template_id),
        ("remove_subject", who),
    ]
    assert told(trusting_database, "edge-2")[-1] == ("put_subject", who)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"checkpoints": ["nowhere"]}, "nowhere"),
        ({"valid_until": NOW}, "later"),
        ({"valid_from": NOW.replace(tzinfo=None)}, "offset"),
        ({"name": "  "}, "1 to 80"),
    ],
)
def test_nonsense_is_refused_with_a_reason(
    changes: dict[str, object], complaint: str, known_database: Database
) -> None:
    fields = {
        "name": "李",
        "kind": "staff",
        "checkpoints": ["gate"],
        "valid_from": NOW,
        "valid_until": None,
        "now": NOW,
    }
    with known_database.writing() as db, pytest.raises(InvalidError, match=complaint):
        do_put_subject(db, key(), **(fields | changes))  # type: ignore[arg-type]


def test_a_key_that_is_no_uuid_is_refused(known_database: Database) -> None:
    with known_database.writing() as db, pytest.raises(InvalidError, match="UUID"):
        put(db, "wang-xiaoming", "gate")


def test_of_who_is_removed_neither_name_nor_age_nor_where_they_lived_is_kept(known_database: Database) -> None:
    with known_database.writing() as db:
        child = put(db, key(), "gate")
        child.turns_14_on = LATER.date()
        gone = do_remove_subject(db, child.key, NOW)
        assert (gone.name, gone.turns_14_on, gone.checkpoints) == ("", None, [])


def test_who_is_removed_is_gone_everywhere_and_the_key_is_never_used_again(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    pass_id = key()
    with trusting_database.writing() as db:
        enrol(db, sealed_template(who, consent, edge_keys))
        do_issue_pass(db, pass_id, who, valid_from=NOW, valid_until=LATER, signing_key=SIGNING_KEY, now=NOW)
        do_remove_subject(db, who, NOW)
        do_remove_subject(db, who, NOW)
    expected = [("erase_templates", who), ("remove_subject", who), ("revoke_pass", pass_id)]
    assert told(trusting_database, "edge-1")[-3:] == expected
    assert told(trusting_database, "edge-2") == expected
    with trusting_database.reading() as db:
        assert list_subjects(db) == []
        assert db.scalars(select(SealedTemplateRow)).all() == []
        (ended,) = consents_of(db, who)
        assert (ended.state, ended.events[-1]["event"]) == ("withdrawn", "subject_left")
        row = db.get(SubjectRow, who)
        assert row is not None
        assert row.name == ""
        with pytest.raises(SubjectNotFoundError):
            subject(db, who)
    with trusting_database.writing() as db, pytest.raises(SubjectRemovedError):
        put(db, who, "gate")


def test_consent_records_the_exact_words_and_is_given_once(known_database: Database) -> None:
    who, consent = consenting_person(known_database)
    with known_database.writing() as db:
        again = do_grant_consent(db, subject(db, who), notice(), channel="phone", given_by="self", now=LATER)
        assert again.id == consent
        assert (again.notice_version, again.notice_sha256) == ("face-access-3", notice().sha256)
        assert [one["event"] for one in again.events] == ["notice_shown", "grant"]


def test_a_published_notice_is_complete_in_both_languages() -> None:
    words = notice()
    assert "同意" in words.zh
    assert "withdraw" in words.en
    with pytest.raises(NoticeNotFoundError):
        notice("face-access-0")


def test_withdrawing_erases_templates_and_tells_every_edge(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        enrol(db, sealed_template(who, consent, edge_keys))
    with trusting_database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", LATER)
    with trusting_database.reading() as db:
        assert db.scalars(select(SealedTemplateRow)).all() == []
        assert active_consent(db, who) is None
        (row,) = consents_of(db, who)
        assert (row.ended_at, row.events[-1]["by"]) == (LATER, "desk-1")
        with pytest.raises(ConsentEndedError):
            check_withdraw(db, consent)
    assert told(trusting_database, "edge-1")[-1] == ("erase_templates", who)
    assert told(trusting_database, "edge-2") == [("erase_templates", who)]


def test_a_template_that_arrives_after_the_withdrawal_is_not_stored(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    on_its_way = sealed_template(who, consent, edge_keys)
    with trusting_database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
    with trusting_database.writing() as db:
        assert enrol(db, on_its_way).refused is NotStoredReason.NO_ACTIVE_CONSENT
        assert db.scalars(select(SealedTemplateRow)).all() == []


def test_one_persons_template_cant_rest_on_anothers_consent(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, _ = consenting_person(trusting_database)
    _, consent_of_other = consenting_person(trusting_database, name="李")
    with trusting_database.writing() as db:
        outcome = enrol(db, sealed_template(who, consent_of_other, edge_keys))
        assert outcome.refused is NotStoredReason.NO_ACTIVE_CONSENT


def test_a_template_is_kept_for_trusted_edges_of_the_person_only(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    foreign = {"edge-1": EdgeKey.make()}
    with trusting_database.writing() as db:
        refused = enrol(db, sealed_template(who, consent, foreign))
        assert refused.refused is NotStoredReason.NO_TRUSTED_EDGE
        assert enrol(db, sealed_template(who, consent, edge_keys)).edges == ("edge-1",)


def test_a_sixth_template_replaces_the_oldest(trusting_database: Database, edge_keys: dict[str, EdgeKey]) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    ids = [new_id() for _ in range(MAX_TEMPLATES + 1)]
    with trusting_database.writing() as db:
        for template_id in ids:
            enrol(db, sealed_template(who, consent, edge_keys, template_id=template_id))
        assert sorted(db.scalars(select(SealedTemplateRow.template_id))) == ids[1:]
    assert told(trusting_database, "edge-1")[-2:] == [("erase_template", ids[0]), ("put_template", ids[-1])]


def test_a_ticket_names_the_consent_and_the_trusted_edges_that_compare_this_persons_face(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate", "door", "lane")
    with trusting_database.reading() as db:
        ticket = verify_ticket(issue_ticket(db, who, "edge-1", SIGNING_KEY, NOW), SIGNING_KEY.public_key())
    assert (ticket.subject, ticket.consent, ticket.edge) == (who, consent, "edge-1")
    assert [(one.edge, one.key_base64) for one in ticket.recipients] == [("edge-1", edge_keys["edge-1"].public_base64)]
    assert ticket.expires_at == NOW + timedelta(minutes=5)


def test_no_ticket_without_consent_or_trust(known_database: Database) -> None:
    who, consent = consenting_person(known_database, "gate")
    with known_database.writing() as db:
        with pytest.raises(EdgeNotApprovedError):
            issue_ticket(db, who, "edge-1", SIGNING_KEY, NOW)
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
        with pytest.raises(NoConsentError):
            issue_ticket(db, who, "edge-1", SIGNING_KEY, NOW)


def test_a_pass_issued_twice_is_the_same_pass(known_database: Database) -> None:
    who, _ = consenting_person(known_database)
    pass_id = key()

    def issue(db: Session, hours: int) -> str:
        end = LATER + timedelta(hours=hours)
        return do_issue_pass(db, pass_id, who, valid_from=NOW, valid_until=end, signing_key=SIGNING_KEY, now=NOW)

    with known_database.writing() as db:
        text = issue(db, 0)
        assert issue(db, 0) == text
        assert verify_pass(text, SIGNING_KEY.public_key()).subject == who
        with pytest.raises(ConflictError, match="other claims"):
            issue(db, 1)
        do_revoke_pass(db, pass_id, NOW)
        do_revoke_pass(db, pass_id, NOW)
        with pytest.raises(ConflictError, match="revoked"):
            issue(db, 0)
    assert told(known_database, "edge-2") == [("revoke_pass", pass_id)]


def test_a_pass_for_less_than_a_second_or_beyond_2106_is_refused(known_database: Database) -> None:
    who, _ = consenting_person(known_database)
    for end in (NOW + timedelta(milliseconds=500), NOW + timedelta(days=36_500)):
        with known_database.writing() as db, pytest.raises(InvalidError, match="second"):
            do_issue_pass(db, key(), who, valid_from=NOW, valid_until=end, signing_key=SIGNING_KEY, now=NOW)


def test_a_plate_is_entered_normalised_once_and_told_to_its_lane(known_database: Database) -> None:
    mine, other = key(), key()

    def enter(db: Session, vehicle: str, plate: str) -> str:
        row = do_put_vehicle(
            db,
            vehicle,
            plate=plate,
            kind="resident",
            checkpoints=["lane"],
            valid_from=NOW,
            valid_until=None,
            plates=PLATES,
            now=NOW,
        )
        assert row.plate is None
        assert b"12345" not in (row.plate_sealed or b"")
        return PLATES.read(row)

    with known_database.writing() as db:
        assert enter(db, mine, "京a·12345") == "京A12345"
        enter(db, mine, "京A12345")
        with pytest.raises(PlateTakenError):
            enter(db, other, "京A12345")
        with pytest.raises(InvalidError, match="no plate"):
            enter(db, other, "京AO2345")
        do_remove_vehicle(db, mine, NOW)
        with pytest.raises(VehicleNotFoundError):
            do_remove_vehicle(db, mine, NOW)
        assert list_vehicles(db, PLATES) == []
    assert told(known_database, "edge-2") == [("put_vehicle", mine), ("remove_vehicle", mine)]


def test_an_edge_is_trusted_only_with_the_key_that_was_compared(
    known_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    shown = edge_keys["edge-1"]
    with known_database.writing() as db:
        with pytest.raises(ConflictError, match="not shown"):
            do_approve_edge(db, "edge-1", shown.fingerprint, NOW)
        row = do_note_edge_state(db, edge_state("edge-1", shown.public_base64), NOW)
        assert pending_fingerprint(row) == shown.fingerprint
        with pytest.raises(FingerprintMismatchError):
            do_approve_edge(db, "edge-1", EdgeKey.make().fingerprint, NOW)
        assert not is_trusted(row)
        for part in ("", shown.fingerprint[:19], shown.fingerprint[:-1], f"{shown.fingerprint}0"):
            with pytest.raises(InvalidError, match="32 hex digits"):
                do_approve_edge(db, "edge-1", part, NOW)
        assert not is_trusted(row)
        assert is_trusted(do_approve_edge(db, row, f" {shown.fingerprint.upper().replace('-', ' ')}", NOW))
        assert pending_fingerprint(row) is None


def test_a_new_key_is_not_trusted_and_approving_it_drops_templates_of_the_old_one(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    new = EdgeKey.make()
    with trusting_database.writing() as db:
        enrol(db, sealed_template(who, consent, edge_keys))
        assert not is_trusted(do_note_edge_state(db, edge_state("edge-1", new.public_base64, at=LATER), LATER))
        with pytest.raises(EdgeNotApprovedError):
            issue_ticket(db, who, "edge-1", SIGNING_KEY, NOW)
        do_approve_edge(db, "edge-1", new.fingerprint, LATER)
        assert db.scalars(select(SealedTemplateRow)).all() == []


def test_an_edge_whose_clock_went_back_is_still_heard(known_database: Database, edge_keys: dict[str, EdgeKey]) -> None:
    new = EdgeKey.make()
    with known_database.writing() as db:
        do_note_edge_state(db, edge_state("edge-1", edge_keys["edge-1"].public_base64, at=LATER), NOW)
        assert (
            do_note_edge_state(db, edge_state("edge-1", new.public_base64, at=NOW), NOW).key_base64 == new.public_base64
        )
        assert do_note_availability(db, "edge-1", True, NOW).online
