"""Outbox to broker: rows in order, a bounded number on their way, sent again until the core has them."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass

from core.contract.envelope import Envelope, encode
from core.contract.ids import EdgeId, EstateId
from edge.link.window import SendWindow
from edge.outbox import DurableOutbox, OutboxRow

MAX_BATCH_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event as it goes over the wire."""

    sequence: int
    wire: bytes


class OutboxSender:
    """What has to be sent now. Thread-safe; touches the disk, so it is called outside the event loop."""

    def __init__(self, outbox: DurableOutbox, estate: EstateId, edge: EdgeId) -> None:
        self._outbox = outbox
        self._source = f"/anju/{estate}/edge/{edge}"
        self._lock = threading.Lock()
        self._epoch = ""
        self._window = SendWindow()

    def reconnected(self) -> None:
        with self._lock:
            self._window.reconnected()

    def due(self) -> list[Parcel]:
        """Events to publish now, in order; they count as sent from this moment. Raises OutboxError."""
        with self._lock:
            epoch = self._outbox.epoch
            if epoch != self._epoch:
                self._begin(epoch)
            now_s = time.monotonic()
            rows = self._overdue(now_s)
            if self._window.room > 0:
                rows += self._outbox.unacknowledged(self._window.last, self._window.room, MAX_BATCH_BYTES)
            if not rows:
                return []
            floor = self._outbox.floor()
            # The outbox may have let go of its oldest rows meanwhile: below the floor nobody waits for anything.
            rows = [row for row in rows if row.sequence >= floor]
            for row in rows:
                self._window.sent(row.sequence, now_s)
            return [Parcel(row.sequence, self._wire(row, floor)) for row in rows]

    def acknowledged(self, epoch: str, sequence: int) -> bool:
        """The core has all up to ``sequence``. False when it speaks of what was never sent. Raises OutboxError."""
        with self._lock:
            if not self._epoch:
                self._begin(self._outbox.epoch)
            if epoch != self._epoch or not self._window.acknowledged(sequence):
                return False
            self._outbox.acknowledge(epoch, sequence)
            return True

    def _begin(self, epoch: str) -> None:
        """What lies below the floor was sent by an earlier process of the same epoch; the core may well say so."""
        self._epoch, self._window = epoch, SendWindow()
        self._window.highest_sent = self._outbox.floor() - 1

    def _overdue(self, now_s: float) -> list[OutboxRow]:
        overdue = self._window.overdue(now_s)
        if not overdue:
            return []
        held = self._outbox.unacknowledged(overdue[0] - 1, self._window.size, MAX_BATCH_BYTES)
        again = [row for row in held if row.sequence in set(overdue)]
        reached = held[-1].sequence if held else overdue[-1]
        for sequence in set(overdue) - {row.sequence for row in again}:
            if sequence <= reached:
                self._window.forget(sequence)
        return again

    def _wire(self, row: OutboxRow, floor: int) -> bytes:
        return encode(
            Envelope(
                id=row.event_id,
                source=self._source,
                type=row.type,
                time=row.occurred_at,
                epoch=self._epoch,
                sequence=row.sequence,
                floor=floor,
                data=json.loads(row.data),
            )
        )
