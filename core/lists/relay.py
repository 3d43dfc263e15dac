"""Sending list changes to the edges and sending them again until a receipt says they arrived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from core.contract.ids import EstateId
from core.contract.lists import ListDeltaV1, ListReceiptV1
from core.contract.topics import Channel, topic
from core.lists.render import ReadPlate, render_delta
from core.storage.database import Database
from core.storage.schema import EdgeRow

POLL_S = 0.1
RESEND_S = 5.0
MAX_UNCONFIRMED = 2000
"""Changes on the way to one edge; above it the relay waits for a receipt."""

Publish = Callable[[str, bytes], Awaitable[None]]

log = structlog.get_logger()


@dataclass(slots=True)
class Link:
    """What the relay knows of an edge that is there.

    sent: highest number on its way, no receipt for it yet; sent_s: when it went; version: of the last receipt;
    turn: counts fresh starts, so that a batch rendered before one is not taken for sent after it.
    """

    sent: int = 0
    sent_s: float = 0.0
    version: int | None = None
    turn: int = 0
    problem_s: float = float("-inf")

    def start_after(self, version: int) -> None:
        self.sent = version
        self.turn += 1


@dataclass(frozen=True, slots=True)
class Due:
    """A batch to send now, and the turn of the link it was rendered in."""

    delta: ListDeltaV1
    turn: int


class Relay:
    """Tails the changes and sends what is missing, oldest first, to edges that are there.

    The database knows how far each edge is (its receipts); this object only remembers what is on its way. With several
    core processes a change may be sent twice: an edge applies a number once.
    """

    def __init__(
        self,
        database: Database,
        estate: EstateId,
        signing_key: Ed25519PrivateKey,
        read_plate: ReadPlate,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._estate = estate
        self._signing_key = signing_key
        self._read_plate = read_plate
        self._monotonic = monotonic
        self._links: dict[str, Link] = {}

    def edge_came_online(self, edge: str) -> None:
        """Whatever was on its way to this edge may be lost: start from its last receipt."""
        self._links[edge] = Link()

    def edge_went_offline(self, edge: str) -> None:
        self._links.pop(edge, None)

    def receipt_came(self, receipt: ListReceiptV1) -> None:
        """The receipt has been committed.

        One that brings nothing new says that the edge connected again or that it missed something: what it lacks is
        sent again, at once; with a problem at most every ``RESEND_S``.
        """
        link = self._links.setdefault(receipt.edge, Link())
        if receipt.problem is not None:
            if self._monotonic() - link.problem_s >= RESEND_S:
                log.warning("list.edge_problem", edge=receipt.edge, version=receipt.version, problem=receipt.problem)
                link.problem_s = self._monotonic()
                link.start_after(receipt.version)
        elif link.version is None or receipt.version <= link.version:
            link.start_after(receipt.version)
        else:
            link.sent = max(link.sent, receipt.version)
            link.sent_s = self._monotonic()
        link.version = receipt.version

    def connection_lost(self) -> None:
        """Nothing is known of any edge until it speaks again (availability is retained: at once)."""
        self._links.clear()

    async def run(self, publish: Publish) -> None:
        """Send for ever, until cancelled; raises what ``publish`` raises."""
        while True:
            try:
                batches = await asyncio.to_thread(self.due)
            except OperationalError as error:
                log.warning("list.storage_unavailable", error=type(error.orig).__name__)
                batches = []
            for one in batches:
                self.note_sent(one)
                wire = one.delta.model_dump_json().encode()
                await publish(topic(self._estate, Channel.LIST_DELTA, one.delta.edge), wire)
                log.debug("list.sent", edge=one.delta.edge, first=one.delta.first, last=one.delta.last)
            if not batches:
                await asyncio.sleep(POLL_S)

    def due(self) -> list[Due]:
        """What should be sent now: at most one batch per edge. Changes nothing; may run in another thread."""
        links = dict(self._links)
        batches = []
        with self._database.reading() as db:
            behind = select(EdgeRow).where(
                EdgeRow.list_head > EdgeRow.list_acked,
                EdgeRow.approved_key_base64.is_not(None),
                EdgeRow.approved_key_base64 == EdgeRow.key_base64,
                EdgeRow.id.in_(links),
            )
            for edge in db.scalars(behind.order_by(EdgeRow.id)).all():
                turn = links[edge.id].turn
                after = self._send_after(links[edge.id], edge)
                delta = (
                    render_delta(db, edge, after, self._signing_key, self._read_plate) if after is not None else None
                )
                if delta is not None:
                    batches.append(Due(delta, turn))
        return batches

    def note_sent(self, one: Due) -> None:
        """The batch is on its way, unless the edge started anew while it was rendered."""
        link = self._links.get(one.delta.edge)
        if link is not None and link.turn == one.turn:
            link.sent, link.sent_s = one.delta.last, self._monotonic()

    def _send_after(self, link: Link, edge: EdgeRow) -> int | None:
        """The number after which to send; None when there is nothing to do for this edge now."""
        waited_s = self._monotonic() - link.sent_s
        after = edge.list_acked if waited_s >= RESEND_S else max(link.sent, edge.list_acked)
        if after >= edge.list_head or after - edge.list_acked >= MAX_UNCONFIRMED:
            return None
        return after
