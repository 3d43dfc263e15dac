"""The queue has a limit, and at the limit only events, which come again, are dropped."""

from __future__ import annotations

import pytest
from aiomqtt import Message, Topic

from core.contract.events import MAX_EVENT_BYTES
from core.ingest import inbox as module
from core.ingest.inbox import Inbox


def message(topic: str, payload: bytes = b"x") -> Message:
    return Message(topic=topic, payload=payload, qos=1, retain=False, mid=1, properties=None)


EVENT = "anju/v1/test-estate/edge/edge-1/event"
RECEIPT = "anju/v1/test-estate/edge/edge-1/list/receipt"


def test_a_full_inbox_drops_events_and_still_takes_receipts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MESSAGES", 3)
    monkeypatch.setattr(module, "CONTROL_RESERVE", 1)
    inbox = Inbox()
    for _ in range(5):
        inbox.put_nowait(message(EVENT))
    for _ in range(2):
        inbox.put_nowait(message(RECEIPT))
    assert [one.topic.value for one in inbox.drain(10)] == [EVENT, EVENT, EVENT, RECEIPT]
    assert inbox.counts == {"inbox_dropped_events": 2, "inbox_dropped_states": 1}


def test_the_inbox_is_bounded_in_bytes_and_free_again_when_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    inbox = Inbox()
    for _ in range(3):
        inbox.put_nowait(message(EVENT, b"x" * 60))
    assert len(inbox.drain(10)) == 2
    inbox.put_nowait(message(EVENT, b"x" * 60))
    assert inbox.qsize() == 1


def test_a_huge_payload_is_cut_to_what_shows_that_it_is_too_much() -> None:
    inbox = Inbox()
    inbox.put_nowait(message(EVENT, b"x" * 10_000_000))
    (held,) = inbox.drain(1)
    assert len(held.payload) == MAX_EVENT_BYTES + 1
    assert Topic(EVENT) == held.topic
