"""Whatever happens in whatever order, an edge that has heard everything holds just what the core's roll says.

A model edge is told as the relay tells: in pieces, late, twice, whole when it has to be.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from core.contract.lists import ListMessage
from core.lists import compaction, render
from core.lists.changes import ChangeOp, note_change
from core.lists.compaction import do_compact
from core.lists.reseal import ASK_AGAIN_S, Resealing
from core.lists.rolls import roll_of
from core.lists.sync_places import do_sync_places
from core.people.consent.ledger import check_consent, check_withdraw, do_resume, do_suspend, do_withdraw_consent
from core.people.consent.machine import ConsentEvent
from core.people.consent.transitions import Act
from core.people.consent.words import SuspendReason
from core.people.disputes import do_release_template
from core.people.enrolment import do_store_template
from core.people.subjects import do_put_subject, do_remove_subject
from core.storage.database import Database
from core.storage.migrate import upgrade
from core.storage.schema import ConsentRow, SealedTemplateRow, SubjectRow, TemplateLockRow
from tests.core.estates import NOW, consenting_person, enrol, estate, sealed_template
from tests.core.lists.line import Line

PLACES = (["gate"], ["back"], ["gate", "back"], ["gate", "lane"])
"""The first edge's, the second's, both, and both with no face compared at the second."""


class CoreAndEdges(RuleBasedStateMachine):
    """Changes in the core between deliveries of every kind."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        shutil.copyfile(self.template, folder / "anju.db")
        self.database = Database(f"sqlite:///{folder / 'anju.db'}")
        with self.database.writing() as db:
            do_sync_places(db, estate())
        self.line = Line(self.database, folder, "edge-1", "edge-2")
        self.line.introduce()
        self.resealing = Resealing(self.line.clock)

    def teardown(self) -> None:
        self.database.close()
        self._folder.cleanup()

    def some(self, column: Any, *where: Any, pick: int) -> str | None:
        with self.database.reading() as db:
            found = db.scalars(select(column).where(*where).order_by(column).distinct()).all()
        return found[pick % len(found)] if found else None

    @rule(places=st.sampled_from(PLACES))
    def somebody_enrols(self, places: list[str]) -> None:
        who, consent = consenting_person(self.database, *places)
        with self.database.writing() as db:
            enrol(db, sealed_template(who, consent, {name: one.key for name, one in self.line.edges.items()}))

    @rule(pick=st.integers(0, 9), times=st.integers(1, 6))
    def enrols_again(self, pick: int, times: int) -> None:
        consent = self.some(ConsentRow.id, ConsentRow.state == "active", pick=pick)
        if consent is None:
            return
        with self.database.writing() as db:
            who = db.get_one(ConsentRow, consent).subject
            for _ in range(times):
                enrol(db, sealed_template(who, consent, {name: one.key for name, one in self.line.edges.items()}))

    @rule(pick=st.integers(0, 9))
    def withdraws(self, pick: int) -> None:
        consent = self.some(ConsentRow.id, ConsentRow.state.in_(["active", "suspended"]), pick=pick)
        if consent is not None:
            with self.database.writing() as db:
                do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)

    @rule(pick=st.integers(0, 9))
    def is_suspended(self, pick: int) -> None:
        consent = self.some(ConsentRow.id, ConsentRow.state == "active", pick=pick)
        if consent is not None:
            with self.database.writing() as db:
                do_suspend(db, check_consent(db, consent, ConsentEvent.SUSPEND), SuspendReason.SUBJECT_ASKED, Act(NOW))

    @rule(pick=st.integers(0, 9))
    def is_resumed(self, pick: int) -> None:
        consent = self.some(ConsentRow.id, ConsentRow.state == "suspended", pick=pick)
        if consent is not None:
            with self.database.writing() as db:
                do_resume(db, check_consent(db, consent, ConsentEvent.RESUME), Act(NOW))

    @rule(pick=st.integers(0, 9))
    def is_disputed(self, pick: int) -> None:
        locked = select(TemplateLockRow.template_id)
        free = SealedTemplateRow.template_id.not_in(locked)
        template = self.some(SealedTemplateRow.template_id, free, pick=pick)
        if template is None:
            return
        with self.database.writing() as db:
            rows = db.scalars(select(SealedTemplateRow).where(SealedTemplateRow.template_id == template)).all()
            lock = TemplateLockRow(template_id=template, subject=rows[0].subject, reason="disputed", at=NOW)
            lock.consent_id = rows[0].consent_id
            db.add(lock)
            note_change(db, [row.edge_id for row in rows], ChangeOp.LOCK_TEMPLATE, template, now=NOW)

    @rule(pick=st.integers(0, 9))
    def is_released(self, pick: int) -> None:
        template = self.some(TemplateLockRow.template_id, pick=pick)
        if template is not None:
            with self.database.writing() as db:
                do_release_template(db, template, NOW)

    @rule(pick=st.integers(0, 9), places=st.sampled_from(PLACES))
    def moves(self, pick: int, places: list[str]) -> None:
        who = self.some(SubjectRow.key, SubjectRow.removed_at.is_(None), pick=pick)
        if who is not None:
            window: dict[str, Any] = {"valid_from": NOW, "valid_until": None}
            with self.database.writing() as db:
                do_put_subject(db, who, name="王", kind="resident", checkpoints=places, now=NOW, **window)

    @rule(pick=st.integers(0, 9))
    def leaves(self, pick: int) -> None:
        who = self.some(SubjectRow.key, SubjectRow.removed_at.is_(None), pick=pick)
        if who is not None:
            with self.database.writing() as db:
                do_remove_subject(db, who, NOW)

    @rule(seed=st.integers(0, 99), rounds=st.integers(1, 6))
    def something_is_sent(self, seed: int, rounds: int) -> None:
        """Some of it lost, some twice."""
        chance = Random(seed)

        def way(message: ListMessage) -> list[ListMessage]:
            return [message] * chance.choice([0, 1, 1, 2])

        for _ in range(rounds):
            self.line.one_round(way)
            self.line.clock.now_s += chance.choice([0.1, 3.0, 6.0, 31.0])

    @rule(edge=st.sampled_from(["edge-1", "edge-2"]))
    def connects_anew(self, edge: str) -> None:
        self.line.connect(self.line.edges[edge])

    @rule(edge=st.sampled_from(["edge-1", "edge-2"]))
    def loses_its_mirror(self, edge: str) -> None:
        self.line.edges[edge].lose_mirror()
        self.line.connect(self.line.edges[edge])

    @rule(edge=st.sampled_from(["edge-1", "edge-2"]))
    def old_changes_are_forgotten(self, edge: str) -> None:
        with self.database.writing() as db:
            do_compact(db, edge, {"edge-2"}, NOW + timedelta(days=1))

    @rule()
    def what_is_lacking_is_asked_for(self) -> None:
        self.line.clock.now_s += 2 * ASK_AGAIN_S
        with self.database.writing() as db:
            self.resealing.do_round(db, NOW)

    @rule()
    def asked_edges_answer(self) -> None:
        for name, one in self.line.edges.items():
            for asked in one.reseals:
                if asked.template_id in one.held.templates:
                    with self.database.writing() as db:
                        do_store_template(db, one.reseal(asked), name, NOW)
            one.reseals.clear()

    @rule()
    def everything_arrives(self) -> None:
        for one in self.line.edges.values():
            self.line.connect(one)
        self.line.settle()
        for name, one in self.line.edges.items():
            with self.database.reading() as db:
                assert one.held.digest == roll_of(db, name).digest
        assert self.line.in_step()
        assert not any(one.differed for one in self.line.edges.values())

    @invariant()
    def nobody_is_found_without_a_consent_that_stood_when_the_edge_last_heard(self) -> None:
        """A put never brings a template into reach that the core had locked or erased when it was made."""
        with self.database.reading() as db:
            states = {row.id: row.state for row in db.scalars(select(ConsentRow))}
        for one in self.line.edges.values():
            if one.agreed and one.agreed[-1].version == one.version:
                with self.database.reading() as db:
                    if roll_of(db, one.id).digest == one.held.digest:
                        held = one.held.templates
                        assert all(states[held[key].consent] == "active" for key in one.held.searchable)


def test_core_and_edges_agree_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CoreAndEdges.template = tmp_path / "template.db"
    upgrade(f"sqlite:///{CoreAndEdges.template}")
    monkeypatch.setattr(render, "MAX_CHANGES", 3)
    monkeypatch.setattr("core.lists.snapshot.MAX_CHANGES", 3)
    monkeypatch.setattr(compaction, "KEPT_CHANGES", 2)
    case = CoreAndEdges.TestCase
    case.settings = settings(max_examples=25, stateful_step_count=25, suppress_health_check=list(HealthCheck))
    case().runTest()
