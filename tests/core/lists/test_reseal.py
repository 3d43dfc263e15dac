"""Edges that are added later get templates from those that have them, and only what they may hold."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core.contract.config import EstateConfig
from core.contract.ids import new_id
from core.contract.signed import verify_ticket
from core.lists import reseal
from core.lists.reseal import ASK_AGAIN_S, Resealing
from core.lists.sync_places import do_sync_places
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.edges import do_note_availability
from core.people.enrolment import NotStoredReason, do_store_template, issue_ticket
from core.people.subjects import do_put_subject
from core.storage.database import Database
from core.storage.schema import ConsentRow, SealedTemplateRow, TemplateLockRow
from tests.core.estates import NOW, consenting_person, enrol, estate_tree, sealed_template
from tests.core.lists.line import Line


@pytest.fixture
def work(line: Line) -> Resealing:
    return Resealing(line.clock)


def holders(database: Database) -> dict[str, list[str]]:
    """Edges the core keeps each template for."""
    found: dict[str, list[str]] = {}
    with database.reading() as db:
        rows = db.scalars(select(SealedTemplateRow).order_by(SealedTemplateRow.template_id, SealedTemplateRow.edge_id))
        for row in rows:
            found.setdefault(row.template_id, []).append(row.edge_id)
    return found


def do_round(line: Line, work: Resealing) -> bool:
    with line.database.writing() as db:
        more = work.do_round(db, NOW)
    line.settle()
    return more


def answer(line: Line, edge: str = "edge-1") -> list[NotStoredReason | None]:
    """``edge`` seals again what it was asked to; what became of it in the core."""
    one = line.edges[edge]
    outcomes = []
    for asked in one.reseals:
        with line.database.writing() as db:
            outcomes.append(do_store_template(db, one.reseal(asked), edge, NOW).refused)
    one.reseals.clear()
    line.settle()
    return outcomes


def only_at_the_first(line: Line) -> tuple[str, str, str]:
    """Somebody who may pass at both edges, with a template at the first alone: subject, consent, template."""
    who, consent = consenting_person(line.database, "gate", "back")
    template = sealed_template(who, consent, {"edge-1": line.edge.key})
    with line.database.writing() as db:
        enrol(db, template)
    line.settle()
    return who, consent, template.template_id


def test_an_edge_that_lacks_a_template_gets_it_from_one_that_has_it(line: Line, work: Resealing) -> None:
    who, _, template = only_at_the_first(line)
    assert not do_round(line, work)
    (asked,) = line.edge.reseals
    assert [one.edge for one in asked.recipients] == ["edge-2"]
    assert answer(line) == [None]
    assert holders(line.database) == {template: ["edge-1", "edge-2"]}
    assert {one.subject for one in line.edges["edge-2"].held.all()} == {who}
    assert line.in_step()
    do_round(line, work)
    assert line.edge.reseals == [], "nothing is lacking any more"


def test_a_person_who_may_pass_elsewhere_too_is_known_there_without_a_new_portrait(line: Line, work: Resealing) -> None:
    who, consent = consenting_person(line.database, "gate")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {"edge-1": line.edge.key}))
        window: dict[str, Any] = {"valid_from": NOW, "valid_until": None}
        do_put_subject(db, who, name="王", kind="resident", checkpoints=["gate", "back"], now=NOW, **window)
    line.settle()
    do_round(line, work)
    assert answer(line) == [None]
    assert {one.subject for one in line.edges["edge-2"].held.all()} == {who}


def test_an_edge_with_a_new_key_is_asked_for_by_the_others(line: Line, work: Resealing) -> None:
    who, consent = consenting_person(line.database, "gate", "back")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {name: one.key for name, one in line.edges.items()}))
    line.settle()
    renewed = line.edges["edge-2"] = type(line.edge)(line.core_key.public_key(), "edge-2")
    renewed.introduce(line.database)
    line.connect(renewed)
    line.settle()
    assert renewed.held.all() == []
    do_round(line, work)
    assert answer(line) == [None]
    assert {one.subject for one in renewed.held.all()} == {who}
    assert line.in_step()


def test_an_edge_that_does_not_answer_is_not_pressed_and_then_another_one_is_asked(
    line: Line, work: Resealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, template = only_at_the_first(line)
    one = reseal.Misplaced(template, ("edge-1", "edge-2"), ())
    monkeypatch.setattr(reseal, "misplaced", lambda _db, _people: [one])
    asked = []
    for _ in range(3):
        with line.database.writing() as db:
            work.do_round(db, NOW)
        asked.append(work._asked[template].edges[-1])
        line.clock.now_s += ASK_AGAIN_S / 2 + 1
    assert asked == ["edge-1", "edge-1", "edge-2"]


def test_an_edge_that_is_away_is_not_asked(line: Line, work: Resealing) -> None:
    only_at_the_first(line)
    with line.database.writing() as db:
        do_note_availability(db, "edge-1", False, NOW)
    do_round(line, work)
    assert line.edge.reseals == []


def test_a_round_has_a_limit_and_the_next_goes_on(line: Line, work: Resealing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reseal, "PEOPLE_PER_ROUND", 2)
    for _ in range(5):
        only_at_the_first(line)
    assert [do_round(line, work) for _ in range(3)] == [True, True, False]
    assert len(line.edge.reseals) == 5


def test_what_nobody_may_have_any_more_is_not_sealed_again(line: Line, work: Resealing) -> None:
    _, consent, _ = only_at_the_first(line)
    do_round(line, work)
    with line.database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
    assert answer(line) == [NotStoredReason.NO_ACTIVE_CONSENT]
    assert holders(line.database) == {}


def test_only_an_edge_that_was_given_a_template_can_add_to_it(line: Line, work: Resealing) -> None:
    who, consent, template = only_at_the_first(line)
    forged = sealed_template(who, consent, {"edge-2": line.edges["edge-2"].key}, template_id=template)
    with line.database.writing() as db:
        assert do_store_template(db, forged, "edge-2", NOW).refused is NotStoredReason.NOT_A_HOLDER
    other, others_consent = consenting_person(line.database, "gate", "back", name="李")
    mixed = sealed_template(other, others_consent, {"edge-2": line.edges["edge-2"].key}, template_id=template)
    with line.database.writing() as db:
        assert do_store_template(db, mixed, "edge-1", NOW).refused is NotStoredReason.NOT_A_HOLDER
    assert holders(line.database) == {template: ["edge-1"]}


def test_a_holder_can_replace_nobodys_copy_and_name_no_other_edges(line: Line) -> None:
    who, consent, template = only_at_the_first(line)
    again = sealed_template(who, consent, {"edge-1": line.edge.key}, template_id=template)
    with line.database.writing() as db:
        before = db.get_one(SealedTemplateRow, (template, "edge-1")).sealed
        assert do_store_template(db, again, "edge-1", NOW).refused is NotStoredReason.ALREADY_KEPT
        assert db.get_one(SealedTemplateRow, (template, "edge-1")).sealed == before


def test_a_disputed_template_is_not_spread(line: Line, work: Resealing) -> None:
    who, consent, template = only_at_the_first(line)
    do_round(line, work)
    with line.database.writing() as db:
        db.add(TemplateLockRow(template_id=template, subject=who, consent_id=consent, reason="disputed", at=NOW))
    assert answer(line) == [NotStoredReason.LOCKED]
    line.clock.now_s += 2 * ASK_AGAIN_S
    do_round(line, work)
    assert line.edge.reseals == []


def with_site_server(database: Database) -> None:
    tree = estate_tree()
    tree["edges"][1]["holds"] = "site_server"
    with database.writing() as db:
        do_sync_places(db, EstateConfig.model_validate(tree))


def agree_to_site_server(database: Database, who: str, state: str = "active") -> None:
    with database.writing() as db:
        db.add(
            ConsentRow(
                id=new_id(),
                subject=who,
                scope="face.site_server",
                state=state,
                notice_version="1",
                notice_sha256="0" * 64,
                channel="desk",
                given_by="self",
                granted_at=NOW,
                state_since=NOW,
                events=[],
            )
        )


def test_the_sites_server_holds_templates_only_of_people_who_agreed_to_just_that(line: Line, work: Resealing) -> None:
    with_site_server(line.database)
    who, _ = consenting_person(line.database, "gate", "back")
    with line.database.writing() as db:
        ticket = verify_ticket(issue_ticket(db, who, "edge-1", line.core_key, NOW), line.core_key.public_key())
    assert [one.edge for one in ticket.recipients] == ["edge-1"]
    agree_to_site_server(line.database, who)
    with line.database.writing() as db:
        ticket = verify_ticket(issue_ticket(db, who, "edge-1", line.core_key, NOW), line.core_key.public_key())
    assert [one.edge for one in ticket.recipients] == ["edge-1", "edge-2"]


def test_an_edge_that_becomes_the_sites_server_loses_who_did_not_agree(line: Line, work: Resealing) -> None:
    keys = {name: one.key for name, one in line.edges.items()}
    for agrees in (True, False):
        who, consent = consenting_person(line.database, "gate", "back")
        with line.database.writing() as db:
            enrol(db, sealed_template(who, consent, keys))
        if agrees:
            agree_to_site_server(line.database, who)
            stays = who
    line.settle()
    with_site_server(line.database)
    line.settle()
    assert {one.subject for one in line.edges["edge-2"].held.all()} == {stays}
    assert len(line.edge.held.all()) == 2
    assert line.in_step()


def test_a_template_at_an_edge_that_may_not_hold_it_is_taken_back(line: Line, work: Resealing) -> None:
    who, consent = consenting_person(line.database, "gate", "back")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {name: one.key for name, one in line.edges.items()}))
        window: dict[str, Any] = {"valid_from": NOW, "valid_until": None}
        do_put_subject(db, who, name="王", kind="resident", checkpoints=["gate", "lane"], now=NOW, **window)
    line.settle()
    do_round(line, work)
    assert line.edges["edge-2"].held.all() == [], "a lane compares no faces"
    assert who in line.edges["edge-2"].held.subjects
    assert line.in_step()
