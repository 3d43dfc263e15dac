"""A template that must not be there is found, whatever way it came, and is gone at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from core.people.consent.invariants import Breach, check_invariants, do_erase_violations
from core.people.consent.ledger import do_suspend, do_withdraw_consent
from core.people.consent.upkeep import CHECK_EVERY_S, DUE_EVERY_S, ConsentUpkeep
from core.people.consent.words import SuspendReason
from core.people.tombstones import TombstoneJournal
from core.storage.database import Database
from core.storage.schema import ConsentRow, ListChangeRow, SealedTemplateRow, SubjectRow
from tests.core.estates import NOW
from tests.core.people.consent.people import act, consenting, keep_template, templates


def test_templates_of_consents_that_stand_are_in_order(known_database: Database) -> None:
    with known_database.writing() as db:
        active, suspended = consenting(db), consenting(db)
        keep_template(db, active)
        keep_template(db, suspended)
        do_suspend(db, suspended, SuspendReason.SUBJECT_ASKED, act())
        assert check_invariants(db) == ()


@pytest.mark.parametrize("breach", list(Breach))
def test_a_template_that_came_by_another_way_is_found_and_erased(breach: Breach, known_database: Database) -> None:
    with known_database.writing() as db:
        good, bad = consenting(db), consenting(db)
        kept, wrong = keep_template(db, good), keep_template(db, bad)
        match breach:
            case Breach.NO_STANDING_CONSENT:
                db.execute(update(ConsentRow).where(ConsentRow.id == bad.id).values(state="expired"))
            case Breach.ANOTHERS_CONSENT:
                db.execute(
                    update(SealedTemplateRow).where(SealedTemplateRow.template_id == wrong).values(subject=good.subject)
                )
            case Breach.OTHER_PURPOSE:
                db.execute(update(ConsentRow).where(ConsentRow.id == bad.id).values(scope="face.site_server"))
            case Breach.PERSON_REMOVED:
                db.execute(update(SubjectRow).where(SubjectRow.key == bad.subject).values(removed_at=NOW))
        db.expire_all()
        (found,) = check_invariants(db)
        assert (found.breach, found.template_id, found.edge) == (breach, wrong, "edge-1")
        with capture_logs() as logged:
            assert do_erase_violations(db, [found], NOW) == 1
        assert logged == [{"event": "consent.invariant_broken", "log_level": "error", breach.value: 1}]
        assert (templates(db), check_invariants(db)) == ([kept], ())
        orders = select(ListChangeRow.edge_id).where(ListChangeRow.op == "erase_template", ListChangeRow.ref == wrong)
        assert sorted(db.scalars(orders)) == ["edge-1", "edge-2"]


def test_the_core_looks_every_hour_and_at_what_is_due_every_minute(known_database: Database, tmp_path: Path) -> None:
    clock = [0.0]
    journal = TombstoneJournal(tmp_path / "tombstones.jsonl")
    upkeep = ConsentUpkeep(known_database, journal, monotonic=lambda: clock[0])
    upkeep.run(NOW)
    with known_database.writing() as db:
        row = consenting(db)
        do_withdraw_consent(db, row, "desk-1", NOW)
        keep_template(db, row)
    upkeep.run(NOW)
    assert upkeep.counts.total() == 0
    clock[0] += DUE_EVERY_S
    upkeep.run(NOW)
    assert upkeep.counts["purge"] == 1
    with known_database.reading() as db:
        assert len(templates(db)) == 1
    clock[0] += CHECK_EVERY_S
    upkeep.run(NOW)
    assert upkeep.counts["invariants_broken"] == 1
    with known_database.reading() as db:
        assert templates(db) == []
