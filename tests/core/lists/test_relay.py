"""What the relay sends arrives in the end, whatever happens on the way; and both sides then hold the same."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from core.contract.ids import EstateId
from core.contract.lists import LIST_MESSAGES, ListDeltaV1, ListMessage, ListSnapshotV1
from core.lists.relay import Relay
from core.lists.sent_numbers import SentNumbers
from core.lists.steps import RESEND_S
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.edges import do_note_edge_state
from core.storage.schema import EdgeRow, ListChangeRow
from tests.core.estates import NOW, PLATES, consenting_person, edge_state, enrol, sealed_template
from tests.core.lists.line import Carry, Line, half_lost, twice
from tests.core.lists.model_edge import ModelEdge


def numbers(messages: list[ListMessage]) -> list[tuple[int, int]]:
    return [(one.first, one.last) for one in messages if isinstance(one, ListDeltaV1)]


def enrolled(line: Line, *checkpoints: str) -> tuple[str, str]:
    """Somebody with a template for both edges."""
    who, consent = consenting_person(line.database, *checkpoints)
    keys = {name: edge.key for name, edge in line.edges.items()}
    with line.database.writing() as db:
        assert enrol(db, sealed_template(who, consent, keys)).refused is None
    return who, consent


def forget_changes(line: Line, up_to: int) -> None:
    with line.database.writing() as db:
        db.execute(delete(ListChangeRow).where(ListChangeRow.number <= up_to))
        db.execute(update(EdgeRow).values(list_floor=up_to))


def withdraw(line: Line, consent: str) -> None:
    with line.database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)


def test_a_change_is_sent_once_and_again_after_a_while_without_a_receipt(line: Line) -> None:
    line.settle()
    consenting_person(line.database, "gate")
    assert numbers(line.sends()) == [(1, 1)]
    assert numbers(line.sends()) == []
    line.clock.now_s += RESEND_S
    assert numbers(line.sends()) == [(1, 1)]


def test_a_newer_change_does_not_wait_for_the_receipt_of_an_older_one(line: Line) -> None:
    _, consent = consenting_person(line.database, "gate")
    assert numbers(line.sends()) == [(1, 1)]
    withdraw(line, consent)
    assert numbers(line.sends()) == [(2, 2), (1, 1)], "both edges are told of an end"


def test_nothing_is_sent_to_an_edge_that_is_not_there_and_everything_when_it_comes(line: Line) -> None:
    line.settle()
    line.relay.edge_went_offline("edge-1")
    who, _ = enrolled(line, "gate")
    line.settle()
    assert line.edge.held.subjects == {}
    line.connect(line.edge)
    line.settle()
    assert who in line.edge.held.subjects
    assert line.in_step()


def test_nothing_is_sealed_for_an_edge_nobody_approved_or_that_shows_another_key(line: Line) -> None:
    stranger = ModelEdge(line.core_key.public_key(), "edge-2")
    stranger.introduce(line.database, approve=False)
    consenting_person(line.database, "back")
    line.settle()
    assert all(one.edge == "edge-1" for one in line.sent)


def test_an_edge_whose_signing_key_nobody_compared_yet_still_hears_of_erasures(line: Line) -> None:
    _, consent = enrolled(line, "gate")
    line.settle()
    with line.database.writing() as db:
        do_note_edge_state(db, edge_state("edge-1", line.edge.key.public_base64), NOW)
    withdraw(line, consent)
    line.settle()
    assert line.edge.held.templates == {}


@pytest.mark.parametrize("way", [twice, half_lost(1), half_lost(2)], ids=["doubled", "half lost", "other half lost"])
def test_whatever_is_lost_or_doubled_both_sides_end_with_the_same(line: Line, way: Carry) -> None:
    _, ends = enrolled(line, "gate", "back")
    stays, _ = enrolled(line, "gate", "back")
    withdraw(line, ends)
    line.settle(way)
    for edge in line.edges.values():
        line.connect(edge)
    line.settle()
    assert line.in_step()
    for edge in line.edges.values():
        assert {one.subject for one in edge.held.all()} == {stays}


def test_in_step_the_edge_is_told_what_it_comes_to_at_once_and_every_ten_minutes(line: Line) -> None:
    enrolled(line, "gate")
    line.settle()
    first = line.edge.agreed[-1]
    assert (first.version, first.templates) == (line.edge.version, 1)
    rolls = len(line.edge.agreed)
    line.clock.now_s += 601.0
    line.one_round()
    assert len(line.edge.agreed) == rolls + 1
    line.connect(line.edge)
    line.one_round()
    assert len(line.edge.agreed) == rolls + 2, "and whenever it connects"


def test_an_edge_that_lost_its_mirror_is_told_from_the_beginning(line: Line) -> None:
    who, _ = enrolled(line, "gate")
    line.settle()
    line.edge.lose_mirror()
    line.connect(line.edge)
    line.settle()
    assert who in line.edge.held.subjects
    assert line.in_step()


def test_an_edge_below_the_floor_gets_everything_in_parts_and_goes_on_from_there(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [enrolled(line, "gate", "door", "back") for _ in range(4)]
    monkeypatch.setattr("core.lists.snapshot.MAX_CHANGES", 3)
    forget_changes(line, 5)
    _, consent = people[0]
    line.one_round()
    withdraw(line, consent)
    line.settle()
    parts = [one for one in line.sent if isinstance(one, ListSnapshotV1) and one.edge == "edge-1"]
    assert [(one.part, one.parts) for one in parts] == [(1, 3), (2, 3), (3, 3)]
    assert {one.version for one in parts} == {8}, "what came while it was sent is left to changes"
    assert line.in_step()
    assert {one.subject for one in line.edge.held.all()} == {who for who, _ in people[1:]}


def test_a_snapshot_of_which_a_part_was_lost_is_sent_again_as_a_new_one(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        enrolled(line, "gate", "back")
    monkeypatch.setattr("core.lists.snapshot.MAX_CHANGES", 3)
    forget_changes(line, 5)
    lost: list[ListMessage] = []

    def one_part_is_lost(message: ListMessage) -> list[ListMessage]:
        if isinstance(message, ListSnapshotV1) and message.part == 2 and len(lost) < 2:
            lost.append(message)
            return []
        return [message]

    line.settle(one_part_is_lost)
    assert len(lost) == 2
    ids = {one.snapshot_id for one in line.sent if isinstance(one, ListSnapshotV1) and one.edge == "edge-1"}
    assert len(ids) == 2
    assert line.in_step()


def test_a_snapshot_made_after_the_clock_was_set_back_is_newer_nevertheless(line: Line) -> None:
    """An edge takes the one with the larger id for the newer; also after a restart of the core."""
    for _ in range(2):
        enrolled(line, "gate", "back")
    forget_changes(line, 3)
    line.wall = NOW + timedelta(days=3 * 365)
    line.settle()
    line.wall = NOW
    line.relay = line.new_relay()
    for edge in line.edges.values():
        edge.held.templates.clear()
        line.connect(edge)
    line.settle()
    sent = [one.snapshot_id for one in line.sent if isinstance(one, ListSnapshotV1) and one.edge == "edge-1"]
    assert len(set(sent)) >= 2
    assert int(sent[0].replace("-", "")[:12], 16) / 1000 == (NOW + timedelta(days=3 * 365)).timestamp()
    assert sent == sorted(sent)
    assert line.in_step()


def test_an_edge_that_holds_something_else_under_the_same_number_gets_its_list_whole(line: Line) -> None:
    who, _ = enrolled(line, "gate", "back")
    line.settle()
    line.edge.held.templates.clear()
    line.connect(line.edge)
    line.settle()
    assert any(isinstance(one, ListSnapshotV1) for one in line.sent)
    assert {one.subject for one in line.edge.held.all()} == {who}
    assert line.in_step()


def test_an_edge_with_a_problem_is_not_flooded(line: Line) -> None:
    consenting_person(line.database, "gate")
    assert numbers(line.sends()) == [(1, 1)]
    stuck = line.edge.receipt().model_copy(update={"problem": "can't open the batch"})
    line.relay.receipt_came(stuck)
    assert numbers(line.sends()) == [(1, 1)]
    line.relay.receipt_came(stuck)
    assert numbers(line.sends()) == []
    line.clock.now_s += RESEND_S
    assert numbers(line.sends()) == [(1, 1)]


def test_a_batch_rendered_before_the_edge_began_anew_does_not_count_as_sent(line: Line) -> None:
    consenting_person(line.database, "gate")
    (rendered, *_) = line.relay.due()
    line.connect(line.edge)
    line.relay.note_sent(rendered)
    assert numbers(line.sends()) == [(1, 1)]


def test_after_a_broken_connection_edges_are_served_when_they_speak(line: Line) -> None:
    consenting_person(line.database, "gate")
    assert numbers(line.sends()) == [(1, 1)]
    line.relay.connection_lost()
    assert line.sends() == []
    line.relay.edge_came_online("edge-1")
    assert numbers(line.sends()) == [(1, 1)]


def test_the_loop_publishes_on_the_edges_own_topic_until_it_is_cancelled(line: Line) -> None:
    consenting_person(line.database, "gate")

    async def first_topic() -> str:
        published: asyncio.Queue[str] = asyncio.Queue()

        async def publish(topic: str, payload: bytes) -> None:
            assert payload
            published.put_nowait(topic)

        running = asyncio.create_task(line.relay.run(publish))
        try:
            return await asyncio.wait_for(published.get(), 20)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    assert asyncio.run(first_topic()) == "anju/v1/test-estate/edge/edge-1/list/delta"


def test_the_loop_sends_a_snapshot_part_by_part_from_whatever_threads(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        enrolled(line, "gate")
    monkeypatch.setattr("core.lists.snapshot.MAX_CHANGES", 2)
    forget_changes(line, 3)
    numbers_file = SentNumbers(line.folder)
    relay = Relay(line.database, EstateId("test-estate"), line.core_key, PLATES.read, numbers_file)
    relay.edge_came_online("edge-1")

    async def all_parts() -> None:
        arrived = asyncio.Event()

        async def publish(_topic: str, payload: bytes) -> None:
            message = LIST_MESSAGES.validate_json(payload)
            if line.edge.hear(message) is not None:
                arrived.set()

        running = asyncio.create_task(relay.run(publish))
        try:
            await asyncio.wait_for(arrived.wait(), 20)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(all_parts())
    assert len(line.edge.held.all()) == 4
