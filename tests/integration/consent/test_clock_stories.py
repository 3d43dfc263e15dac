"""Stories of a core whose clock is wrong: nobody's consent ends by it, and nobody is found past its real end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.clock.judge import Doubt
from core.clock.record import ClockInDoubtError
from tests.integration.consent.house import House
from tests.integration.consent.model import DAY, State
from tests.integration.consent.test_stories import agree, finders, resident
from tests.integration.consent.witness import Witness

FAR = 3 * 365 * DAY


def live_on(house: House, witness: Witness, time: timedelta) -> None:
    """Time goes by an hour at a time, and everybody talks to everybody."""
    for _ in range(int(time / timedelta(hours=1))):
        house.pass_time(timedelta(hours=1))
        house.settle(rounds=2)
        witness.look()


def doubt(house: House) -> Doubt | None:
    return house.core.clock.doubt


def an_edge_speaks(house: House) -> None:
    """As every edge does every few seconds; and the core looks at its clock."""
    house.edges["edge-1"].connect()
    house.deliver_all()
    house.pass_time(timedelta(seconds=61))


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("wrong_by", [FAR, -FAR], ids=["ahead", "behind"])
def test_a_clock_years_away_and_back_ends_nobodys_consent(
    house: House, witness: Witness, wrong_by: timedelta, restarts: bool
) -> None:
    template = resident(house)
    house.pass_time(timedelta(minutes=2))
    house.core.wall.wrong_by = wrong_by
    if restarts:
        house.restart_core()
    live_on(house, witness, timedelta(hours=6))
    assert doubt(house) is (Doubt.AHEAD if wrong_by > timedelta() else Doubt.BEHIND)
    assert finders(house, template) == {"edge-1", "edge-2"}, "the edges know what time it is"
    house.core.wall.wrong_by = timedelta()
    live_on(house, witness, timedelta(hours=2))
    assert doubt(house) is None
    assert house.model.consents[template.consent].state is State.ACTIVE
    agree(house, witness)
    assert finders(house, template) == {"edge-1", "edge-2"}


@pytest.mark.parametrize("wrong_by", [FAR, -FAR], ids=["ahead", "behind"])
def test_a_consent_that_ends_meanwhile_is_used_no_longer_than_a_day(
    house: House, witness: Witness, wrong_by: timedelta
) -> None:
    visitor = house.add_person(["gate", "back"], valid_for=timedelta(hours=20))
    house.grant(visitor)
    template = house.enrolled(visitor)
    house.settle()
    house.core.wall.wrong_by = wrong_by
    live_on(house, witness, timedelta(hours=46))
    assert finders(house, template) == set()
    house.core.wall.wrong_by = timedelta()
    live_on(house, witness, timedelta(hours=1))
    assert house.model.consents[template.consent].state is State.OVER
    agree(house, witness)


def test_a_withdrawal_is_in_force_at_once_whatever_the_clock_shows(house: House, witness: Witness) -> None:
    template = resident(house)
    house.core.wall.wrong_by = FAR
    house.settle()
    house.withdraw(template.consent)
    house.settle()
    witness.look()
    assert finders(house, template) == set()
    assert {row.edge_id for row in house.core.confirmed()} == {"edge-1", "edge-2"}
    house.core.wall.wrong_by = timedelta()
    agree(house, witness)


def test_in_doubt_nobody_gives_a_consent_whose_end_would_be_years_late(house: House, witness: Witness) -> None:
    person = house.add_person(["gate", "back"])
    resident(house)
    house.core.wall.wrong_by = FAR
    house.pass_time(timedelta(minutes=2))
    with pytest.raises(ClockInDoubtError):
        house.grant(person)
    house.core.wall.wrong_by = timedelta()
    house.pass_time(timedelta(minutes=2))
    house.grant(person)
    agree(house, witness)


def test_a_core_that_was_off_for_months_ends_what_ended_once_an_edge_has_said_how_long(
    house: House, witness: Witness
) -> None:
    visitor = house.add_person(["gate", "back"], valid_for=50 * DAY)
    house.grant(visitor)
    template, other = house.enrolled(visitor), resident(house)
    an_edge_speaks(house)
    house.core.stop()
    house.clock.pass_by(90 * DAY)
    house.core.start()
    house.keep_house()
    assert doubt(house) is Doubt.AHEAD
    assert house.model.consents[template.consent].state is State.ACTIVE, "nobody knows that yet"
    for edge in house.edges.values():
        assert not edge.mirror.recogniser_may_run(house.clock()), "and nobody is found meanwhile"
    an_edge_speaks(house)
    assert doubt(house) is None
    assert house.model.consents[template.consent].state is State.OVER
    agree(house, witness)
    assert finders(house, template) == set()
    assert finders(house, other) == {"edge-1", "edge-2"}


def test_snapshots_made_while_the_clock_was_back_years_reach_the_edge(house: House, witness: Witness) -> None:
    template = resident(house)
    house.lose_lists("edge-1", anchor_too=True)
    house.edges["edge-1"].connect()
    agree(house, witness)
    before = house.edges["edge-1"].mirror.counts()["lists.snapshots_applied"]
    house.core.wall.wrong_by = -FAR
    for _ in range(2):
        house.send_whole("edge-1")
        live_on(house, witness, timedelta(hours=1))
    assert house.edges["edge-1"].mirror.counts()["lists.snapshots_applied"] >= before + 2
    house.core.wall.wrong_by = timedelta()
    agree(house, witness)
    assert finders(house, template) == {"edge-1", "edge-2"}
