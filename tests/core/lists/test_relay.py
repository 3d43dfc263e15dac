"""The relay sends what is missing, once, and again when no receipt comes."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.contract.ids import EstateId
from core.contract.lists import ListReceiptV1
from core.lists.receipts import do_note_receipt
from core.lists.relay import RESEND_S, Relay
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.storage.database import Database
from tests.core.estates import NOW, PLATES, consenting_person
from tests.core.lists.test_render import receipt


class Clock:
    """Monotonic time that a test moves, seconds."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def relay(trusting_database: Database, clock: Clock) -> Relay:
    one = Relay(trusting_database, EstateId("test-estate"), Ed25519PrivateKey.generate(), PLATES.read, monotonic=clock)
    one.edge_came_online("edge-1")
    return one


def sends(relay: Relay) -> list[tuple[int, int]]:
    """(first, last) of what the relay would publish now; counts as sent."""
    due = relay.due()
    for one in due:
        relay.note_sent(one)
    return [(one.delta.first, one.delta.last) for one in due]


def arrives(relay: Relay, database: Database, told: ListReceiptV1) -> None:
    with database.writing() as db:
        do_note_receipt(db, told, NOW)
    relay.receipt_came(told)


def test_a_change_is_sent_once_and_again_after_five_seconds_without_a_receipt(
    relay: Relay, trusting_database: Database, clock: Clock
) -> None:
    consenting_person(trusting_database, "gate")
    assert sends(relay) == [(1, 1)]
    assert sends(relay) == []
    clock.now_s += RESEND_S
    assert sends(relay) == [(1, 1)]
    arrives(relay, trusting_database, receipt(1))
    clock.now_s += RESEND_S
    assert sends(relay) == []


def test_a_newer_change_does_not_wait_for_the_receipt_of_an_older_one(
    relay: Relay, trusting_database: Database
) -> None:
    _, consent = consenting_person(trusting_database, "gate")
    assert sends(relay) == [(1, 1)]
    with trusting_database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
    assert sends(relay) == [(2, 2)]


def test_nothing_is_sent_to_an_edge_that_is_not_there_and_everything_when_it_comes(
    relay: Relay, trusting_database: Database
) -> None:
    relay.edge_went_offline("edge-1")
    consenting_person(trusting_database, "gate")
    assert sends(relay) == []
    arrives(relay, trusting_database, receipt(0))
    assert sends(relay) == [(1, 1)]


def test_a_receipt_that_brings_nothing_new_means_send_again(relay: Relay, trusting_database: Database) -> None:
    consenting_person(trusting_database, "gate")
    arrives(relay, trusting_database, receipt(0))
    assert sends(relay) == [(1, 1)]
    arrives(relay, trusting_database, receipt(0))
    assert sends(relay) == [(1, 1)]


def test_an_edge_with_a_problem_is_not_flooded(relay: Relay, trusting_database: Database, clock: Clock) -> None:
    consenting_person(trusting_database, "gate")
    assert sends(relay) == [(1, 1)]
    arrives(relay, trusting_database, receipt(0, "can't open the batch"))
    assert sends(relay) == [(1, 1)]
    arrives(relay, trusting_database, receipt(0, "can't open the batch"))
    assert sends(relay) == []
    clock.now_s += RESEND_S
    assert sends(relay) == [(1, 1)]


def test_a_batch_rendered_before_the_edge_began_anew_does_not_count_as_sent(
    relay: Relay, trusting_database: Database
) -> None:
    consenting_person(trusting_database, "gate")
    (rendered,) = relay.due()
    arrives(relay, trusting_database, receipt(0))
    relay.note_sent(rendered)
    assert sends(relay) == [(1, 1)]


def test_after_a_broken_connection_edges_are_served_when_they_speak(relay: Relay, trusting_database: Database) -> None:
    consenting_person(trusting_database, "gate")
    assert sends(relay) == [(1, 1)]
    relay.connection_lost()
    assert sends(relay) == []
    relay.edge_came_online("edge-1")
    assert sends(relay) == [(1, 1)]


def test_the_loop_publishes_on_the_edges_own_topic_until_it_is_cancelled(
    relay: Relay, trusting_database: Database
) -> None:
    consenting_person(trusting_database, "gate")

    async def first_topic() -> str:
        published: asyncio.Queue[str] = asyncio.Queue()

        async def publish(topic: str, payload: bytes) -> None:
            assert payload
            published.put_nowait(topic)

        running = asyncio.create_task(relay.run(publish))
        try:
            return await asyncio.wait_for(published.get(), 20)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    assert asyncio.run(first_topic()) == "anju/v1/test-estate/edge/edge-1/list/delta"
