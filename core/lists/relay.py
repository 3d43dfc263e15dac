"""Sending lists to the edges, and sending again until a receipt says that they arrived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.contract.ids import EstateId
from core.contract.lists import ListDeltaV1, ListHideV1, ListMessage, ListReceiptV1, ListRollV1, ListSnapshotV1
from core.contract.topics import Channel, topic
from core.errors import CoreError
from core.lists.ahead import whom_to_hide
from core.lists.forms import ReadPlate
from core.lists.render import SnapshotNeededError, render_batch
from core.lists.rolls import Rolls
from core.lists.sealer import ListSealer
from core.lists.sent_numbers import SentNumbers
from core.lists.snapshot import Snapshot
from core.lists.steps import LONG_LOG, RESEND_S, SOON, Link, Position, Step, hide_after, next_step, patience, send_after
from core.lists.told import one_view
from core.storage.database import Database
from core.storage.schema import EdgeRow, SealedTemplateRow, SubjectRow, VehicleRow
from core.threads import in_thread

POLL_S = 0.1
MAX_SNAPSHOTS = 2
"""On their way at once: each keeps a view of the database open. Other edges wait their turn."""

TURN_S = 0.25
"""After so long no further edge's message is made before those that are made are sent: what came up meanwhile may be
more urgent than the rest."""
MAX_ROLLS_AT_ONCE = 1
"""Each reads every template of its edge: another edge's erasure doesn't wait for many of them."""

Publish = Callable[[str, bytes], Awaitable[None]]

log = structlog.get_logger()


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Due:
    """A message to send now, the link it was made for, and the turn of that link it was made in."""

    message: ListMessage
    link: Link
    turn: int


@dataclass(frozen=True, slots=True)
class _EdgeNow:
    """An edge as one turn sees it. turn: of the link, see ``Due``."""

    row: EdgeRow
    link: Link
    turn: int
    at: Position


_Make = Callable[[Session, _EdgeNow, ListSealer], ListMessage | None]


class Relay:
    """Tails the changes and sends what is missing, oldest first, to edges that are there.

    The database knows how far each edge is (its receipts); this object only remembers what is on its way. With several
    core processes things may be sent twice: an edge applies a number once, and the newest snapshot.
    """

    def __init__(
        self,
        database: Database,
        estate: EstateId,
        signing_key: Ed25519PrivateKey,
        read_plate: ReadPlate,
        sent_numbers: SentNumbers,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        pool: Executor | None = None,
        may_roll: Callable[[], bool] = lambda: True,
    ) -> None:
        """pool: where snapshots are opened; a thread of its own when there is none. may_roll: without rolls edges stop
        recognising within a day, as they should while no consent can end."""
        self._database = database
        self._may_roll = may_roll
        self._estate = estate
        self._signing_key = signing_key
        self._read_plate = read_plate
        self._sent_numbers = sent_numbers
        self._monotonic = monotonic
        self._now = now
        self._links: dict[str, Link] = {}
        self._pool = pool or ThreadPoolExecutor(1, "list-snapshot")
        self._opening: dict[str, tuple[Link, Future[Snapshot]]] = {}
        self._snapshots: dict[str, tuple[Link, Snapshot]] = {}
        self._rolls = Rolls(monotonic)
        self._rolls_made = 0
        self._only_hiding_until_s = float("-inf")

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
                link.rolled = -1  # its trouble may end with the next one
        elif link.version is None or receipt.version <= link.version:
            link.start_after(receipt.version)
        else:
            link.sent = max(link.sent, receipt.version)
            link.sent_s = self._monotonic()
        link.version = receipt.version
        if link.awaited is not None and receipt.version >= link.awaited:
            link.awaited, link.attempts = None, 0

    def connection_lost(self) -> None:
        """Nothing is known of any edge until it speaks again (availability is retained: at once)."""
        self._links.clear()

    async def run(self, publish: Publish) -> None:
        """Send for ever, until cancelled; raises what ``publish`` raises."""
        try:
            while True:
                try:
                    due = await in_thread(self.due)
                except OperationalError as error:
                    log.warning("list.storage_unavailable", error=type(error.orig).__name__)
                    due = []
                for one in due:
                    self.note_sent(one)
                    wire = one.message.model_dump_json().encode()
                    await publish(topic(self._estate, Channel.LIST_DELTA, one.message.edge), wire)
                    log.debug("list.sent", edge=one.message.edge, kind=one.message.kind)
                if not due:
                    await asyncio.sleep(POLL_S)
        finally:
            self._drop_snapshots(keep={})

    def due(self) -> list[Due]:
        """What should be sent now: at most one message per edge. May run in another thread, one at a time.

        Whom to hide comes first, at every edge, then what is short: nobody's erasure waits for another edge's list.
        While sent numbers can't be kept, nothing else is sent: who is hidden until a number which a restored core gives
        to something else is found again when that has come.
        """
        links = dict(self._links)
        if self._monotonic() < self._only_hiding_until_s:
            with one_view(self._database) as db:
                edges = [self._edge_now(db, row, links[row.id]) for row in _trusted_edges(db, links)]
                return self._made(db, edges, partial(self._hide_first, changes_help=False))
        self._drop_snapshots(keep=links)
        self._rolls_made = 0
        with one_view(self._database) as db:
            edges = [self._edge_now(db, row, links[row.id]) for row in _trusted_edges(db, links)]
            due = self._made(db, edges, self._hide_first)
            others = [one for one in edges if all(one.link is not other.link for other in due)]
            due += self._made(db, sorted(others, key=lambda one: patience(one.at, one.link)), self._in_its_turn)
        if not due:
            return due
        try:
            self._sent_numbers.raise_to({one.message.edge: _number(one.message) for one in due})
        except CoreError as error:
            log.warning("list.only_hiding", problem=str(error))
            self._only_hiding_until_s = self._monotonic() + RESEND_S
            self._drop_snapshots(keep={})  # a part of each is lost
            return [one for one in due if isinstance(one.message, ListHideV1)]
        return due

    def note_sent(self, one: Due) -> None:
        """The message is on its way, unless the edge started anew while it was made."""
        link, now_s = one.link, self._monotonic()
        match one.message:
            case ListSnapshotV1() as part:
                link.parts_left, link.part_s = part.parts - part.part, now_s
                link.part_bytes = len(part.sealed_base64)
            case ListDeltaV1() as delta if link.turn == one.turn:
                link.sent, link.sent_s = delta.last, now_s
                if delta.last - (link.version or 0) <= SOON:
                    link.hidden, link.hidden_s = max(link.hidden, delta.last), now_s
            case ListHideV1() as hide if link.turn == one.turn:
                link.hidden, link.hide_s = hide.last, now_s
            case ListRollV1() as roll if link.turn == one.turn:
                link.rolled, link.rolled_s = roll.version, now_s

    def _edge_now(self, db: Session, row: EdgeRow, link: Link) -> _EdgeNow:
        return _EdgeNow(row, link, link.turn, _position(db, row, link))

    def _made(self, db: Session, edges: Iterable[_EdgeNow], make: _Make) -> list[Due]:
        """What ``make`` makes for each; once that took ``TURN_S``, the others wait for the next turn."""
        due: list[Due] = []
        began_s = self._monotonic()
        for edge in edges:
            if due and self._monotonic() - began_s >= TURN_S:
                break
            try:
                message = make(db, edge, self._sealer(edge.row))
            except CoreError as error:  # one edge's list can't be made: the others go on
                log.warning("list.not_made", edge=edge.row.id, problem=str(error))
                edge.link.part_s = self._monotonic()  # not tried again at once
                continue
            if message is not None:
                due.append(Due(message, edge.link, edge.turn))
        return due

    def _sealer(self, edge: EdgeRow) -> ListSealer:
        assert edge.approved_key_base64 is not None
        return ListSealer.of(edge.id, edge.approved_key_base64, self._signing_key)

    def _hide_first(
        self, db: Session, edge: _EdgeNow, sealer: ListSealer, *, changes_help: bool = True
    ) -> ListHideV1 | None:
        at, link, now_s = edge.at, edge.link, self._monotonic()
        after = hide_after(at, link, now_s, changes_help=changes_help)
        if after is None:
            return None
        if after <= at.acked:
            link.hidden_s, link.hide_goal = now_s, at.head
        batch = whom_to_hide(db, sealer.edge, after)
        if batch is None:
            link.hidden = at.head
            return None
        return sealer.hide(batch)

    def _in_its_turn(self, db: Session, edge: _EdgeNow, sealer: ListSealer) -> ListMessage | None:
        at, link, now_s = edge.at, edge.link, self._monotonic()
        match next_step(at, link, now_s):
            case Step.CHANGES:
                try:
                    batch = render_batch(db, sealer.edge, send_after(at, link, now_s), self._read_plate)
                except SnapshotNeededError:
                    hide = self._hide_first(db, edge, sealer, changes_help=False)
                    return hide or self._new_snapshot(link, sealer)
                return sealer.delta(batch) if batch is not None else None
            case Step.NEW_SNAPSHOT:
                return self._new_snapshot(link, sealer)
            case Step.NEXT_PART:
                return self._next_part(sealer.edge, link)
            case Step.ROLL if self._rolls_made < MAX_ROLLS_AT_ONCE and self._may_roll():
                self._rolls_made += 1
                roll = self._rolls.of(db, sealer.edge, at.head)
                return sealer.roll(at.head, roll.templates, roll.digest, self._now())
            case _:
                return None

    def _new_snapshot(self, link: Link, sealer: ListSealer) -> ListSnapshotV1 | None:
        """Its first part, once it is open: that takes seconds for a large estate, and other edges go on meanwhile."""
        self._drop_snapshot(sealer.edge)
        if sealer.edge not in self._opening:
            if len(self._snapshots) + len(self._opening) >= MAX_SNAPSHOTS:
                return None
            new_id = self._sent_numbers.new_snapshot_id
            opening = self._pool.submit(Snapshot, self._database, sealer, self._read_plate, self._now(), new_id)
            self._opening[sealer.edge] = (link, opening)
        if not self._opening[sealer.edge][1].done():
            return None
        snapshot = self._opening.pop(sealer.edge)[1].result()
        self._snapshots[sealer.edge] = (link, snapshot)
        link.attempts = link.attempts + 1 if link.awaited is not None else 0
        link.awaited = snapshot.version
        log.info("list.snapshot", edge=sealer.edge, version=snapshot.version, parts=snapshot.parts)
        return self._next_part(sealer.edge, link)

    def _next_part(self, edge: str, link: Link) -> ListSnapshotV1 | None:
        held = self._snapshots.get(edge)
        if held is None or held[0] is not link:  # the connection began anew: so does the snapshot
            link.awaited, link.parts_left = None, 0
            return None
        snapshot = held[1]
        part = snapshot.next_part()
        if snapshot.part == snapshot.parts:
            self._drop_snapshot(edge)
        return part

    def _drop_snapshots(self, keep: dict[str, Link]) -> None:
        """Close the snapshots of links that are no more."""
        for edge, (link, _) in list(self._snapshots.items()):
            if keep.get(edge) is not link:
                self._drop_snapshot(edge)
        for edge, (link, opening) in list(self._opening.items()):
            if keep.get(edge) is not link:
                del self._opening[edge]
                opening.add_done_callback(_close)

    def _drop_snapshot(self, edge: str) -> None:
        held = self._snapshots.pop(edge, None)
        if held is not None:
            held[1].close()


def _close(opening: Future[Snapshot]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _trusted_edges(db: Session, links: dict[str, Link]) -> list[EdgeRow]:
    trusted = select(EdgeRow).where(
        EdgeRow.approved_key_base64.is_not(None), EdgeRow.approved_key_base64 == EdgeRow.key_base64
    )
    return list(db.scalars(trusted.where(EdgeRow.id.in_(links)).order_by(EdgeRow.id)).all()) if links else []


def _position(db: Session, edge: EdgeRow, link: Link) -> Position:
    """Whether a snapshot is shorter is only asked about an edge that has nothing, before the first thing is sent."""
    nothing_yet = edge.list_acked == 0 and link.sent == 0 and edge.list_head > LONG_LOG
    return Position(
        head=edge.list_head,
        acked=edge.list_acked,
        floor=edge.list_floor,
        shorter_whole=nothing_yet and _whole_changes(db, edge.id) < edge.list_head,
    )


def _whole_changes(db: Session, edge: str) -> int:
    """At most this many changes stand in a snapshot, passes apart."""
    templates = select(func.count()).select_from(SealedTemplateRow).where(SealedTemplateRow.edge_id == edge)
    others = (select(func.count()).select_from(kind) for kind in (SubjectRow, VehicleRow))
    return sum(db.scalar(query) or 0 for query in (templates, *others))


def _number(message: ListMessage) -> int:
    return message.last if isinstance(message, (ListDeltaV1, ListHideV1)) else message.version
