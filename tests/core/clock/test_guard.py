"""The core's clock through what happens to machines: no battery, long pauses, clocks set by hand, copies put back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.cases import do_request_missing_person
from core.clock.guard import CoreClock
from core.clock.judge import WRONG_BY, Doubt
from core.clock.record import ClockInDoubtError, do_confirm_clock, read_record, time_to_end_by
from core.contract.ids import id_born_at, new_id
from core.errors import InvalidError
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.consent.queries import newest_consent
from core.people.consent.words import Scope
from core.people.edges import do_note_edge_state
from core.people.subjects import subject
from core.storage.database import Database
from core.storage.schema import ConsentRow, SettingRow
from tests.core.estates import EdgeKey, edge_state
from tests.core.people.consent.people import consenting, person

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
BUILT = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
THREE_YEARS = 3 * 365 * DAY


class Machine:
    """The core's machine: its wall clock, the seconds it counts, and the core's clock in its running process."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.wall, self.steady_s, self.boot = NOW, 1000.0, new_id()
        self.clock = self._new_clock()

    def _new_clock(self) -> CoreClock:
        return CoreClock(lambda: self.wall, lambda: self.steady_s, self.boot)

    def look(self) -> Doubt | None:
        with self.database.writing() as db:
            self.clock.look(db)
        return self.clock.doubt

    def runs(self, time: timedelta, *, by: timedelta = MINUTE) -> Doubt | None:
        """Time goes by, and the core looks at its clock."""
        doubt = self.clock.doubt
        for _ in range(int(time / by)):
            self.wall, self.steady_s = self.wall + by, self.steady_s + by.total_seconds()
            doubt = self.look()
        return doubt

    def starts(self, wall: datetime) -> Doubt | None:
        """Switched on again, and its clock shows this."""
        self.wall, self.steady_s, self.boot = wall, 5.0, new_id()
        self.clock = self._new_clock()
        return self.look()


class Outside:
    """An edge on a machine of its own. on_s: how long that is on; boot: since which start."""

    def __init__(self, database: Database, key: EdgeKey, name: str = "edge-1") -> None:
        self.database, self.key, self.name, self.on_s, self.boot = database, key, name, 500.0, new_id()

    def starts(self) -> None:
        self.on_s, self.boot = 30.0, new_id()

    def speaks(self, received: datetime, *, its_clock: datetime = NOW) -> None:
        state = edge_state(self.name, self.key.public_base64, at=its_clock)
        state = state.model_copy(update={"steady_s": self.on_s, "boot_id": self.boot})
        with self.database.writing() as db:
            do_note_edge_state(db, state, received)


@pytest.fixture
def machine(trusting_database: Database) -> Machine:
    """One that has worked for a while, and somebody's consent stands."""
    with trusting_database.writing() as db:
        consenting(db, person(db, now=NOW), now=NOW)
    found = Machine(trusting_database)
    assert found.look() is None
    assert found.runs(5 * MINUTE) is None
    return found


@pytest.fixture
def outside(machine: Machine, edge_keys: dict[str, EdgeKey]) -> Outside:
    """An edge the core has heard of, and knows what it counted."""
    edge = Outside(machine.database, edge_keys["edge-1"])
    edge.speaks(machine.wall)
    machine.runs(2 * MINUTE)
    edge.on_s += 120
    return edge


def test_a_clock_that_runs_is_believed(machine: Machine) -> None:
    assert machine.runs(30 * DAY, by=DAY) is None
    assert machine.clock() == machine.wall


def test_a_clock_that_drifts_and_is_corrected_a_little_is_believed(machine: Machine) -> None:
    for _ in range(25):
        machine.wall += timedelta(seconds=30)
        assert machine.runs(2 * HOUR, by=2 * HOUR) is None
    assert machine.clock() == machine.wall


def test_small_steps_in_quick_succession_are_not_believed(machine: Machine) -> None:
    doubts = []
    for _ in range(10):
        machine.wall += 4 * MINUTE
        doubts.append(machine.runs(MINUTE))
    assert Doubt.AHEAD in doubts


@pytest.mark.parametrize(("jump", "doubt"), [(THREE_YEARS, Doubt.AHEAD), (-THREE_YEARS, Doubt.BEHIND)])
def test_while_the_clock_is_wrong_things_end_by_the_earlier_time_and_by_the_clock_once_it_is_right(
    machine: Machine, jump: timedelta, doubt: Doubt
) -> None:
    before = machine.wall
    machine.wall += jump
    assert machine.clock() <= before, "before anybody has looked"
    assert machine.look() is doubt
    assert machine.runs(HOUR, by=20 * MINUTE) is doubt
    assert machine.clock() == min(before + HOUR, before + HOUR + jump)
    assert machine.clock.counts["clock_in_doubt"] == 1
    machine.wall -= jump
    assert machine.look() is None
    assert machine.clock() == machine.wall == before + HOUR


def test_it_stays_in_doubt_through_a_restart_and_knows_since_when(machine: Machine) -> None:
    machine.wall += THREE_YEARS
    machine.look()
    doubted = machine.wall - THREE_YEARS
    machine.runs(5 * MINUTE)
    assert machine.starts(machine.wall) is Doubt.AHEAD
    assert machine.clock() <= doubted + 6 * MINUTE
    with machine.database.reading() as db:
        record = read_record(db)
    assert record is not None
    assert record.since == doubted


def test_a_machine_without_a_battery_finds_its_time_by_itself(machine: Machine) -> None:
    off = machine.wall + 3 * DAY
    assert machine.starts(BUILT) is Doubt.BEHIND
    assert machine.runs(5 * MINUTE) is Doubt.BEHIND
    assert machine.clock() < NOW, "nothing ends by such a clock"
    machine.wall = off + 5 * MINUTE  # its time server was reached
    assert machine.look() is None
    assert machine.clock() == machine.wall
    machine.wall += THREE_YEARS
    assert machine.look() is Doubt.AHEAD, "once it knew the time"


def test_a_first_start_before_the_clock_is_set_remembers_no_time_and_nothing_begins(known_database: Database) -> None:
    machine = Machine(known_database)
    assert machine.starts(BUILT) is Doubt.BEHIND
    with known_database.reading() as db:
        assert read_record(db) is None
    with pytest.raises(ClockInDoubtError), known_database.writing() as db:
        consenting(db, person(db, now=BUILT), now=BUILT)
    machine.wall = NOW
    assert machine.look() is None


def test_where_nothing_could_end_any_clock_is_believed(known_database: Database) -> None:
    machine = Machine(known_database)
    assert machine.look() is None
    machine.wall += 200 * DAY  # an image of spring, set right in autumn
    assert machine.look() is None
    with known_database.writing() as db:
        consenting(db, person(db, now=machine.wall), now=machine.wall)
    machine.wall -= 200 * DAY
    assert machine.look() is Doubt.BEHIND


def test_a_core_that_was_off_for_weeks_goes_on(machine: Machine) -> None:
    assert machine.starts(machine.wall + 40 * DAY) is None
    assert machine.clock() == machine.wall


def test_where_edges_were_heard_before_it_waits_some_minutes_for_their_word(machine: Machine, outside: Outside) -> None:
    assert machine.starts(machine.wall + 40 * DAY) is Doubt.AHEAD
    assert machine.runs(4 * MINUTE) is Doubt.AHEAD
    assert machine.runs(MINUTE) is None, f"{outside.name} is gone, or was off, too"


def test_a_clock_that_leaps_while_the_core_restarts_is_found_out_by_an_edge_that_went_on(
    machine: Machine, outside: Outside
) -> None:
    right = machine.wall + MINUTE
    assert machine.starts(right + 40 * DAY) is Doubt.AHEAD
    outside.on_s += 60
    for _ in range(10):
        outside.speaks(machine.wall)
        assert machine.runs(MINUTE) is Doubt.AHEAD
        outside.on_s += 60
    assert machine.clock() <= right + 10 * MINUTE
    machine.wall -= 40 * DAY
    assert machine.look() is None


def test_a_core_that_was_off_for_months_believes_its_clock_once_an_edge_has_counted_as_much(
    machine: Machine, outside: Outside
) -> None:
    assert machine.starts(machine.wall + 90 * DAY) is Doubt.AHEAD
    machine.runs(MINUTE)
    outside.on_s += timedelta(days=90, minutes=1).total_seconds()
    outside.speaks(machine.wall, its_clock=BUILT)
    assert machine.look() is None
    assert machine.clock() == machine.wall


def test_so_does_one_whose_machine_stood_still(machine: Machine, outside: Outside) -> None:
    """A virtual machine that was paused counts nothing meanwhile."""
    machine.wall += 3 * HOUR
    assert machine.look() is Doubt.AHEAD
    outside.on_s += timedelta(hours=3).total_seconds()
    outside.speaks(machine.wall)
    assert machine.look() is None


@pytest.mark.parametrize(
    ("counted", "late", "why"),
    [
        (timedelta(), timedelta(), "its own clock shows the same, and it has counted nothing"),
        (89 * DAY, timedelta(), "it counted another time"),
        (90 * DAY, 5 * MINUTE, "it was not heard lately"),
        (timedelta(seconds=-600), timedelta(), "it was switched off, too"),
    ],
)
def test_an_edge_that_has_not_counted_as_much_bears_nothing_out(
    machine: Machine, outside: Outside, counted: timedelta, late: timedelta, why: str
) -> None:
    machine.starts(machine.wall + 90 * DAY)
    outside.on_s += counted.total_seconds()
    outside.speaks(machine.wall - late, its_clock=machine.wall)
    assert machine.look() is Doubt.AHEAD, why


def test_an_edge_that_was_switched_off_too_and_is_on_for_longer_than_before_says_nothing(
    machine: Machine, outside: Outside
) -> None:
    """A power cut over the weekend, soon after the edge had been started; it is back before the core is."""
    outside.starts()
    outside.on_s += timedelta(hours=30).total_seconds()
    machine.starts(machine.wall + 3 * DAY)
    outside.speaks(machine.wall)
    assert machine.runs(5 * MINUTE) is None


def test_an_edge_on_the_core_s_own_machine_says_nothing(machine: Machine, outside: Outside) -> None:
    """A virtual machine with all of Anju in it stood still: starting the core anew is as good as having been off."""
    outside.boot = machine.boot
    outside.speaks(machine.wall)
    machine.runs(2 * MINUTE)
    machine.wall += 3 * HOUR
    outside.speaks(machine.wall)
    assert machine.look() is Doubt.AHEAD
    machine.clock = CoreClock(lambda: machine.wall, lambda: machine.steady_s, machine.boot)
    assert machine.look() is None


def test_an_edge_nobody_approved_bears_nothing_out(machine: Machine, outside: Outside) -> None:
    machine.starts(machine.wall + 90 * DAY)
    outside.key = EdgeKey.make()
    outside.on_s += timedelta(days=90).total_seconds()
    outside.speaks(machine.wall)
    assert machine.look() is Doubt.AHEAD


@pytest.mark.parametrize("jump", [THREE_YEARS, -THREE_YEARS])
@pytest.mark.parametrize("restarts", [False, True])
def test_an_administrator_who_knows_the_time_settles_it(machine: Machine, jump: timedelta, restarts: bool) -> None:
    machine.wall += jump
    assert machine.look() is not None
    with machine.database.writing() as db:
        do_confirm_clock(db, machine.wall + 3 * MINUTE, machine.wall, "zhang")
    assert (machine.starts(machine.wall) if restarts else machine.look()) is None
    assert machine.clock() == machine.wall
    assert machine.runs(DAY, by=12 * HOUR) is None


def test_who_knows_another_time_has_to_set_the_clock_first(machine: Machine) -> None:
    machine.wall += THREE_YEARS
    machine.look()
    with machine.database.writing() as db, pytest.raises(InvalidError, match="set it first"):
        do_confirm_clock(db, NOW, machine.wall, "zhang")
    assert machine.look() is Doubt.AHEAD


def test_what_another_core_works_by_is_past_here_too(machine: Machine) -> None:
    other = Machine(machine.database)
    other.wall = machine.wall
    assert other.look() is None
    other.runs(30 * DAY, by=5 * DAY)
    machine.wall += 30 * DAY  # it stood still; the other core did not
    assert machine.look() is None


def test_a_core_that_starts_beside_another_one_that_works_by_another_time_was_not_off(
    machine: Machine, outside: Outside
) -> None:
    second, right = Machine(machine.database), machine.wall
    second.wall = right + 40 * DAY
    for _ in range(10):
        assert second.runs(MINUTE) is Doubt.AHEAD
        outside.speaks(machine.wall)  # and its own core was the last to write that down
        outside.on_s += 60
        assert machine.runs(MINUTE) is None
    assert second.clock() <= right + 11 * MINUTE
    second.wall -= 40 * DAY
    assert second.look() is None


def test_in_doubt_no_consent_and_no_case_begins_but_a_withdrawal_ends_one(machine: Machine) -> None:
    database = machine.database
    with database.writing() as db:
        who = person(db, now=NOW)
    machine.wall += THREE_YEARS
    machine.look()
    for begin in _beginnings(who.key, machine.wall):
        with pytest.raises(ClockInDoubtError, match="anju core clock show"), database.writing() as db:
            begin(db)
    with database.writing() as db:
        standing = db.scalars(select(ConsentRow.id)).one()
        do_withdraw_consent(db, check_withdraw(db, standing), "desk", machine.wall)


@pytest.mark.parametrize("away", [-HOUR, 46 * DAY])
def test_nor_does_anything_begin_by_a_clock_that_can_t_be_right_before_the_core_has_looked_at_it(
    machine: Machine, away: timedelta
) -> None:
    with machine.database.writing() as db:
        who = person(db, now=NOW)
    for begin in _beginnings(who.key, machine.wall + away):
        with pytest.raises(ClockInDoubtError), machine.database.writing() as db:
            begin(db)


def _beginnings(who: str, now: datetime) -> list[Callable[[Session], object]]:
    return [
        lambda db: consenting(db, subject(db, who), now=now),
        lambda db: do_request_missing_person(
            db,
            new_id(),
            name="王奶奶",
            reason="left home",
            checkpoints=["gate"],
            expires_at=now + DAY,
            requested_by="zhang",
            now=now,
        ),
    ]


def test_a_consent_given_after_the_clock_was_set_back_is_the_newest(known_database: Database) -> None:
    """The one before has an id of a time to come: nobody finds two that stand, or takes the ended one for today's."""
    with known_database.writing() as db:
        who = person(db, now=NOW)
        with patch("core.people.consent.ledger.new_id_after", lambda _: id_born_at(9_000_000_000_000)):
            first = consenting(db, who, now=NOW)
        do_withdraw_consent(db, check_withdraw(db, first.id), "desk", NOW)
        second = consenting(db, who, now=NOW)
        assert second.id != first.id
        assert newest_consent(db, who.key, Scope.FACE_ACCESS) is second
        assert consenting(db, who, now=NOW) is second


def test_a_command_beside_the_core_ends_nothing_by_a_clock_the_core_doubts(machine: Machine) -> None:
    at = machine.wall
    with machine.database.reading() as db:
        assert time_to_end_by(db, at + 40 * DAY) == at + 40 * DAY
        assert time_to_end_by(db, at + 60 * DAY) <= at
        assert time_to_end_by(db, at - 60 * DAY) == at - 60 * DAY
    machine.wall += 40 * DAY
    machine.look()
    with machine.database.reading() as db:
        assert time_to_end_by(db, machine.wall) <= at + WRONG_BY


def test_looking_writes_once_a_minute(machine: Machine) -> None:
    with machine.database.reading() as db:
        before = db.get_one(SettingRow, "core.clock").value
    machine.runs(timedelta(seconds=55), by=timedelta(seconds=5))
    with machine.database.reading() as db:
        assert db.get_one(SettingRow, "core.clock").value == before
    machine.runs(timedelta(seconds=10), by=timedelta(seconds=5))
    with machine.database.reading() as db:
        assert db.get_one(SettingRow, "core.clock").value != before
