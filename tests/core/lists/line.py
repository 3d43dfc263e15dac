"""Core and model edges joined without a broker: what the relay sends arrives, is lost, or arrives twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.contract.ids import EstateId
from core.contract.lists import ListMessage
from core.lists.receipts import do_note_receipt
from core.lists.relay import Relay
from core.lists.sent_numbers import SentNumbers
from core.storage.database import Database
from tests.core.estates import NOW, PLATES
from tests.core.lists.model_edge import ModelEdge

Carry = Callable[[ListMessage], Iterable[ListMessage]]
"""What becomes of a message on its way."""
MOST_ROUNDS = 500


class Clock:
    """Monotonic time that a test moves, seconds."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class AtOnce(Executor):
    """Does what it is given before it goes on."""

    def submit(self, work: Callable[..., Any], /, *parts: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*parts, **named))
        return done


class Line:
    """A relay on ``database`` and the edges it speaks to."""

    def __init__(self, database: Database, folder: Path, *edges: str) -> None:
        self.database = database
        self.folder = folder
        self.core_key = Ed25519PrivateKey.generate()
        self.clock = Clock()
        self.wall = NOW
        self.edges = {name: ModelEdge(self.core_key.public_key(), name) for name in edges}
        self.relay = self.new_relay()
        self.sent: list[ListMessage] = []

    @property
    def edge(self) -> ModelEdge:
        return next(iter(self.edges.values()))

    def new_relay(self) -> Relay:
        """As after a start of the core."""
        return Relay(
            self.database,
            EstateId("test-estate"),
            self.core_key,
            PLATES.read,
            SentNumbers(self.folder),
            monotonic=self.clock,
            now=lambda: self.wall,
            pool=AtOnce(),
        )

    def introduce(self) -> None:
        for edge in self.edges.values():
            edge.introduce(self.database)
            self.connect(edge)

    def connect(self, edge: ModelEdge) -> None:
        self.relay.edge_came_online(edge.id)
        self.report(edge)

    def report(self, edge: ModelEdge, now: datetime = NOW) -> None:
        """Its receipt reaches the core."""
        receipt = edge.receipt()
        with self.database.writing() as db:
            do_note_receipt(db, receipt, now)
        self.relay.receipt_came(receipt)

    def sends(self) -> list[ListMessage]:
        """What the relay sends now; counts as sent, and arrives nowhere."""
        due = self.relay.due()
        for one in due:
            self.relay.note_sent(one)
        self.sent += [one.message for one in due]
        return [one.message for one in due]

    def one_round(self, carry: Carry = lambda message: [message]) -> bool:
        """Whether anything was sent."""
        messages = self.sends()
        for message in messages:
            for arriving in carry(message):
                edge = self.edges[arriving.edge]
                if edge.hear(arriving) is not None:
                    self.report(edge)
        return bool(messages)

    def settle(self, carry: Carry = lambda message: [message]) -> None:
        """Until nothing is left to send, whatever time it takes. Raises AssertionError when it never ends."""
        quiet_s = 0.0
        for _ in range(MOST_ROUNDS):
            if self.one_round(carry):
                quiet_s = 0.0
                continue
            if quiet_s > 40.0:  # longer than the relay ever waits before it repeats something
                return
            quiet_s += 0.5
            self.clock.now_s += 0.5
        raise AssertionError("core and edges never come to rest")

    def in_step(self) -> bool:
        """Every edge holds what the core's newest roll says."""
        return all(edge.agreed and edge.agreed[-1].version == edge.version for edge in self.edges.values())


def twice(message: ListMessage) -> list[ListMessage]:
    return [message, message]


def half_lost(seed: int) -> Carry:
    chance = Random(seed)
    return lambda message: [message] if chance.random() < 0.5 else []
