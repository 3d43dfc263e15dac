"""Stories of what happens to an estate, told one at a time: the sequences worth naming."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.contract.vocabulary import Reason
from tests.integration.consent.edge_side import Anchor
from tests.integration.consent.house import House
from tests.integration.consent.model import Enrolled, State
from tests.integration.consent.witness import Witness, settle_fully


def resident(house: House, *where: str) -> Enrolled:
    """Somebody enrolled, and known everywhere they pass."""
    template = house.live_here(where or ("gate", "back"))
    house.settle()
    return template


def finders(house: House, template: Enrolled) -> set[str]:
    """The edges that find this template."""
    return {name for name, edge in house.edges.items() if edge.finds(template.person, template.vector)}


def agree(house: House, witness: Witness) -> None:
    """Everything is said and heard; core and edges agree, and no file holds a face."""
    assert settle_fully(house, witness) == []
    assert witness.vectors_in_files() == []


def test_whoever_consents_and_is_enrolled_is_found_where_they_pass(house: House, witness: Witness) -> None:
    template = resident(house, "gate", "back")
    assert finders(house, template) == {"edge-1", "edge-2"}
    agree(house, witness)


def test_a_withdrawal_is_proved_by_every_edge_and_then_purged(house: House, witness: Witness) -> None:
    template = resident(house)
    house.withdraw(template.consent)
    house.settle()
    witness.look()
    assert finders(house, template) == set()
    assert {row.edge_id for row in house.core.confirmed()} == {"edge-1", "edge-2"}
    agree(house, witness)


def test_an_edge_that_is_away_during_a_withdrawal_finds_for_a_day_at_most_and_then_proves_it(
    house: House, witness: Witness
) -> None:
    template = resident(house)
    house.edges["edge-2"].go_away()
    house.withdraw(template.consent)
    house.settle()
    assert finders(house, template) == {"edge-2"}, "nobody could tell it yet"
    assert {row.edge_id for row in house.core.confirmed()} == {"edge-1"}, "edge-2 has not confirmed"
    house.pass_time(timedelta(hours=24))
    witness.look()
    assert finders(house, template) == set()
    house.edges["edge-2"].connect()
    agree(house, witness)


@pytest.mark.parametrize("journal_lost", [False, True], ids=["journal kept", "journal lost"])
def test_an_erased_person_is_not_found_after_yesterdays_backup_of_the_core_is_put_back(
    house: House, witness: Witness, journal_lost: bool
) -> None:
    template, other = resident(house), resident(house)
    house.back_up_core()
    house.withdraw(template.consent)
    house.settle()
    witness.look()
    house.put_core_back(0, journal_lost=journal_lost)
    witness.core_went_back()
    witness.look()
    agree(house, witness)
    assert house.model.consents[template.consent].state is State.OVER
    assert finders(house, template) == set()
    assert finders(house, other) == {"edge-1", "edge-2"}


def test_who_paused_or_was_disputed_is_not_found_after_yesterdays_backup_of_the_core_is_put_back(
    house: House, witness: Witness
) -> None:
    paused, disputed, resumed = resident(house), resident(house), resident(house)
    house.back_up_core()
    house.suspend(paused.consent)
    house.passes(disputed, "edge-1")
    house.settle()
    house.dispute(house.undisputed()[0])
    house.suspend(resumed.consent)
    house.pass_time(timedelta(minutes=5))
    house.resume(resumed.consent)
    house.settle()
    house.put_core_back(0, journal_lost=False)
    witness.core_went_back()
    witness.look()
    agree(house, witness)
    assert [finders(house, one) for one in (paused, disputed)] == [set(), set()]
    assert finders(house, resumed) == {"edge-1", "edge-2"}


def test_a_withdrawal_while_the_journals_disk_is_full_hides_at_once_and_ends_when_there_is_room(
    house: House, witness: Witness
) -> None:
    template, other = resident(house), resident(house)
    house.fill_disk_of_journal()
    house.withdraw(template.consent)
    house.settle()
    witness.look()
    assert finders(house, template) == set()
    assert finders(house, other) == {"edge-1", "edge-2"}
    assert house.model.consents[template.consent].state is State.SUSPENDED
    house.make_room()
    house.pass_time(timedelta(minutes=2))
    witness.look()
    assert house.model.consents[template.consent].state is State.OVER
    agree(house, witness)


def test_while_nothing_can_end_edges_stop_recognising_within_a_day_and_go_on_when_there_is_room(
    house: House, witness: Witness
) -> None:
    template = resident(house)
    house.fill_disk_of_journal()
    house.pass_time(timedelta(minutes=2))
    house.settle()
    assert finders(house, template) == {"edge-1", "edge-2"}
    for _ in range(25):
        house.pass_time(timedelta(hours=1))
        house.settle()
    witness.look()
    assert finders(house, template) == set()
    house.make_room()
    agree(house, witness)
    assert finders(house, template) == {"edge-1", "edge-2"}


@pytest.mark.parametrize("anchor", [Anchor.KEPT, Anchor.LOST])
def test_an_erased_person_is_not_found_after_an_edges_older_lists_are_put_back_and_old_messages_replayed(
    house: House, witness: Witness, anchor: Anchor
) -> None:
    template = resident(house)
    edge = house.edges["edge-1"]
    edge.back_up()
    for _ in range(3):
        house.pass_time(timedelta(seconds=700))
        house.settle()
    house.withdraw(template.consent)
    house.settle()
    witness.look()
    house.put_edge_back("edge-1", 0, anchor)
    edge.connect()
    witness.look()
    replay_everything(house, witness)
    agree(house, witness)


@pytest.mark.parametrize("anchor_too", [False, True], ids=["anchor kept", "anchor lost"])
def test_old_messages_replayed_to_an_edge_that_lost_its_lists_find_nobody_who_was_erased(
    house: House, witness: Witness, anchor_too: bool
) -> None:
    template = resident(house)
    house.withdraw(template.consent)
    house.settle()
    witness.look()
    house.lose_lists("edge-1", anchor_too=anchor_too)
    house.edges["edge-1"].connect()
    replay_everything(house, witness)
    agree(house, witness)


def replay_everything(house: House, witness: Witness) -> None:
    """Whatever was ever sent, in the order in which it was sent, while the witness looks after each."""
    for letter in list(house.bus.ever_sent):
        if letter.to_core or house.edges[letter.edge].there:
            (house.core if letter.to_core else house.edges[letter.edge]).hear(letter)
            witness.look()


def test_an_edge_that_is_approved_later_gets_its_part_from_one_that_has_it(house: House, witness: Witness) -> None:
    template = resident(house, "gate", "annex")
    assert finders(house, template) == {"edge-1"}
    house.approve("edge-3")
    house.pass_time(timedelta(minutes=2))
    house.settle()
    assert finders(house, template) == {"edge-1", "edge-3"}
    agree(house, witness)


def test_a_template_sealed_again_for_a_new_edge_after_the_withdrawal_is_kept_nowhere(
    house: House, witness: Witness
) -> None:
    template = resident(house, "gate", "annex")
    house.approve("edge-3")
    house.pass_time(timedelta(minutes=2))
    house.core.send()
    house.deliver_all()  # edge-1 has sealed it again: that waits in its outbox
    house.withdraw(template.consent)
    witness.look()
    agree(house, witness)
    assert finders(house, template) == set()


def test_a_template_that_arrives_after_the_withdrawal_is_kept_nowhere(house: House, witness: Witness) -> None:
    template = house.live_here(["gate", "back"])
    house.withdraw(template.consent)
    house.settle()
    witness.look()
    assert house.core.templates_held() == {}
    agree(house, witness)


def test_who_was_only_asked_before_the_backup_and_withdrew_after_it_can_consent_again(
    house: House, witness: Witness
) -> None:
    person = house.add_person(["gate", "back"])
    house.offer(person)
    house.back_up_core()
    house.grant(person)
    first = house.enrolled(person)
    house.settle()
    house.withdraw(first.consent)
    house.settle()
    house.put_core_back(0, journal_lost=False)
    witness.core_went_back()

    house.grant(person)
    second = house.enrolled(person)
    agree(house, witness)
    house.restart_core()
    agree(house, witness)
    assert finders(house, first) == set()
    assert finders(house, second) == {"edge-1", "edge-2"}


def test_a_missing_person_is_sought_while_two_people_approve_and_then_nowhere(house: House, witness: Witness) -> None:
    person = house.request_case(["gate", "back"], timedelta(days=10))
    house.grant(person)
    template = house.enrolled(person)
    house.settle()
    witness.look()
    assert finders(house, template) == set()
    case = house.model.people[person].case
    assert case is not None
    house.approve_case(case)
    house.settle()
    witness.look()
    assert finders(house, template) == {"edge-1", "edge-2"}
    house.close_case(case)
    house.settle()
    witness.look()
    assert finders(house, template) == set()
    agree(house, witness)


def test_a_template_that_opens_a_door_to_others_with_its_holders_pass_is_suspended_by_disputes(
    house: House, witness: Witness
) -> None:
    worn = resident(house, "gate", "door", "back")
    fresh = house.enrolled(worn.person)
    house.settle()
    shown = [house.shows_pass(worn.person, worn.vector) for _ in range(2)]
    assert [(one.reason, one.template_id) for one in shown] == [(Reason.VERIFIED, worn.id)] * 2
    house.settle()
    (passage, _) = house.undisputed()
    house.dispute(passage)
    house.settle()
    witness.look()
    assert house.shows_pass(worn.person, worn.vector).reason is Reason.NOT_HOLDER
    assert house.shows_pass(worn.person, fresh.vector).template_id == fresh.id
    assert finders(house, worn) == set()
    assert finders(house, fresh) == {"edge-1", "edge-2"}
    agree(house, witness)


@pytest.mark.parametrize("statement", range(2, 50, 8))
def test_an_edge_killed_while_it_erases_never_finds_again_what_it_confirms(
    house: House, witness: Witness, statement: int
) -> None:
    template = resident(house, "gate")
    house.withdraw(template.consent)
    house.core.send()
    (letter,) = [one for one in house.bus.waiting if one.edge == "edge-1" and not one.to_core]
    house.bus.waiting.clear()
    house.edges["edge-1"].dies_hearing(letter, statement)
    witness.look()
    house.edges["edge-1"].connect()
    witness.look()
    agree(house, witness)
    assert finders(house, template) == set()


@pytest.mark.parametrize("ends", [True, False], ids=["withdrawn", "suspended"])
def test_who_withdraws_while_a_whole_list_is_on_its_way_is_found_by_nobody_from_the_next_message_on(
    house: House, witness: Witness, ends: bool
) -> None:
    template, *others = [resident(house, "gate") for _ in range(4)]
    house.settle()
    edge = house.edges["edge-1"]
    house.pass_time(timedelta(seconds=61))
    house.send_whole("edge-1")
    house.core.send()
    house.deliver_all()  # its first part
    before = edge.mirror.version
    (house.withdraw if ends else house.suspend)(template.consent)
    house.core.send()
    house.deliver_all()
    assert edge.mirror.version == before, "neither the list nor the change has come yet"
    assert finders(house, template) == set()
    edge.crash()
    assert finders(house, template) == set()
    edge.connect()
    for _ in range(200):
        house.pass_time(timedelta(milliseconds=500))
        house.core.send()
        house.deliver_all()
        witness.look()
        assert finders(house, template) == set()
    assert edge.mirror.version > before
    assert all(finders(house, one) == {"edge-1"} for one in others)
    agree(house, witness)
