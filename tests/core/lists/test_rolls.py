"""The roll is what an edge holds after it was told everything: no more, no less."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from core.cases.cases import do_approve_case, do_close_case, do_request_missing_person
from core.lists.rolls import FRESH_FOR_S, Rolls, roll_of
from core.lists.snapshot import everything
from core.people.consent.ledger import check_consent, do_resume, do_suspend
from core.people.consent.machine import ConsentEvent
from core.people.consent.transitions import Act
from core.people.consent.words import SuspendReason
from core.storage.database import Database
from core.storage.migrate import upgrade
from core.storage.schema import ConsentRow
from tests.core.estates import NOW, PLATES, consenting_person, enrol, key, sealed_template
from tests.core.lists.line import Line


def enrolled(line: Line) -> str:
    """The consent of somebody with a template at both edges."""
    who, consent = consenting_person(line.database, "gate", "back")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {name: one.key for name, one in line.edges.items()}))
    return consent


def test_a_suspended_consent_locks_its_templates_and_a_resumed_one_frees_them(line: Line) -> None:
    consent = enrolled(line)
    enrolled(line)
    line.settle()
    with line.database.writing() as db:
        do_suspend(db, check_consent(db, consent, ConsentEvent.SUSPEND), SuspendReason.SUBJECT_ASKED, Act(NOW))
    line.settle()
    assert (len(line.edge.held.searchable), len(line.edge.held.all())) == (1, 2)
    assert line.in_step()
    with line.database.writing() as db:
        do_resume(db, check_consent(db, consent, ConsentEvent.RESUME), Act(NOW))
    line.settle()
    assert len(line.edge.held.searchable) == 2
    assert line.in_step()


def test_an_edge_that_gets_its_list_whole_gets_the_locks_too(line: Line) -> None:
    consent = enrolled(line)
    with line.database.writing() as db:
        do_suspend(db, check_consent(db, consent, ConsentEvent.SUSPEND), SuspendReason.SUBJECT_ASKED, Act(NOW))
    line.settle()
    line.edge.held.locks.clear()
    line.connect(line.edge)
    line.settle()
    assert line.edge.held.searchable == set()
    assert line.in_step()


def test_who_is_missing_is_told_and_counted_only_while_the_case_is_open(line: Line) -> None:
    case = key()
    with line.database.writing() as db:
        row = do_request_missing_person(
            db,
            case,
            name="李",
            reason="left home this morning",
            checkpoints=["gate"],
            expires_at=NOW + timedelta(days=9),
            requested_by="desk-1",
            now=NOW,
        )
        assert row.subject is not None
        consent = ConsentRow(id=key(), subject=row.subject, scope="face.missing_person", state="active", events=[])
        consent.notice_version, consent.notice_sha256, consent.channel = "1", "0" * 64, "desk"
        consent.given_by, consent.granted_at, consent.state_since = "guardian", NOW, NOW
        db.add(consent)
        db.flush()
        enrol(db, sealed_template(row.subject, consent.id, {"edge-1": line.edge.key}))
    line.settle()
    assert line.edge.held.subjects == {}
    assert line.edge.held.all() == []
    assert line.in_step()
    with line.database.writing() as db:
        for account in ("guard-1", "guard-2"):
            do_approve_case(db, case, account, NOW)
    line.settle()
    assert len(line.edge.held.searchable) == 1
    assert line.in_step()
    with line.database.reading() as db:
        ops = sorted(change.op for change in everything(db, "edge-1", PLATES.read, NOW))
    assert ops == ["put_subject", "put_template"]
    with line.database.writing() as db:
        do_close_case(db, case, "desk-1", NOW)
    line.settle()
    assert (line.edge.held.subjects, line.edge.held.all()) == ({}, [])
    assert line.in_step()


def test_a_roll_is_worked_out_once_per_number_and_anew_before_the_next_regular_one(line: Line) -> None:
    enrolled(line)
    rolls, counted = Rolls(line.clock), Reads(line.database)
    with line.database.reading() as db:
        first = rolls.of(db, "edge-1", 2)
        worked_out = counted.selects
        assert rolls.of(db, "edge-1", 2) is first
        assert counted.selects == worked_out
        rolls.of(db, "edge-1", 3)
        rolls.of(db, "edge-2", 3)
        assert counted.selects == worked_out + 2
        line.clock.now_s += FRESH_FOR_S
        rolls.of(db, "edge-1", 3)
        assert counted.selects == worked_out + 3


def test_a_roll_reads_its_own_edges_rows_and_no_ciphertext(tmp_path: Path) -> None:
    """Of forty edges' templates, 2 GB at ten thousand residents, every roll would read the whole otherwise."""
    url = f"sqlite:///{tmp_path}/anju.db"
    upgrade(url)
    plans: list[str] = []

    def explain(connection: Any, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.extend(step[-1] for step in asked.fetchall())

    database = Database(url)
    event.listen(database.engine, "before_cursor_execute", explain)
    with database.reading() as db:
        roll_of(db, "edge-1")
    database.close()
    (templates,) = (one for one in plans if "sealed_templates" in one)
    assert "USING COVERING INDEX sealed_templates_by_edge (edge_id=?)" in templates


class Reads:
    """Counts what is asked of a database."""

    def __init__(self, database: Database) -> None:
        self.selects = 0
        event.listen(database.engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.selects += 1
