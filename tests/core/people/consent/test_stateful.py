"""Whatever people, time, crashes and restored backups do: no template without a consent that stands."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from core.errors import CoreError
from core.people.consent.due import do_due_transitions
from core.people.consent.endings import do_purge_confirmed, do_supersede
from core.people.consent.invariants import check_invariants
from core.people.consent.ledger import (
    check_consent,
    do_decline,
    do_grant_consent,
    do_reopen,
    do_resume,
    do_show_notice,
    do_suspend,
    do_withdraw_consent,
)
from core.people.consent.machine import LOCKED, OVER, STANDING, TRANSITIONS, ConsentEvent, ConsentState
from core.people.consent.queries import newest_consent
from core.people.consent.restored import replay_tombstones
from core.people.consent.words import Scope, SuspendReason
from core.people.notices import Notice, current_notice, notice
from core.people.subjects import do_remove_subject, subject
from core.people.tombstones import Does, TombstoneJournal
from core.storage.database import Database
from core.storage.schema import ConsentRow, EdgeRow, ErasureRow, PlaceRow, SealedTemplateRow, SubjectRow
from tests.core.estates import NOW
from tests.core.people.consent.people import CHILD_BORN, MOTHER, act, keep_template, person

WORDS = current_notice(Scope.FACE_ACCESS)
EDGES = ("edge-1", "edge-2")
WHO = st.integers(0, 3)


class _PowerCutError(RuntimeError):
    """Between the line in the journal and the commit."""


class Ledger(RuleBasedStateMachine):
    """A core whose database can be backed up and put back, and whose power can fail at the worst moment."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="anju-ledger-"))
        self._now = NOW
        self._cut = False
        self._backup: Path | None = None
        self._ended: set[str] = set()
        self._paused: set[str] = set()
        """Consents that somebody paused and nobody has resumed or given anew since."""
        self._people: list[str] = []
        self._journal = TombstoneJournal(self._folder / "tombstones.jsonl")
        shutil.copyfile(self.template, self._folder / "anju.db")
        self._open()

    def _open(self) -> None:
        self._database = Database(f"sqlite:///{self._folder / 'anju.db'}")
        self._database.before_commit(self._journal.write_noted)
        self._database.before_commit(self._maybe_cut)

    def _maybe_cut(self, _: Session) -> None:
        if self._cut:
            self._cut = False
            raise _PowerCutError

    def _try(self, what: Callable[[Session], object]) -> None:
        """A transaction; refusals and power cuts undo it."""
        try:
            with self._database.writing() as db:
                what(db)
        except (CoreError, _PowerCutError):
            pass
        self._cut = False

    @initialize()
    def settle(self) -> None:
        with self._database.writing() as db:
            db.add_all(
                [
                    EdgeRow(id=edge, online=True, list_head=0, list_acked=0, approved_key_base64="a" * 44)
                    for edge in EDGES
                ]
            )
            db.add(PlaceRow(checkpoint="gate", edge_id="edge-1", kind="face_gate", ring="perimeter"))
            db.flush()
            for number in range(4):
                born = CHILD_BORN if number == 0 else None
                self._people.append(person(db, born=born, valid_until=NOW + timedelta(days=900)).key)

    def _newest(self, db: Session, who: int) -> ConsentRow | None:
        return newest_consent(db, self._people[who], Scope.FACE_ACCESS, lock=True)

    @rule(who=WHO)
    def is_shown_the_notice(self, who: int) -> None:
        self._try(lambda db: do_show_notice(db, subject(db, self._people[who]), WORDS, act(self._now)))

    @rule(who=WHO, old=st.booleans(), cut=st.booleans())
    def agrees(self, who: int, old: bool, cut: bool) -> None:
        def agree(db: Session) -> None:
            row = subject(db, self._people[who])
            given_by = "guardian" if row.turns_14_on else "self"
            words: Notice = notice("face-access-1") if old else WORDS
            guardian = MOTHER if row.turns_14_on else None
            do_grant_consent(db, row, words, channel="desk", given_by=given_by, guardian=guardian, now=self._now)

        self._cut = cut
        self._try(agree)
        self._note_who_is_paused()

    @rule(who=WHO, event=st.sampled_from(["decline", "suspend", "resume", "withdraw", "reopen"]), cut=st.booleans())
    def decides(self, who: int, event: str, cut: bool) -> None:
        steps: dict[str, tuple[ConsentEvent, Callable[[Session, ConsentRow], object]]] = {
            "decline": (ConsentEvent.DECLINE, lambda db, row: do_decline(db, row, act(self._now))),
            "suspend": (
                ConsentEvent.SUSPEND,
                lambda db, row: do_suspend(db, row, SuspendReason.SUBJECT_ASKED, act(self._now)),
            ),
            "resume": (ConsentEvent.RESUME, lambda db, row: do_resume(db, row, act(self._now))),
            "withdraw": (ConsentEvent.WITHDRAW, lambda db, row: do_withdraw_consent(db, row, "desk-1", self._now)),
            "reopen": (ConsentEvent.SUBJECT_REOPENS, lambda db, row: do_reopen(db, row, WORDS, act(self._now))),
        }
        needed, do = steps[event]

        def decide(db: Session) -> None:
            row = self._newest(db, who)
            if row is not None:
                do(db, check_consent(db, row.id, needed))

        self._cut = cut
        self._try(decide)
        self._note_who_is_paused()

    def _note_who_is_paused(self) -> None:
        with self._database.reading() as db:
            states = {row.id: ConsentState(row.state) for row in db.scalars(select(ConsentRow))}
        self._paused |= {one for one, state in states.items() if state in LOCKED}
        self._paused -= {one for one, state in states.items() if state is ConsentState.ACTIVE}

    @rule(who=WHO)
    def is_enrolled(self, who: int) -> None:
        def enrol(db: Session) -> None:
            row = self._newest(db, who)
            if row is not None and row.state == ConsentState.ACTIVE:
                keep_template(db, row)

        self._try(enrol)

    @rule(who=WHO, cut=st.booleans())
    def leaves(self, who: int, cut: bool) -> None:
        self._cut = cut
        self._try(lambda db: do_remove_subject(db, self._people[who], self._now))

    @rule(days=st.sampled_from([0, 1, 31, 91, 200, 366]))
    def time_passes(self, days: int) -> None:
        self._now += timedelta(days=days)
        self._try(lambda db: do_due_transitions(db, self._now))
        self._try(lambda db: _assert_nothing_due(db, self._now))
        self._note_who_is_paused()

    @rule()
    def the_purpose_changes(self) -> None:
        words = Notice("face-access-9", "", "", "0" * 64, Scope.FACE_ACCESS, WORDS.processing, ("face-access-1",))
        self._try(lambda db: do_supersede(db, words, act(self._now)))

    @rule(edge=st.sampled_from(EDGES))
    def an_edge_proves(self, edge: str) -> None:
        def prove(db: Session) -> None:
            db.execute(update(ErasureRow).where(ErasureRow.edge_id == edge).values(confirmed_at=self._now))
            db.expire_all()
            do_purge_confirmed(db, edge, self._now)

        self._try(prove)

    @rule()
    def is_backed_up(self) -> None:
        with self._database.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        self._backup = Path(shutil.copyfile(self._folder / "anju.db", self._folder / "backup.db"))

    @precondition(lambda self: self._backup is not None)
    @rule()
    def the_backup_is_put_back(self) -> None:
        assert self._backup is not None
        self._database.close()
        for beside in ("-wal", "-shm"):
            (self._folder / f"anju.db{beside}").unlink(missing_ok=True)
        shutil.copyfile(self._backup, self._folder / "anju.db")
        self._open()
        self.starts_anew()
        with self._database.reading() as db:
            states = {row.id: ConsentState(row.state) for row in db.scalars(select(ConsentRow))}
        assert not [one for one in self._paused if states.get(one) is ConsentState.ACTIVE]
        self._note_who_is_paused()

    @rule()
    def starts_anew(self) -> None:
        replay_tombstones(self._database, self._journal, self._now)
        with self._database.reading() as db:
            told = {one.consent for one in self._journal.read().entries if one.does is Does.ENDS}
            standing = db.scalars(select(ConsentRow.id).where(ConsentRow.state.in_(sorted(STANDING))))
            assert told.isdisjoint(standing)

    @invariant()
    def every_template_has_a_consent_that_stands(self) -> None:
        with self._database.reading() as db:
            assert check_invariants(db) == ()
            removed = select(SubjectRow.key).where(SubjectRow.removed_at.is_not(None))
            assert db.scalars(select(SealedTemplateRow).where(SealedTemplateRow.subject.in_(removed))).all() == []

    @invariant()
    def who_ended_once_is_never_found_again(self) -> None:
        with self._database.reading() as db:
            states = {row.id: ConsentState(row.state) for row in db.scalars(select(ConsentRow))}
            self._ended |= {consent for consent, state in states.items() if state in OVER}
            for consent in self._ended & states.keys():
                assert states[consent] in OVER
            assert self._ended.isdisjoint(db.scalars(select(SealedTemplateRow.consent_id)))

    @invariant()
    def every_step_ever_taken_is_in_the_table(self) -> None:
        with self._database.reading() as db:
            for row in db.scalars(select(ConsentRow)):
                for entry in row.events:
                    before, event = ConsentState(entry["from"]), ConsentEvent(entry["event"])
                    assert TRANSITIONS[before, event] == entry["to"]
                for one, following in zip(row.events, row.events[1:], strict=False):
                    assert one["to"] == following["from"]

    def teardown(self) -> None:
        self._database.close()
        shutil.rmtree(self._folder)


def _assert_nothing_due(db: Session, now: datetime) -> None:
    assert do_due_transitions(db, now) == {}


def test_no_sequence_of_acts_crashes_and_restores_leaves_a_template_without_a_consent(
    _sqlite_template: Path,  # noqa: PT019 - the file is what is wanted of it
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Ledger, "template", _sqlite_template, raising=False)
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
