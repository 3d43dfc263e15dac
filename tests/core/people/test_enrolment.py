"""No template is taken that nobody gave leave for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from core.contract.ids import new_id
from core.contract.signed import verify_ticket
from core.people.enrolment import (
    MAX_TEMPLATES,
    OUTBOX_DELAY,
    NotStoredReason,
    do_forget_tickets,
    do_store_template,
    issue_ticket,
)
from core.storage.database import Database
from core.storage.schema import ConsentRow, EnrolmentTicketRow, SealedTemplateRow, TemplateLockRow
from tests.core.estates import (
    NOW,
    EdgeKey,
    consenting_person,
    enrol,
    give_ticket,
    sealed_template,
)

SIGNING_KEY = Ed25519PrivateKey.generate()


def test_a_template_without_a_ticket_is_refused(trusting_database: Database, edge_keys: dict[str, EdgeKey]) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        invented = do_store_template(db, sealed_template(who, consent, edge_keys), "edge-1", NOW)
        assert invented.refused is NotStoredReason.NO_TICKET
        assert db.scalars(select(SealedTemplateRow)).all() == []


def test_a_ticket_is_for_one_person_at_one_edge_and_for_one_template(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    other, others_consent = consenting_person(trusting_database, "gate", name="李")
    with trusting_database.writing() as db:
        give_ticket(db, who, consent, "edge-1")
        elsewhere = do_store_template(db, sealed_template(who, consent, edge_keys), "edge-2", NOW)
        somebody_else = do_store_template(db, sealed_template(other, others_consent, edge_keys), "edge-1", NOW)
        first = do_store_template(db, sealed_template(who, consent, edge_keys), "edge-1", NOW)
        second = do_store_template(db, sealed_template(who, consent, edge_keys), "edge-1", NOW)
    assert elsewhere.refused is somebody_else.refused is second.refused is NotStoredReason.NO_TICKET
    assert first.refused is None


@pytest.mark.parametrize(("late", "taken"), [(OUTBOX_DELAY, True), (OUTBOX_DELAY + timedelta(seconds=1), False)])
def test_a_template_may_come_late_but_not_for_ever(
    trusting_database: Database, edge_keys: dict[str, EdgeKey], late: timedelta, taken: bool
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        give_ticket(db, who, consent)
        outcome = do_store_template(db, sealed_template(who, consent, edge_keys), "edge-1", NOW + late)
        assert (outcome.refused is None) is taken
        do_forget_tickets(db, NOW + late)
        left = db.scalar(select(func.count()).select_from(EnrolmentTicketRow))
        assert left == (1 if taken else 0)


def test_an_issued_ticket_is_one_a_template_can_come_of(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate", "back")
    with trusting_database.writing() as db:
        ticket = verify_ticket(issue_ticket(db, who, "edge-2", SIGNING_KEY, NOW), SIGNING_KEY.public_key())
        assert [one.edge for one in ticket.recipients] == ["edge-2", "edge-1"], "whoever enrols can seal it again"
        outcome = do_store_template(db, sealed_template(who, consent, edge_keys), "edge-2", NOW)
    assert outcome.edges == ("edge-1", "edge-2")


def test_a_refused_template_leaves_the_ticket_for_another_try(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        give_ticket(db, who, consent)
        foreign = do_store_template(db, sealed_template(who, consent, {"edge-1": EdgeKey.make()}), "edge-1", NOW)
        assert foreign.refused is NotStoredReason.NO_TRUSTED_EDGE
        assert do_store_template(db, sealed_template(who, consent, edge_keys), "edge-1", NOW).refused is None


def test_a_template_rests_only_on_a_consent_to_be_recognised(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, _ = consenting_person(trusting_database, "gate")
    storage_only = new_id()
    with trusting_database.writing() as db:
        db.add(
            ConsentRow(
                id=storage_only,
                subject=who,
                scope="face.site_server",
                state="active",
                notice_version="1",
                notice_sha256="0" * 64,
                channel="desk",
                given_by="self",
                granted_at=NOW,
                state_since=NOW,
                events=[],
            )
        )
        db.flush()
        outcome = enrol(db, sealed_template(who, storage_only, edge_keys))
        assert outcome.refused is NotStoredReason.NO_ACTIVE_CONSENT


def test_the_lock_of_a_template_goes_with_it(trusting_database: Database, edge_keys: dict[str, EdgeKey]) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    oldest = "00000000-0000-7000-8000-000000000000"
    with trusting_database.writing() as db:
        enrol(db, sealed_template(who, consent, edge_keys, template_id=oldest))
        db.add(TemplateLockRow(template_id=oldest, subject=who, consent_id=consent, reason="disputed", at=NOW))
        for _ in range(MAX_TEMPLATES):
            assert enrol(db, sealed_template(who, consent, edge_keys)).refused is None
        assert db.scalars(select(TemplateLockRow)).all() == []
        assert db.scalar(select(func.count()).select_from(SealedTemplateRow)) == MAX_TEMPLATES
