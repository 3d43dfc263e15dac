"""A template that keeps matching wrongly takes itself out of search."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.ids import new_id
from core.errors import NotFoundError
from core.people.disputes import (
    DisputeRule,
    NothingToDisputeError,
    TemplateLockNotFoundError,
    do_dispute_passage,
    do_release_template,
    suspended_templates,
)
from core.people.enrolment import NotStoredReason, do_store_template
from core.storage.database import Database
from core.storage.schema import DisputeRow, ListChangeRow, PassageRow
from tests.core.estates import NOW, EdgeKey, consenting_person, enrol, sealed_template
from tests.core.people.test_at_once import Meanwhile

RULE = DisputeRule(suspend_after=3, within=timedelta(days=7))


def passed(db: Session, subject: str | None, template: str | None, credential: str = "face") -> str:
    row = PassageRow(
        id=new_id(),
        edge_id="edge-1",
        checkpoint="gate",
        ring="perimeter",
        camera="cam-gate",
        occurred_at=NOW,
        direction="in",
        credential=credential,
        verdict="admit",
        reason="listed",
        passed=True,
        gate_opened=True,
        subject=subject,
        template_id=template,
        times={},
    )
    db.add(row)
    db.flush()
    return row.id


@pytest.fixture
def enrolled(trusting_database: Database, edge_keys: dict[str, EdgeKey]) -> tuple[str, str]:
    """Somebody with a template at edge-1: their key, and the template's id."""
    who, consent = consenting_person(trusting_database)
    message = sealed_template(who, consent, edge_keys)
    with trusting_database.writing() as db:
        assert enrol(db, message).refused is None
    return who, message.template_id


def told(db: Session, template: str) -> list[str]:
    rows = select(ListChangeRow.op).where(ListChangeRow.ref == template, ListChangeRow.edge_id == "edge-1")
    return list(db.scalars(rows.order_by(ListChangeRow.number)))


def dispute(db: Session, subject: str, template: str, at: datetime = NOW, credential: str = "face") -> None:
    do_dispute_passage(db, passed(db, subject, template, credential), "guard", RULE, at)


@pytest.mark.parametrize("credential", ["face", "qr_face"])
def test_a_template_disputed_often_enough_is_suspended_until_somebody_looked(
    trusting_database: Database, enrolled: tuple[str, str], credential: str
) -> None:
    who, template = enrolled
    with trusting_database.writing() as db:
        for _ in range(2):
            dispute(db, who, template, credential=credential)
        assert suspended_templates(db) == []
        dispute(db, who, template, credential=credential)
        dispute(db, who, template, credential=credential)
        assert [row.template_id for row in suspended_templates(db)] == [template]
        assert told(db, template) == ["put_template", "lock_template"]
        do_release_template(db, template, NOW)
        assert suspended_templates(db) == []
        assert told(db, template)[-1] == "unlock_template"
        dispute(db, who, template, credential=credential)
        assert suspended_templates(db) == [], "disputes that were looked at count no more"
        with pytest.raises(TemplateLockNotFoundError):
            do_release_template(db, template, NOW)


def test_disputes_long_apart_suspend_nothing(trusting_database: Database, enrolled: tuple[str, str]) -> None:
    who, template = enrolled
    with trusting_database.writing() as db:
        for week in range(6):
            dispute(db, who, template, NOW + timedelta(days=4 * week))
        assert suspended_templates(db) == []


def test_one_passage_is_disputed_once_however_often_it_is_said(
    trusting_database: Database, enrolled: tuple[str, str]
) -> None:
    who, template = enrolled
    with trusting_database.writing() as db:
        passage = passed(db, who, template)
        said = {do_dispute_passage(db, passage, "guard", RULE, NOW).id for _ in range(5)}
        assert len(said) == 1
        assert suspended_templates(db) == []


def test_two_guards_who_say_it_at_once_have_said_it_once(
    trusting_database: Database, enrolled: tuple[str, str]
) -> None:
    with trusting_database.writing() as db:
        passage = passed(db, *enrolled)

    def say() -> None:
        with trusting_database.writing() as db:
            do_dispute_passage(db, passage, "guard-2", RULE, NOW)

    with trusting_database.writing() as db:
        do_dispute_passage(db, passage, "guard-1", RULE, NOW)
        second = Meanwhile(say)
    second.is_done()
    with trusting_database.reading() as db:
        assert [row.by for row in db.scalars(select(DisputeRow))] == ["guard-1"]


@pytest.mark.parametrize(("subject", "credential"), [(None, "face"), ("somebody", "qr"), ("somebody", "plate")])
def test_where_nobody_was_recognised_there_is_nothing_to_dispute(
    trusting_database: Database, subject: str | None, credential: str
) -> None:
    with trusting_database.writing() as db, pytest.raises(NothingToDisputeError):
        do_dispute_passage(db, passed(db, subject, None, credential), "guard", RULE, NOW)


def test_a_passage_nobody_knows_cant_be_disputed(trusting_database: Database) -> None:
    with trusting_database.writing() as db, pytest.raises(NotFoundError, match="no such passage"):
        do_dispute_passage(db, new_id(), "guard", RULE, NOW)


def test_two_guards_at_once_count_as_two(trusting_database: Database, enrolled: tuple[str, str]) -> None:
    who, template = enrolled
    with trusting_database.writing() as db:
        dispute(db, who, template)
        seen = [passed(db, who, template) for _ in range(2)]

    def say(passage: str) -> None:
        with trusting_database.writing() as db:
            do_dispute_passage(db, passage, "guard-2", RULE, NOW)

    with trusting_database.writing() as first:
        do_dispute_passage(first, seen[0], "guard-1", RULE, NOW)
        second = Meanwhile(lambda: say(seen[1]))
    second.is_done()
    with trusting_database.reading() as db:
        assert [row.template_id for row in suspended_templates(db)] == [template]


def test_a_template_that_reaches_another_edge_while_it_is_suspended_is_not_found_there(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate", "back")
    here = sealed_template(who, consent, {"edge-1": edge_keys["edge-1"]})
    there = sealed_template(who, consent, {"edge-2": edge_keys["edge-2"]}, template_id=here.template_id)
    with trusting_database.writing() as db:
        enrol(db, here)
        seen = [passed(db, who, here.template_id) for _ in range(3)]
        for one in seen[:2]:
            do_dispute_passage(db, one, "guard", RULE, NOW)
    refused = []

    def seal_again() -> None:
        with trusting_database.writing() as db:
            refused.append(do_store_template(db, there, "edge-1", NOW).refused)

    with trusting_database.writing() as db:
        do_dispute_passage(db, seen[2], "guard", RULE, NOW)
        second = Meanwhile(seal_again)
    second.is_done()
    assert refused == [NotStoredReason.LOCKED]
