"""A real edge without cameras: its files, keys, outbox, lists and enrolment; and what can happen to all of these."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.contract.base import Message
from core.contract.config import Door
from core.contract.events import EdgeStateV1, EventAckV1, PassageV1, StepTimes
from core.contract.ids import CheckpointId, EdgeId, EstateId, ModelId, SubjectKey, new_id
from core.contract.list_opening import ListOpener, ListRefusedError
from core.contract.lists import ListHideV1, ListMessage, ListReceiptV1, ListRollV1
from core.contract.signed import QrPass
from core.contract.topics import Channel, topic
from core.contract.vocabulary import Verdict
from edge.checkpoint.decide import decide
from edge.enrol.enroller import Enroller
from edge.enrol.portrait import Portrait, PortraitReader
from edge.enrol.sealing import Resealer
from edge.enrol.tickets import TicketBook
from edge.evidence import Moment, Observation, PassEvidence
from edge.health import Counters
from edge.keys import edge_dir, load_or_create
from edge.link.inbox import read
from edge.link.sender import OutboxSender
from edge.lists.mirror import LIST_FILE, ListMirror
from edge.outbox import DurableOutbox
from edge.passage import decided_passage
from models.types import Float
from tests.integration.consent.bus import Bus, Letter
from tests.integration.consent.clock import Clock
from tests.integration.consent.core_side import ESTATE, FACE_CHECKPOINTS
from watchlists.faces.ids import to_text
from watchlists.store.rows import OF_TEMPLATE
from watchlists.thresholds import Calibration

MODEL, DIMENSION = ModelId("toy@000000000000"), 32
CALIBRATION = Calibration(identify=((10, 0.95), (100, 0.95)), verify=0.95)
FRESH_FOR = timedelta(hours=24)
_UNBOUNDED_PAGES = 2**30
_folders = count(1)


def face(number: int) -> Float:
    """The face with that number: any two of them are strangers to each other."""
    raw = np.random.default_rng(number).normal(size=DIMENSION)
    return np.asarray(raw / np.linalg.norm(raw), np.float32)


class DrawnPortraits(PortraitReader):
    """A picture here is the number of a face: detector and embedder have tests of their own."""

    def __init__(self) -> None:
        super().__init__(detector=cast(Any, None), embedder=cast(Any, SimpleNamespace(model=MODEL)))

    def read(self, encoded: bytes) -> Portrait:
        return Portrait(face(int(encoded)), quality=0.9)


class Anchor(StrEnum):
    """What becomes of the anchor when an older copy of the lists is put back."""

    KEPT = "kept"
    LOST = "lost"
    PUT_BACK_TOO = "put_back_too"  # the one case an edge can't notice, see ``edge.lists.anchor``


class Edge:
    """An edge's process and its disk. there: connected to the bus."""

    def __init__(self, folder: Path, name: str, core_key: Ed25519PublicKey, clock: Clock, bus: Bus) -> None:
        self.id = EdgeId(name)
        self.there = False
        self.newest_roll: datetime | None = None
        self.held_when_signed: dict[str, frozenset[str]] = {}
        """By signature of every receipt: the consents of all templates that stood on the disk at that moment."""
        self.told_to_hide: dict[str, int] = {}
        """People, and the number of the change that ends it; what it wrote down and can't have lost."""
        self._disk_is_full = False
        self._folder = folder
        self._core_key = core_key
        self._clock, self._boot_id = clock, new_id()
        self._bus = bus
        self._copies: list[Path] = []
        self.state_dir = self._new_folder("state")
        self._open()

    # -- the process

    def _open(self) -> None:
        self._keys = load_or_create(self.state_dir, self.id)
        home = edge_dir(self.state_dir, self.id)
        self.outbox = DurableOutbox(home / "outbox.db", max_rows=1000, max_bytes=10_000_000)
        self._sender = OutboxSender(self.outbox, EstateId(ESTATE), self.id)
        self._tickets = TicketBook(home / "tickets.db")
        self.mirror = ListMirror(
            self.state_dir,
            self.id,
            self._keys,
            core_public_key=self._core_key,
            model=MODEL,
            dimension=DIMENSION,
            calibration=CALIBRATION,
            margin=0.0,
            fresh_for=FRESH_FOR,
            reseal=Resealer(self.outbox, Counters(), self._clock),
            clock=self._clock,
        )

    def close(self) -> None:
        self.mirror.close()
        self.outbox.close()
        self._tickets.close()

    def restart(self) -> None:
        self.close()
        self._open()
        self.there = False

    def crash(self) -> None:
        """The process dies, its disk stays as it is in this moment: what closing would still write is not there."""
        as_it_was = self._new_folder("crashed")
        shutil.copytree(self.state_dir, as_it_was, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
        self.close()
        shutil.rmtree(self.state_dir)
        self.state_dir = as_it_was
        self._open()
        self.there = False

    def dies_hearing(self, letter: Letter, statement: int) -> bool:
        """Hear ``letter`` in a process that is killed before SQL statement ``statement``; False if it lived.

        Nothing it said is heard by anybody.
        """
        self.close()
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                self._hear_and_die(letter, statement)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        self._open()
        self.there = False
        return os.waitstatus_to_exitcode(status) == -signal.SIGKILL

    def _hear_and_die(self, letter: Letter, statement: int) -> None:
        self._open()
        executed = 0

        def trace(_: str) -> None:
            nonlocal executed
            executed += 1
            if executed == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        self.mirror._store._file.db.set_trace_callback(trace)
        self.hear(letter)

    # -- the disk

    def back_up(self) -> None:
        copy = self._new_folder("copy")
        for path in self._list_files():
            shutil.copy(path, copy / path.name)
        self._copies.append(copy)

    @property
    def backups(self) -> int:
        return len(self._copies)

    def put_back(self, number: int, anchor: Anchor) -> None:
        """An older copy of the lists takes their place; keys and outbox stay."""
        copy = self._copies[number % len(self._copies)]
        with self._stopped():
            self._forget_lists(anchor_too=anchor is not Anchor.KEPT)
            for path in copy.iterdir():
                if path.suffix != ".anchor" or anchor is Anchor.PUT_BACK_TOO:
                    shutil.copy(path, edge_dir(self.state_dir, self.id) / path.name)

    def lose_lists(self, *, anchor_too: bool) -> None:
        with self._stopped():
            self._forget_lists(anchor_too=anchor_too)

    def make_new_keys(self) -> None:
        """As after the disk with the keys was changed; what lists there are stay readable (the site key)."""
        with self._stopped():
            for name in ("edge.key", "edge-signing.key"):
                (edge_dir(self.state_dir, self.id) / name).unlink()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """The lists' file can't grow meanwhile."""
        db = self.mirror._store._file.db
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages}").fetchone()
        self._disk_is_full = True
        try:
            yield
        finally:
            self._disk_is_full = False
            db.execute(f"PRAGMA max_page_count={_UNBOUNDED_PAGES}").fetchone()

    def consents_on_disk(self) -> frozenset[str]:
        """The consent of every template that stands in the file, found or not, locked or not."""
        uri = f"file:{edge_dir(self.state_dir, self.id) / LIST_FILE}?mode=ro"
        query = f"SELECT DISTINCT h.owner FROM face_templates t JOIN holdings h ON {OF_TEMPLATE}"
        with closing(sqlite3.connect(uri, uri=True)) as db:
            return frozenset(to_text(owner[16:]) for (owner,) in db.execute(query))

    def _list_files(self) -> list[Path]:
        stem = Path(LIST_FILE).stem
        found = edge_dir(self.state_dir, self.id).glob(f"{stem}.*")
        return [one for one in found if one.suffix != ".lock" and not one.name.endswith("-shm")]

    def _forget_lists(self, *, anchor_too: bool) -> None:
        self.told_to_hide.clear()
        for path in self._list_files():
            if path.suffix != ".anchor" or anchor_too:
                path.unlink()

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        self.close()
        yield
        self._open()
        self.there = False

    def _new_folder(self, purpose: str) -> Path:
        folder = self._folder / f"{purpose}-{next(_folders)}"
        folder.mkdir(parents=True)
        return folder

    # -- speaking and hearing, as the link does

    def connect(self) -> None:
        self.there = True
        self._say(Channel.EDGE_AVAILABILITY, b"online")
        self.tell_state()
        self._tell(self.mirror.receipt())
        self._sender.reconnected()

    def go_away(self) -> None:
        """Noticed by the broker, which says so."""
        self.there = False
        self._say(Channel.EDGE_AVAILABILITY, b"offline")

    def tell_state(self) -> None:
        now = self._clock()
        state = EdgeStateV1(
            edge=self.id,
            at=now,
            started_at=now,
            key_base64=_base64(self._keys.private.public_key().public_bytes_raw()),
            signing_key_base64=_base64(self._keys.signing.public_key().public_bytes_raw()),
            steady_s=self._clock.monotonic(),
            boot_id=self._boot_id,
            list_version=self.mirror.version,
            outbox_rows=0,
        )
        self._say(Channel.EDGE_STATE, state.model_dump_json().encode())

    @property
    def fingerprint(self) -> str:
        return self._keys.fingerprint

    def hear(self, letter: Letter) -> None:
        message = read(letter.topic, letter.payload, retained=False, estate=ESTATE, edge=self.id)
        if isinstance(message, EventAckV1):
            self._sender.acknowledged(message.epoch, message.sequence)
            return
        if isinstance(message, ListRollV1):
            self.newest_roll = max(message.at, self.newest_roll or message.at)
        if isinstance(message, ListHideV1):
            self._hide(message)
        receipt = self.mirror.apply(cast(ListMessage, message))
        if receipt is not None:
            self._tell(receipt)

    def _hide(self, message: ListHideV1) -> None:
        self.mirror.hide(message)
        opener = ListOpener(self.id, self._core_key, self._keys.private)
        with suppress(ListRefusedError):  # for keys it no longer has
            for one in opener.hidden(message) if not self._disk_is_full else ():
                self.told_to_hide[one.subject] = max(one.until, self.told_to_hide.get(one.subject, 0))

    def send_events(self) -> int:
        """Every event the core has not acknowledged, again; how many."""
        self._sender.reconnected()
        parcels = self._sender.due()
        for parcel in parcels:
            self._say(Channel.EDGE_EVENT, parcel.wire)
        return len(parcels)

    def put_in_outbox(self, message: Message) -> None:
        self.outbox.append(message, self._clock())

    def _tell(self, receipt: ListReceiptV1) -> None:
        assert receipt.signature_base64 is not None
        self.held_when_signed[receipt.signature_base64] = self.consents_on_disk()
        self._say(Channel.LIST_RECEIPT, receipt.model_dump_json().encode())

    def _say(self, channel: Channel, payload: bytes) -> None:
        self._bus.send(Letter(self.id, True, topic(ESTATE, channel, self.id), payload))

    # -- people

    @property
    def enroller(self) -> Enroller:
        return Enroller(self.id, self._core_key, DrawnPortraits(), self._tickets, self.outbox, self._clock)

    def finds(self, subject: str, vector: Float) -> tuple[str, str] | None:
        """How somebody with this face is recognised here, if at all, and as whom; asked in every way a gate can ask."""
        now, probes = self._clock(), vector[None]
        if not self.mirror.recogniser_may_run(now):
            return None
        for checkpoint in map(CheckpointId, FACE_CHECKPOINTS[self.id]):
            match = self.mirror.identify(probes, checkpoint, now)
            if match is not None:
                return "identified", match.subject
            match = self.mirror.sought(probes, checkpoint, now)
            if match is not None:
                return "sought", match.subject
        likeness = self.mirror.compare(SubjectKey(subject), probes)
        if likeness is not None and likeness.score >= self.mirror.verify_threshold:
            return "compared", subject
        return None

    def sees_pass(self, door: Door, qr: QrPass, vector: Float) -> PassageV1:
        """Somebody with this face holds up ``qr`` at ``door``; what is told of it waits in the outbox."""
        now = self._clock()
        likeness = self.mirror.compare(qr.subject, vector[None])
        seen = PassEvidence(qr, likeness, self.mirror.verify_threshold, good_shots=1, others_in_zone=0)
        moment = Moment(0.0, now, 0.0)
        observation = Observation(door.id, door.camera, seen, moment, moment, StepTimes())
        decision = decide(door, seen, self.mirror, now)
        opened = decision.verdict is Verdict.ADMIT
        passage = decided_passage(door, observation, decision, opened=opened, decision_ms=None)
        self.put_in_outbox(passage)
        return passage


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
