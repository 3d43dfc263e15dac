"""Anything that can happen to an estate, in any order, with a witness who looks after every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

import pytest
from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.errors import CoreError
from core.people.notices import notice
from core.storage.schema import PassageRow
from edge.enrol.refusals import EnrolmentRefusedError
from tests.integration.consent.bus import Letter
from tests.integration.consent.core_side import SOUGHT_AT, CommitFailedError
from tests.integration.consent.edge_side import Anchor
from tests.integration.consent.house import EDGES, House, MakeShelf
from tests.integration.consent.model import DAY, Consent, Person, State
from tests.integration.consent.witness import Witness, settle_fully

T = TypeVar("T")
MOST_PEOPLE = 4
MOST_TEMPLATES = 14
CHECKPOINTS = ("gate", "back", "annex", "door")
any_of = st.integers(0, 99)
"""Which one of those there are, modulo their number: stays meaningful while an example is made smaller."""
edges = st.sampled_from(EDGES)
places = st.lists(st.sampled_from(CHECKPOINTS), min_size=1, max_size=4, unique=True)
NEW_WORDS = replace(notice(), version="face-access-9", supersedes=("face-access-3",))


class Mishap(StrEnum):
    RESTART = "restart"
    CRASH = "crash"
    LISTS_LOST = "lists lost"
    LISTS_AND_ANCHOR_LOST = "lists and anchor lost"
    KEYS_LOST = "keys lost"


def pick(which: int, among: Sequence[T]) -> T:
    return among[which % len(among)]


class Estate(RuleBasedStateMachine):
    """See the rules. make_shelf: where the core's database lies; set before the machine runs."""

    make_shelf: MakeShelf

    def __init__(self) -> None:
        super().__init__()
        self.house = House(type(self).make_shelf)
        self.witness = Witness(self.house)
        self.tickets: list[tuple[str, str, str, str]] = []
        """Text, person, consent, edge."""

    def teardown(self) -> None:
        try:
            self._all_is_well_in_the_end()
        finally:
            self.house.close()

    def _all_is_well_in_the_end(self) -> None:
        self.house.make_room()
        complaints = settle_fully(self.house, self.witness)
        assert not complaints, complaints
        assert self.witness.vectors_in_files() == []

    @invariant()
    def nothing_is_wrong(self) -> None:
        self.witness.look()

    @initialize(first=places, second=places, annex=st.booleans())
    def two_people_live_here(self, first: list[str], second: list[str], annex: bool) -> None:
        if annex:
            self.house.approve("edge-3")
        for where in (first, second):
            self.house.live_here(where)
        self.house.settle()

    # -- whom and what a rule may choose

    def _people(self, fits: Callable[[Person], bool] = lambda _: True) -> list[Person]:
        people = self.house.model.people.values()
        leaving = self.house.model.leaving
        return [one for one in people if one.is_there and one.key not in leaving and fits(one)]

    def _consents(self, *states: State) -> list[Consent]:
        there = self.house.model
        return [
            one
            for one in there.consents.values()
            if one.state in states and there.people[one.person].is_there and one.id not in self._decided()
        ]

    def _decided(self) -> set[str]:
        """Consents whose next state stands already, though they are not in it yet."""
        there = self.house.model
        leaving = {one.id for person in there.leaving for one in there.consents_of(person)}
        return there.doomed | there.doomed_to_pause.keys() | there.ending | leaving

    def _ready(self) -> list[Consent]:
        """Consents on which somebody could be enrolled."""
        return self._consents(State.ACTIVE)

    # -- the desk

    @precondition(lambda self: len(self._people()) < MOST_PEOPLE)
    @rule(where=places, who=st.sampled_from(["resident", "visitor", "child"]), days=st.sampled_from([1, 20, 150, 900]))
    def somebody_comes_and_consents(self, where: list[str], who: str, days: int) -> None:
        """A visitor stays so many days; a child turns 14 in so many, and a guardian consents."""
        house = self.house
        match who:
            case "visitor":
                house.grant(house.add_person(where, valid_for=days * DAY))
            case "child":
                day = (house.clock() + days * DAY).date()
                born = day.replace(year=day.year - 14, day=min(day.day, 28))
                house.grant(house.add_person(where, born=born))
            case _:
                house.grant(house.add_person(where))

    @precondition(lambda self: len(self._people()) < MOST_PEOPLE)
    @rule(where=places)
    def somebody_moves_in_and_is_enrolled(self, where: list[str]) -> None:
        self.house.live_here(where)

    @precondition(lambda self: self._people())
    @rule(which=any_of, says=st.sampled_from(["nothing", "no", "yes"]))
    def somebody_is_asked(self, which: int, says: str) -> None:
        model = self.house.model
        may = self._people(lambda one: one.case is None and model.standing(one.key) is None)
        may = [one for one in may if (newest := model.newest(one.key)) is None or newest.state is not State.DECLINED]
        if not may:
            return
        person = pick(which, may).key
        offered = self.house.offer(person)
        if says == "no":
            self.house.decline(offered)
        if says == "yes":
            self.house.grant(person)

    @precondition(lambda self: self._consents(State.DECLINED, State.DUE_AGAIN, State.LAPSED))
    @rule(which=any_of)
    def somebody_agrees_after_all(self, which: int) -> None:
        """Who declined comes back by themselves; who turned 14 is asked anew."""
        model = self.house.model
        open_ones = self._consents(State.DECLINED, State.DUE_AGAIN, State.LAPSED)
        people = sorted({one.person for one in open_ones})
        newest = [one for person in people if (one := model.newest(person)) is not None]
        may = [one for one in newest if one in open_ones and model.people[one.person].case is None]
        if may:
            self.house.grant(pick(which, may).person)

    @precondition(lambda self: self._consents(State.ACTIVE, State.SUSPENDED, State.DUE_AGAIN))
    @rule(which=any_of)
    def somebody_withdraws(self, which: int) -> None:
        self.house.withdraw(pick(which, self._consents(State.ACTIVE, State.SUSPENDED, State.DUE_AGAIN)).id)

    @precondition(lambda self: self._consents(State.ACTIVE, State.SUSPENDED) and self.house.journal_has_room)
    @rule(which=any_of, pauses=st.booleans())
    def a_commit_fails(self, which: int, pauses: bool) -> None:
        """After the journal was written: what was asked for happens nevertheless, within a minute."""
        consent = pick(which, self._consents(State.ACTIVE, State.SUSPENDED))
        pauses = pauses and consent.state is State.ACTIVE
        with self.house.core.failing_commits(), pytest.raises(CommitFailedError):
            (self.house.suspend if pauses else self.house.withdraw)(consent.id)
        if pauses:
            self.house.model.doomed_to_pause[consent.id] = self.house.clock()
        else:
            self.house.model.doomed.add(consent.id)

    @rule(is_full=st.booleans())
    def the_journals_disk_is_full_or_has_room_again(self, is_full: bool) -> None:
        (self.house.fill_disk_of_journal if is_full else self.house.make_room)()

    @precondition(lambda self: self._consents(State.ACTIVE, State.SUSPENDED))
    @rule(which=any_of)
    def somebody_suspends_or_resumes(self, which: int) -> None:
        consent = pick(which, self._consents(State.ACTIVE, State.SUSPENDED))
        (self.house.suspend if consent.state is State.ACTIVE else self.house.resume)(consent.id)

    @precondition(lambda self: self._consents(State.ACTIVE) and self.house.journal_has_room)
    @rule()
    def other_words_take_the_place_of_these(self) -> None:
        self.house.supersede(NEW_WORDS)

    @precondition(lambda self: self._people(lambda one: one.case is None))
    @rule(which=any_of)
    def somebody_leaves(self, which: int) -> None:
        self.house.remove(pick(which, self._people(lambda one: one.case is None)).key)

    @precondition(lambda self: self._people(lambda one: one.case is None))
    @rule(which=any_of, where=places)
    def somebody_passes_elsewhere(self, which: int, where: list[str]) -> None:
        now = self.house.clock()
        may = self._people(lambda one: one.case is None and (one.valid_until is None or one.valid_until > now))
        if may:
            self.house.move(pick(which, may).key, where)

    # -- enrolment and disputes

    @precondition(lambda self: self._ready() and len(self.house.model.templates) < MOST_TEMPLATES)
    @rule(which=any_of, edge=edges, at_once=st.booleans())
    def a_ticket_is_issued(self, which: int, edge: str, at_once: bool) -> None:
        consent = pick(which, self._ready())
        try:
            ticket = self.house.ticket(consent.person, edge)
        except CoreError:
            return  # this edge is not trusted, or none is where they pass
        self.tickets.append((ticket, consent.person, consent.id, edge))
        if at_once:
            self.house.enrol(*self.tickets.pop())

    @precondition(lambda self: self.tickets)
    @rule(which=any_of)
    def a_ticket_is_used(self, which: int) -> None:
        """Perhaps too late, perhaps after its consent ended: the edge can't know."""
        ticket = pick(which, self.tickets)
        self.tickets.remove(ticket)
        try:
            self.house.enrol(*ticket)
        except EnrolmentRefusedError:
            event("a ticket was too old")

    @precondition(lambda self: self.house.model.templates)
    @rule(which=any_of, edge=edges)
    def somebody_passes(self, which: int, edge: str) -> None:
        template = pick(which, list(self.house.model.templates.values()))
        if self.house.edges[edge].finds(template.person, template.vector) is not None:
            event("somebody was recognised")
            self.house.passes(template, edge)

    @precondition(lambda self: self.house.undisputed() or self.house.model.disputed)
    @rule(which=any_of)
    def a_guard_says_it_was_somebody_else_or_a_template_is_found_good(self, which: int) -> None:
        if self.house.model.disputed and self.house.journal_has_room:
            self.house.release(pick(which, sorted(self.house.model.disputed)))
        elif self.house.undisputed():
            self.house.dispute(pick(which, self.house.undisputed()))

    # -- somebody is missing

    @precondition(lambda self: len(self._people()) < MOST_PEOPLE)
    @rule(where=st.sampled_from([SOUGHT_AT, SOUGHT_AT[:1]]), days=st.sampled_from([1, 30]))
    def somebody_is_missing(self, where: Sequence[str], days: int) -> None:
        self.house.grant(self.house.request_case(where, days * DAY))

    @precondition(lambda self: self._cases(is_open=False))
    @rule(which=any_of)
    def two_people_approve_the_search(self, which: int) -> None:
        self.house.approve_case(pick(which, self._cases(is_open=False)))

    @precondition(lambda self: self._cases(is_open=True) or self._cases(is_open=False))
    @rule(which=any_of)
    def they_are_found_again(self, which: int) -> None:
        self.house.close_case(pick(which, self._cases(is_open=True) + self._cases(is_open=False)))

    def _cases(self, *, is_open: bool) -> list[str]:
        model = self.house.model
        return [
            one.id
            for one in model.cases.values()
            if one.is_open is is_open and not one.is_over and model.people[one.person].is_there
            if one.person not in model.leaving
        ]

    # -- messages

    @rule()
    def the_core_sends(self) -> None:
        self.house.core.send()

    @rule(edge=edges)
    def an_edge_sends_its_events(self, edge: str) -> None:
        if self.house.edges[edge].there:
            self.house.edges[edge].send_events()

    @precondition(lambda self: self.house.bus.waiting)
    @rule(position=any_of)
    def a_message_arrives_before_its_turn(self, position: int) -> None:
        self.house.deliver(position)

    @precondition(lambda self: self.house.bus.waiting)
    @rule(number=st.integers(1, 8))
    def messages_arrive(self, number: int) -> None:
        for _ in range(number):
            self.house.deliver()

    @rule()
    def all_is_said_and_heard(self) -> None:
        self.house.settle()

    @precondition(lambda self: self.house.bus.waiting)
    @rule(position=any_of, lost=st.booleans())
    def a_message_is_lost_or_repeated(self, position: int, lost: bool) -> None:
        (self.house.bus.lose if lost else self.house.bus.repeat)(position)

    @rule(positions=st.lists(st.integers(0, 400), min_size=1, max_size=6))
    def old_messages_are_replayed(self, positions: list[int]) -> None:
        """From any time, in any order, at once."""
        for position in positions:
            self.house.bus.replay(position)
            self.house.deliver(-1)

    # -- time

    @rule(seconds=st.sampled_from([1, 3, 11, 31, 61, 601]))
    def a_moment_passes(self, seconds: int) -> None:
        self.house.pass_time(timedelta(seconds=seconds))

    @rule(time=st.sampled_from([timedelta(hours=1), timedelta(hours=12), timedelta(hours=25), 31 * DAY, 200 * DAY]))
    def much_time_passes(self, time: timedelta) -> None:
        self.house.pass_time(time)

    @rule(
        wrong_by=st.sampled_from([3 * 365 * DAY, 100 * DAY, -3 * 365 * DAY]),
        restarts=st.booleans(),
        time=st.sampled_from([timedelta(minutes=2), timedelta(hours=1), timedelta(hours=30)]),
    )
    def the_cores_clock_is_wrong_for_a_while(self, wrong_by: timedelta, restarts: bool, time: timedelta) -> None:
        house = self.house
        house.core.wall.wrong_by = wrong_by
        if restarts:
            house.restart_core()
        house.settle()
        self.witness.look()
        house.pass_time(time)
        self.witness.look()
        house.core.wall.wrong_by = timedelta()
        house.pass_time(timedelta(minutes=2))
        assert house.core.clock.doubt is None

    # -- edges

    @rule(edge=edges)
    def an_edge_goes_away_or_comes_back(self, edge: str) -> None:
        if self.house.edges[edge].there:
            self.house.edges[edge].go_away()
        else:
            self.house.edges[edge].connect()

    @rule(edge=edges)
    def somebody_approves_an_edge(self, edge: str) -> None:
        self.house.approve(edge)

    @rule(edge=edges, what=st.sampled_from(Mishap), comes_back=st.booleans())
    def a_mishap_befalls_an_edge(self, edge: str, what: Mishap, comes_back: bool) -> None:
        one = self.house.edges[edge]
        match what:
            case Mishap.RESTART:
                one.restart()
            case Mishap.CRASH:
                one.crash()
            case Mishap.LISTS_LOST:
                self.house.lose_lists(edge, anchor_too=False)
            case Mishap.LISTS_AND_ANCHOR_LOST:
                self.house.lose_lists(edge, anchor_too=True)
            case Mishap.KEYS_LOST:
                one.make_new_keys()
        if comes_back:
            one.connect()

    @precondition(lambda self: self._for_edges())
    @rule(position=any_of, statement=st.integers(1, 60))
    def an_edge_is_killed_while_it_applies_what_it_hears(self, position: int, statement: int) -> None:
        letter = pick(position, self._for_edges())
        self.house.bus.waiting.remove(letter)
        edge = self.house.edges[letter.edge]
        event("killed in the middle" if edge.dies_hearing(letter, statement) else "lived, and was not heard")
        edge.connect()

    @precondition(lambda self: self._for_edges())
    @rule(position=any_of)
    def an_edge_has_no_room_for_what_it_hears(self, position: int) -> None:
        letter = pick(position, self._for_edges())
        self.house.bus.waiting.remove(letter)
        edge = self.house.edges[letter.edge]
        with edge.full_disk():
            edge.hear(letter)

    def _for_edges(self) -> list[Letter]:
        """Letters about lists, to edges that are there."""
        waiting = self.house.bus.waiting
        return [
            one for one in waiting if "/list/" in one.topic and not one.to_core and self.house.edges[one.edge].there
        ]

    @rule(edge=edges, sends=st.integers(0, 3))
    def an_edge_is_sent_its_list_whole(self, edge: str, sends: int) -> None:
        """Some of its parts at least; whatever happens next comes in between."""
        self.house.send_whole(edge)
        for _ in range(sends):
            self.house.core.send()

    @rule(edge=edges)
    def an_edge_is_backed_up(self, edge: str) -> None:
        self.house.edges[edge].back_up()

    @precondition(lambda self: any(one.backups for one in self.house.edges.values()))
    @rule(which=any_of, number=any_of, anchor=st.sampled_from(Anchor), comes_back=st.booleans())
    def an_older_copy_of_an_edges_lists_is_put_back(
        self, which: int, number: int, anchor: Anchor, comes_back: bool
    ) -> None:
        edge = pick(which, [one for one in self.house.edges.values() if one.backups])
        self.house.put_edge_back(edge.id, number, anchor)
        if anchor is Anchor.PUT_BACK_TOO:
            self.witness.edge_went_back_unnoticed(edge.id)
        if comes_back:
            edge.connect()

    # -- the core

    @rule(backed_up=st.booleans())
    def the_core_is_restarted(self, backed_up: bool) -> None:
        (self.house.back_up_core if backed_up else self.house.restart_core)()

    @precondition(lambda self: self.house.core.backups)
    @rule(number=any_of, journal_lost=st.sampled_from([False, False, True]))
    def an_older_database_is_put_back(self, number: int, journal_lost: bool) -> None:
        self.house.put_core_back(number, journal_lost=journal_lost)
        self.witness.core_went_back()

    @precondition(lambda self: self._consents(State.ACTIVE))
    @rule(which=any_of, what=st.sampled_from(["pause", "pause and resume", "withdraw"]))
    def somebody_decides_and_the_database_of_before_is_put_back(self, which: int, what: str) -> None:
        """Close together, so that it is tried often: what is locked or ended is so again, what was released is not."""
        consent = pick(which, self._consents(State.ACTIVE)).id
        self.house.back_up_core()
        if consent not in [one.id for one in self._consents(State.ACTIVE)]:
            return  # starting anew took its minute
        (self.house.withdraw if what == "withdraw" else self.house.suspend)(consent)
        if what == "pause and resume":
            self.house.clock.pass_by(timedelta(seconds=1))
            self.house.resume(consent)
        self._put_newest_backup_back()

    @precondition(lambda self: self.house.core.templates_held())
    @rule(which=any_of)
    def a_guard_objects_and_the_database_of_before_is_put_back(self, which: int) -> None:
        template = pick(which, sorted(self.house.core.templates_held()))
        passages = self._passages_of(template)
        self.house.back_up_core()
        if passages and template in self.house.core.templates_held():
            self.house.dispute(passages[0])
            self._put_newest_backup_back()

    def _put_newest_backup_back(self) -> None:
        self.house.put_core_back(self.house.core.backups - 1, journal_lost=False)
        self.witness.core_went_back()

    def _passages_of(self, template: str) -> list[PassageRow]:
        """The edge reports one, and the core hears of it."""
        edge = self.house.edges["edge-1"]
        self.house.passes(self.house.model.templates[template], edge.id)
        edge.connect()
        edge.send_events()
        self.house.deliver_all()
        return [one for one in self.house.undisputed() if one.template_id == template]
