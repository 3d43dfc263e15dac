"""One estate: a core, three edges, a bus between them, the desk where people come by, and the truth beside it all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import select

from core.cases.cases import do_approve_case, do_close_case, do_request_missing_person
from core.contract.config import Door
from core.contract.events import PassageV1
from core.contract.ids import CameraId, CheckpointId, PassageId, PassId, SubjectKey, TemplateId, new_id
from core.contract.signed import QrPass
from core.contract.vocabulary import Credential, Direction, Reason, SubjectKind, Verdict
from core.lists.changes import do_ask_for_snapshot
from core.lists.erasures import do_write_off_edge, owed_by_an_earlier_box
from core.people.consent.asked import EndsLaterError, asked_for
from core.people.consent.endings import do_supersede
from core.people.consent.guardians import Guardian
from core.people.consent.ledger import (
    check_consent,
    check_withdraw,
    do_decline,
    do_grant_consent,
    do_resume,
    do_show_notice,
    do_suspend,
    do_withdraw_consent,
)
from core.people.consent.machine import ConsentEvent
from core.people.consent.transitions import Act
from core.people.consent.waiting import what_waits
from core.people.consent.words import Channel, GivenBy, GuardianEvidence, Relation, Scope, SuspendReason
from core.people.disputes import DisputeRule, do_dispute_passage, do_release_template
from core.people.edges import do_approve_edge, is_trusted
from core.people.edges import edge as find_edge
from core.people.enrolment import issue_ticket
from core.people.notices import Notice, current_notice
from core.people.subjects import do_put_subject, do_remove_subject, subject
from core.people.tombstones import NotWrittenError
from core.storage.schema import CaseRow, ConsentRow, DisputeRow, PassageRow, SubjectRow, TemplateLockRow
from models.types import Float
from tests.integration.consent.bus import Bus
from tests.integration.consent.clock import Clock
from tests.integration.consent.core_side import FACE_CHECKPOINTS, Core
from tests.integration.consent.edge_side import Anchor, Edge, face
from tests.integration.consent.model import Case, Enrolled, Model, Person
from tests.integration.consent.shelves import Shelf

EDGES = tuple(FACE_CHECKPOINTS)
DISPUTES = DisputeRule(suspend_after=1, within=timedelta(days=30))
A_MOMENT = timedelta(seconds=1)
_SMALL = {
    "core.lists.compaction.KEPT_CHANGES": 3,
    "core.lists.render.MAX_CHANGES": 3,
    "core.lists.snapshot.MAX_CHANGES": 2,
    "core.lists.relay.LONG_LOG": 8,
    "core.lists.relay.SOON": 2,
    "core.lists.steps.SOON": 2,
}
"""Sizes at which a small estate meets what a large one does: old changes forgotten, batches, snapshots in parts."""
_PARENT = Guardian(ref="file-1", relation=Relation.PARENT, evidence=GuardianEvidence.HOUSEHOLD_REGISTER)
MakeShelf = Callable[[Path], Shelf]


class House:
    """What the tests move. Edges 1 and 2 are approved and connected, edge 3 waits for somebody to approve it."""

    def __init__(self, make_shelf: MakeShelf) -> None:
        self._open = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="anju-house-"))
        self._open.callback(shutil.rmtree, self.folder)
        for name, size in _SMALL.items():
            self._open.enter_context(patch(name, size))
        self.clock, self.bus, self.model = Clock(), Bus(), Model()
        core_folder = self.folder / "core"
        core_folder.mkdir()
        self.shelf = make_shelf(core_folder)
        self._open.callback(self.shelf.close)
        self.core = Core(core_folder, self.shelf, self.clock, self.bus)
        self._open.callback(self.core.stop)
        self.edges = {one: self._new_edge(one) for one in EDGES}
        self._faces = count(1)
        self._no_room = patch("core.people.tombstones._write_all", _disk_full)
        self.journal_has_room = True
        self._open.callback(self.make_room)
        for edge in self.edges.values():
            edge.connect()
        self.deliver_all()
        for name in EDGES[:2]:
            self.approve(name)

    def _new_edge(self, name: str) -> Edge:
        edge = Edge(self.folder / name, name, self.core.public_key, self.clock, self.bus)
        self._open.callback(edge.close)
        return edge

    def close(self) -> None:
        self._open.close()

    # -- time and the bus

    def pass_time(self, time: timedelta) -> None:
        """Time goes by, and the core's upkeep with it."""
        self.clock.pass_by(time)
        self.keep_house()

    def keep_house(self) -> None:
        """While the journal can't be written nothing ends by itself."""
        upkeep_runs = self.core.upkeep_is_due
        try:
            self.core.keep_house()
        except NotWrittenError:  # as the process does: another time
            assert not self.journal_has_room
        if upkeep_runs:
            self.model.journal_was_read()
        if upkeep_runs and self.journal_has_room:
            self.model.time_passed(self.core.clock())

    def fill_disk_of_journal(self) -> None:
        """From now on no line can be added to it; the database can still be written."""
        if self.journal_has_room:
            self._no_room.start()
        self.journal_has_room = False

    def make_room(self) -> None:
        if not self.journal_has_room:
            self._no_room.stop()
        self.journal_has_room = True

    def deliver(self, position: int = 0) -> None:
        """The letter at that position arrives; one for an edge that is away stays where it is."""
        there = [at for at, one in enumerate(self.bus.waiting) if one.to_core or self.edges[one.edge].there]
        if not there:
            return
        letter = self.bus.take(there[position % len(there)])
        if letter.to_core:
            self.core.hear(letter)
        else:
            self.edges[letter.edge].hear(letter)

    def deliver_all(self) -> None:
        """Everything that can arrive, in order, answers included."""
        while any(one.to_core or self.edges[one.edge].there for one in self.bus.waiting):
            self.deliver()

    def settle(self, rounds: int = 6) -> None:
        """Core and edges talk to each other for a while, with nothing lost."""
        for _ in range(rounds):
            self.pass_time(timedelta(seconds=1))
            for edge in self.edges.values():
                if edge.there:
                    edge.send_events()
            self.core.send()
            self.deliver_all()

    # -- the core's process

    def restart_core(self) -> None:
        self.core.stop()
        self.core.start()
        self._started()

    def back_up_core(self) -> None:
        self.core.back_up()
        self._started()

    def put_core_back(self, number: int, *, journal_lost: bool) -> None:
        """An older copy of the database takes its place. What it can't know any more, nobody knows: the truth follows
        it there, but for what ended or was locked, which the journal knows (unless it was lost, and begins anew). Who
        puts it back says what time it is: the copy may be older than the core believes its clock."""
        self.clock.pass_by(A_MOMENT)
        if journal_lost:
            self.make_room()
        self.core.put_back(number, journal_lost=journal_lost)
        held = self.core.templates_held()
        with self.core.database.reading() as db:
            self.model.follow(
                {row.key: row for row in db.scalars(select(SubjectRow))},
                {row.id: row for row in db.scalars(select(ConsentRow))},
                {row.id: row for row in db.scalars(select(CaseRow))},
                set(db.scalars(select(TemplateLockRow.template_id))),
                held,
                journal_lost=journal_lost,
            )
            self.model.wait_for_journal({(one.consent, one.subject) for one in what_waits(db, 1000)})
        self.core.confirm_clock()
        self._started()

    def _started(self) -> None:
        for edge in self.edges.values():
            if edge.there:
                edge.connect()  # its availability is retained; what it said meanwhile may be lost
        self.keep_house()

    # -- edges

    def send_whole(self, name: str) -> None:
        """The edge is to get its list whole, as when it asks for it: rows on its disk are damaged."""
        with self.core.database.writing() as db:
            do_ask_for_snapshot(find_edge(db, name, lock=True))

    def put_edge_back(self, name: str, number: int, anchor: Anchor) -> None:
        """An older copy of its lists takes their place, which takes a moment."""
        self.clock.pass_by(A_MOMENT)
        self.edges[name].put_back(number, anchor)

    def lose_lists(self, name: str, *, anchor_too: bool) -> None:
        self.clock.pass_by(A_MOMENT)
        self.edges[name].lose_lists(anchor_too=anchor_too)

    def approve(self, name: str) -> None:
        """Somebody compares the fingerprint on the edge's own screen with the one the core shows."""
        edge = self.edges[name]
        edge.tell_state()
        self.core.hear(self.bus.take(-1))
        with self.core.database.writing() as db:
            do_approve_edge(db, name, edge.fingerprint, self.clock())

    def write_off_earlier_box(self, name: str) -> None:
        """Somebody says that the box whose keys are gone is destroyed, if it owes anything."""
        with self.core.database.writing() as db:
            row = find_edge(db, name, lock=True)
            if owed_by_an_earlier_box(db, row):
                do_write_off_edge(db, row, by="manager", reason="its disk was shredded", now=self.clock())

    # -- people

    def add_person(
        self, checkpoints: Sequence[str], *, valid_for: timedelta | None = None, born: date | None = None
    ) -> str:
        """A resident; with ``valid_for`` a visitor; with ``born`` a child."""
        key, now = new_id(), self.clock()
        until = None if valid_for is None else now + valid_for
        self._put(key, checkpoints, born=born, valid_until=until)
        turns_14_on = None if born is None else born.replace(year=born.year + 14)
        self.model.people[key] = Person(key, tuple(checkpoints), until, turns_14_on)
        return key

    def move(self, person: str, checkpoints: Sequence[str]) -> None:
        """From now on they pass elsewhere."""
        one = self.model.people[person]
        self._put(person, checkpoints, valid_until=one.valid_until)
        one.checkpoints = tuple(checkpoints)

    def _put(self, key: str, checkpoints: Sequence[str], **more: object) -> None:
        fields = {"valid_until": None, "born": None} | more
        kind = SubjectKind.RESIDENT if fields["valid_until"] is None else SubjectKind.VISITOR
        now = self.clock()
        with self.core.database.writing() as db:
            do_put_subject(
                db,
                key,
                name="王小明",
                kind=kind,
                checkpoints=checkpoints,
                valid_from=self.clock.begin,
                now=now,
                **fields,  # type: ignore[arg-type]
            )

    def remove(self, person: str) -> None:
        try:
            with asked_for(self.core.database) as db:
                do_remove_subject(db, person, self.clock())
        except EndsLaterError:
            assert not self.journal_has_room
            self.model.leaves_later(person, self.clock())
        else:
            self.model.removed(person)

    # -- consents

    def offer(self, person: str) -> str:
        """The notice is shown."""
        now = self.clock()
        with self.core.database.writing() as db:
            row = do_show_notice(db, subject(db, person), self._notice(person), _at_desk(self))
        self.model.offered(row.id, person, now)
        return row.id

    def decline(self, consent: str) -> None:
        with self.core.database.writing() as db:
            do_decline(db, check_consent(db, consent, ConsentEvent.DECLINE), _at_desk(self))
        self.model.declined(consent)

    def grant(self, person: str) -> str:
        """The whole visit: shown, read, agreed; by whoever may agree for this person."""
        now, one = self.clock(), self.model.people[person]
        by_guardian = one.case is not None or self.model.is_child(one, now)
        until = None if one.case is None else self.model.cases[one.case].ends_at
        with self.core.database.writing() as db:
            row = do_grant_consent(
                db,
                subject(db, person),
                self._notice(person),
                channel=Channel.DESK,
                given_by=GivenBy.GUARDIAN if by_guardian else GivenBy.SELF,
                guardian=_PARENT if by_guardian else None,
                now=now,
                expires_at=until,
                reopened=True,
            )
        if row.id not in self.model.consents:
            self.model.offered(row.id, person, now)
        self.model.granted(row.id, now, by_guardian=by_guardian, at_most=until)
        return row.id

    def withdraw(self, consent: str) -> None:
        try:
            with asked_for(self.core.database) as db:
                do_withdraw_consent(db, check_withdraw(db, consent), "desk", self.clock())
        except EndsLaterError:
            assert not self.journal_has_room
            self.model.ends_later(consent, self.clock())
        else:
            self.model.ended(consent)

    def suspend(self, consent: str) -> None:
        with self.core.database.writing() as db:
            row = check_consent(db, consent, ConsentEvent.SUSPEND)
            do_suspend(db, row, SuspendReason.SUBJECT_ASKED, _at_desk(self))
        self.model.suspended(consent, self.clock(), written=self.journal_has_room)

    def resume(self, consent: str) -> None:
        with self.core.database.writing() as db:
            do_resume(db, check_consent(db, consent, ConsentEvent.RESUME), _at_desk(self))
        self.model.resumed(consent, self.clock(), written=self.journal_has_room)

    def supersede(self, notice: Notice) -> None:
        """Words that say something else take the place of those everybody agreed to."""
        with self.core.database.writing() as db:
            do_supersede(db, notice, Act(self.clock()))
        self.model.superseded(lambda person: person.case is None)

    def _notice(self, person: str) -> Notice:
        sought = self.model.people[person].case is not None
        return current_notice(Scope.FACE_MISSING_PERSON if sought else Scope.FACE_ACCESS)

    # -- enrolment and recognition

    def ticket(self, person: str, edge: str) -> str:
        """Leave to enrol. Raises what the core raises."""
        with self.core.database.writing() as db:
            return issue_ticket(db, person, edge, self.core.signing_key, self.clock())

    def enrol(self, ticket: str, person: str, consent: str, edge: str) -> Enrolled:
        """A portrait is made at the edge; the template waits in its outbox."""
        number = next(self._faces)
        made = self.edges[edge].enroller.enrol(ticket, str(number).encode())
        template = Enrolled(made.template_id, consent, person, face(number))
        self.model.templates[template.id] = template
        return template

    def enrolled(self, person: str, edge: str = "edge-1") -> Enrolled:
        """Somebody with a consent gets a ticket and is enrolled at ``edge`` there and then."""
        consent = self.model.standing(person)
        assert consent is not None
        return self.enrol(self.ticket(person, edge), person, consent.id, edge)

    def live_here(self, checkpoints: Sequence[str]) -> Enrolled:
        """A resident who consents and is enrolled at an edge of theirs; nobody has told the edges yet."""
        person = self.add_person(checkpoints)
        self.grant(person)
        trusted = [one for one in EDGES if is_trusted(self.core.edge_row(one))]
        here = [one for one in trusted if set(FACE_CHECKPOINTS[one]) & set(checkpoints)]
        if not here:  # only where no edge is approved
            self.approve("edge-1")
            self.move(person, ["gate"])
        return self.enrolled(person, (here or ["edge-1"])[0])

    def passes(self, template: Enrolled, edge: str) -> str:
        """The edge reports a passage in which this template matched; its id."""
        passage, checkpoint = PassageId(new_id()), FACE_CHECKPOINTS[edge][0]
        self.edges[edge].put_in_outbox(
            PassageV1(
                passage_id=passage,
                checkpoint=CheckpointId(checkpoint),
                camera=CameraId(f"cam-{checkpoint}"),
                occurred_at=self.clock(),
                direction=Direction.IN,
                credential=Credential.FACE,
                verdict=Verdict.ADMIT,
                reason=Reason.LISTED,
                passed=True,
                subject=SubjectKey(template.person),
                template_id=TemplateId(template.id),
                gate_opened=True,
            )
        )
        return passage

    def shows_pass(self, holder: str, vector: Float) -> PassageV1:
        """Somebody with this face holds up a pass of ``holder`` at the door; what edge-1 tells of it."""
        door = self.core.loaded.config.checkpoint(CheckpointId("door"))
        assert isinstance(door, Door)
        qr = QrPass(PassId(new_id()), SubjectKey(holder), self.clock(), self.clock() + timedelta(hours=1))
        return self.edges["edge-1"].sees_pass(door, qr, vector)

    def undisputed(self) -> list[PassageRow]:
        """Passages a guard could still object to."""
        disputed = select(DisputeRow.passage_id)
        with self.core.database.reading() as db:
            rows = db.scalars(select(PassageRow).where(PassageRow.id.not_in(disputed)).order_by(PassageRow.id)).all()
        held = self.core.templates_held()
        return [one for one in rows if one.template_id in held and one.template_id not in self.model.disputed]

    def dispute(self, passage: PassageRow) -> None:
        """A guard says: that was somebody else. Once is enough here to lock the template."""
        with self.core.database.writing() as db:
            do_dispute_passage(db, passage.id, "guard", DISPUTES, self.clock())
        assert passage.template_id is not None
        self.model.disputes(passage.template_id, written=self.journal_has_room)

    def release(self, template: str) -> None:
        with self.core.database.writing() as db:
            do_release_template(db, template, self.clock())
        self.model.disputed.discard(template)

    # -- somebody is missing

    def request_case(self, checkpoints: Sequence[str], time: timedelta) -> str:
        """Their family asks for them to be looked for; the person's key."""
        now = self.clock()
        with self.core.database.writing() as db:
            row = do_request_missing_person(
                db,
                new_id(),
                name="王奶奶",
                reason="left home yesterday",
                checkpoints=checkpoints,
                expires_at=now + time,
                requested_by="desk",
                now=now,
            )
        assert row.subject is not None
        self.model.people[row.subject] = Person(row.subject, tuple(checkpoints), row.expires_at, case=row.id)
        self.model.cases[row.id] = Case(row.id, row.subject, row.expires_at)
        return row.subject

    def approve_case(self, case: str) -> None:
        for account in ("manager", "owner"):
            with self.core.database.writing() as db:
                do_approve_case(db, case, account, self.clock())
        self.model.cases[case].is_open = True

    def close_case(self, case: str) -> None:
        try:
            with asked_for(self.core.database) as db:
                do_close_case(db, case, "desk", self.clock())
        except EndsLaterError:
            assert not self.journal_has_room
            self.model.leaves_later(self.model.cases[case].person, self.clock())
        else:
            self.model.case_over(case)


def _disk_full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _at_desk(house: House) -> Act:
    return Act(house.clock(), by="desk", channel=Channel.DESK)
