"""The truth, in dictionaries: who agreed to what and until when, written down apart from the ledger that is tested.

It knows nothing of edges, numbers, files or messages. Periods are those the notices promise (docs of the ledger):
an offer 30 days, an adult's consent 365, a child's 183, locked at most 30, a search at most 90.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from core.storage.schema import CaseRow, ConsentRow, SubjectRow
from models.types import Float

DAY = timedelta(days=1)
CHINA = timedelta(hours=8)


class State(StrEnum):
    OFFERED = "offered"
    DECLINED = "declined"
    LAPSED = "lapsed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DUE_AGAIN = "due_again"
    OVER = "over"


STANDING = frozenset({State.ACTIVE, State.SUSPENDED, State.DUE_AGAIN})
LOCKED = STANDING - {State.ACTIVE}
LEDGER_STATES: Mapping[str, State] = {
    "noticed": State.OFFERED,
    "declined": State.DECLINED,
    "none": State.LAPSED,
    "active": State.ACTIVE,
    "suspended": State.SUSPENDED,
    "reconsent_due": State.DUE_AGAIN,
    "withdrawn": State.OVER,
    "expired": State.OVER,
    "superseded": State.OVER,
    "purged": State.OVER,
}
"""What the ledger's words mean here."""


@dataclass
class Person:
    """case: of a missing person, who is nobody else; unknown: the core has no record of them (any more)."""

    key: str
    checkpoints: tuple[str, ...]
    valid_until: datetime | None = None
    turns_14_on: date | None = None
    removed: bool = False
    unknown: bool = False
    case: str | None = None

    @property
    def is_there(self) -> bool:
        return not self.removed and not self.unknown


@dataclass
class Consent:
    """deadline: when a state that waits for somebody ends; ends_at: when an active one does.

    ended: it did, whatever became of the core's files since; revived: so it did, but nothing the core was left with
    says so (database restored, journal lost); unknown: the core has no record of it (any more).
    """

    id: str
    person: str
    state: State
    deadline: datetime | None = None
    ends_at: datetime | None = None
    by_guardian: bool = False
    ended: bool = False
    revived: bool = False
    unknown: bool = False


@dataclass
class Case:
    id: str
    person: str
    ends_at: datetime
    is_open: bool = False
    is_over: bool = False


@dataclass(frozen=True)
class Enrolled:
    """A template as it was made. vector: no two templates share one, so that whoever is found tells which was."""

    id: str
    consent: str
    person: str
    vector: Float = field(repr=False)


class Model:
    """What happened to people. Every method is something that happened; none refuses."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.consents: dict[str, Consent] = {}
        self.cases: dict[str, Case] = {}
        self.templates: dict[str, Enrolled] = {}
        self.disputed: set[str] = set()
        self.doomed: set[str] = set()
        """Consents whose end stands in the journal, though its transaction failed: it follows with the next upkeep."""
        self.doomed_to_pause: dict[str, datetime] = {}
        """The same for suspensions, with the time when they were asked for."""
        self.ending: set[str] = set()
        self.leaving: set[str] = set()
        """Consents and people that are to end or to go as soon as the journal can be written."""
        self.unwritten: set[str] = set()
        """Consents and templates that were locked, and no line says so yet."""

    def searchable(self, template: Enrolled) -> bool:
        """Whether anybody may be found by this template."""
        consent, person = self.consents[template.consent], self.people[template.person]
        if consent.state is not State.ACTIVE or not person.is_there or template.id in self.disputed:
            return False
        return person.case is None or self.cases[person.case].is_open

    def end_of(self, template: Enrolled) -> datetime | None:
        """When nobody may be found by this template any more, whatever the core's clock shows."""
        consent, person = self.consents[template.consent], self.people[template.person]
        return min((one for one in (consent.ends_at, person.valid_until) if one is not None), default=None)

    def standing(self, person: str) -> Consent | None:
        return next((one for one in self.consents_of(person) if one.state in STANDING), None)

    def newest(self, person: str) -> Consent | None:
        return max(self.consents_of(person), key=lambda one: one.id, default=None)

    def consents_of(self, person: str) -> list[Consent]:
        return [one for one in self.consents.values() if one.person == person]

    # -- what people do

    def offered(self, consent: str, person: str, now: datetime) -> None:
        for before in self.consents_of(person):
            if before.state is State.OFFERED and before.id != consent:
                before.state = State.LAPSED
        self.consents[consent] = Consent(consent, person, State.OFFERED, deadline=now + 30 * DAY)

    def granted(
        self, consent: str, now: datetime, *, by_guardian: bool = False, at_most: datetime | None = None
    ) -> None:
        one = self.consents[consent]
        person = self.people[one.person]
        longest = 90 * DAY if person.case else 183 * DAY if self.is_child(person, now) else 365 * DAY
        one.state, one.deadline, one.by_guardian = State.ACTIVE, None, by_guardian
        one.ends_at = min(now + longest, at_most or now + longest)

    def declined(self, consent: str) -> None:
        self.consents[consent].state = State.DECLINED
        self.consents[consent].deadline = None

    def suspended(self, consent: str, now: datetime, *, written: bool = True) -> None:
        self.consents[consent].state, self.consents[consent].deadline = State.SUSPENDED, now + 30 * DAY
        if not written:
            self.unwritten.add(consent)

    def disputes(self, template: str, *, written: bool) -> None:
        self.disputed.add(template)
        if not written:
            self.unwritten.add(template)

    def ends_later(self, consent: str, now: datetime) -> None:
        """Taken back while nothing can be written down: nobody is found by it any more, and the rest follows."""
        self.ending.add(consent)
        if self.consents[consent].state is State.ACTIVE:
            self.suspended(consent, now, written=False)

    def leaves_later(self, person: str, now: datetime) -> None:
        self.leaving.add(person)
        for one in self.consents_of(person):
            if one.state in STANDING:
                self.ends_later(one.id, now)

    def wait_for_journal(self, waiting: set[tuple[str | None, str]]) -> None:
        """(consent or None, person) that the core still remembers."""
        self.ending = {consent for consent, _ in waiting if consent is not None}
        self.leaving = {person for consent, person in waiting if consent is None}

    def resumed(self, consent: str, now: datetime, *, written: bool = True) -> None:
        """Of somebody who turned 14 meanwhile it was a guardian's word: they are asked themselves."""
        one = self.consents[consent]
        one.state, one.deadline = State.ACTIVE, None
        person = self.people[one.person]
        if one.by_guardian and person.case is None and not self.is_child(person, now):
            one.state, one.deadline = State.DUE_AGAIN, now + 30 * DAY
            if not written:
                self.unwritten.add(consent)

    def ended(self, consent: str) -> None:
        one = self.consents[consent]
        one.state, one.ended, one.revived = State.OVER, True, False
        self.disputed -= {one.id for one in self.templates.values() if one.consent == consent}

    def removed(self, person: str) -> None:
        self.people[person].removed = True
        for one in self.consents_of(person):
            if one.state in STANDING:
                self.ended(one.id)
            elif one.state is State.OFFERED:
                one.state = State.LAPSED

    def superseded(self, concerns: Callable[[Person], bool]) -> None:
        for one in self.consents.values():
            if not concerns(self.people[one.person]):
                continue
            if one.state in STANDING:
                self.ended(one.id)
            elif one.state is State.OFFERED:
                one.state = State.LAPSED

    def case_over(self, case: str) -> None:
        self.cases[case].is_over, self.cases[case].is_open = True, False
        self.removed(self.cases[case].person)

    # -- what a core that came back from a backup can't know any more

    def follow(
        self,
        people: Mapping[str, SubjectRow],
        consents: Mapping[str, ConsentRow],
        cases: Mapping[str, CaseRow],
        disputed: set[str],
        held: Collection[str],
        *,
        journal_lost: bool,
    ) -> None:
        """What was entered since the backup never was; what ended stays ended, and what was locked stays locked, unless
        the journal was lost. held: templates that are still there."""
        for person in self.people.values():
            self._follow_person(person, people.get(person.key), journal_lost=journal_lost)
        for consent in self.consents.values():
            self._follow_consent(consent, consents.get(consent.id), journal_lost=journal_lost)
        for case in self.cases.values():
            found = cases.get(case.id)
            assert found is None or journal_lost or not case.is_over or found.state in {"closed", "expired"}, (
                "a case that ended is back"
            )
            case.is_open = found is not None and found.state == "open"
            case.is_over = found is None or found.state in {"closed", "expired"}
        lost = set() if journal_lost else (self.disputed & set(held)) - disputed - self.unwritten
        assert not lost, "a template that was locked is searched again"
        self.disputed = disputed
        self.doomed.clear()
        self.doomed_to_pause.clear()

    def _follow_person(self, person: Person, row: SubjectRow | None, *, journal_lost: bool) -> None:
        person.unknown = row is None
        if row is None:
            return
        assert row.removed_at is not None or journal_lost or not person.removed, "somebody who was removed is back"
        person.removed = row.removed_at is not None
        person.checkpoints, person.valid_until = tuple(row.checkpoints), row.valid_until
        person.turns_14_on = row.turns_14_on

    def _follow_consent(self, one: Consent, row: ConsentRow | None, *, journal_lost: bool) -> None:
        one.unknown = row is None
        if row is None:
            one.state = State.OVER
            return
        restored = LEDGER_STATES[row.state]
        assert restored is not State.OVER or one.ended or one.revived or one.id in self.doomed, (
            "it stood, and has ended"
        )
        kept = journal_lost or one.id in self.unwritten
        assert one.state not in LOCKED or kept or restored is not State.ACTIVE, "a consent that was locked is not"
        assert one.id not in self.doomed_to_pause or kept or restored is not State.ACTIVE, "its pause is forgotten"
        if one.ended and journal_lost:
            one.revived = restored is not State.OVER
        assert not one.ended or one.revived or restored not in STANDING, "a consent that ended is back"
        one.state, one.ended = restored, restored is State.OVER
        one.deadline, one.ends_at, one.by_guardian = row.deadline_at, row.expires_at, row.given_by == "guardian"

    # -- what time does

    def journal_was_read(self) -> None:
        """What stands there and failed is made up for."""
        for consent in self.doomed:
            if self.consents[consent].state in STANDING:
                self.ended(consent)
        self.doomed.clear()
        for consent, since in self.doomed_to_pause.items():
            if self.consents[consent].state is State.ACTIVE:
                self.suspended(consent, since)
        self.doomed_to_pause.clear()

    def time_passed(self, now: datetime) -> None:
        """Whatever is due at ``now``: one step for each consent, however long ago it fell due."""
        self._what_waited_follows()
        for one in self.consents.values():
            self._one_step(one, now)
        for case in self.cases.values():
            if not case.is_over and case.ends_at <= now:
                self.case_over(case.id)

    def _what_waited_follows(self) -> None:
        for consent in self.ending:
            if self.consents[consent].state in STANDING:
                self.ended(consent)
        for person in self.leaving:
            self.removed(person)
            case = self.people[person].case
            if case is not None:
                self.case_over(case)
        self.wait_for_journal(set())
        self.unwritten.clear()

    def _one_step(self, one: Consent, now: datetime) -> None:
        person = self.people[one.person]
        left = person.valid_until is not None and person.valid_until <= now
        late = one.deadline is not None and one.deadline <= now
        past_end = left or (one.ends_at is not None and one.ends_at <= now)
        if one.state is State.OFFERED and late:
            one.state, one.deadline = State.LAPSED, None
        elif (
            (one.state is State.SUSPENDED and (late or past_end))
            or (one.state is State.DUE_AGAIN and (late or left))
            or (one.state is State.ACTIVE and past_end)
        ):
            self.ended(one.id)
        elif one.state is State.ACTIVE and one.by_guardian and person.case is None and not self.is_child(person, now):
            one.state, one.deadline = State.DUE_AGAIN, now + 30 * DAY

    @staticmethod
    def is_child(person: Person, now: datetime) -> bool:
        return person.turns_14_on is not None and (now + CHINA).date() < person.turns_14_on
