"""The real core without a broker: what its process does, step by step, as a test says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.cases import do_expire_cases
from core.clock.guard import CoreClock
from core.clock.record import do_confirm_clock
from core.contract.config_file import LoadedConfig, load_config
from core.contract.events import EventAckV1
from core.contract.lists import ListReceiptV1
from core.contract.topics import Channel, parse, topic
from core.ingest.arrivals import Arrival
from core.ingest.batch import Rulebook
from core.ingest.committer import Committer
from core.ingest.control import ControlDesk, EdgeCameOnline, EdgeWentOffline
from core.keys import load_or_create_signing_key
from core.lists.relay import Relay
from core.lists.sent_numbers import FILE as NUMBERS_FILE
from core.lists.sent_numbers import SentNumbers
from core.lists.upkeep import ListUpkeep
from core.people.consent.upkeep import DUE_EVERY_S, ConsentUpkeep
from core.people.tombstones import JOURNAL_FILE
from core.service import opened, plate_keeper, prepare, tombstone_journal
from core.storage.schema import EdgeRow, ErasureRow, SealedTemplateRow
from tests.core.estates import estate_tree
from tests.core.lists.line import AtOnce
from tests.integration.consent.bus import Bus, Letter
from tests.integration.consent.clock import Clock, MachineClock
from tests.integration.consent.shelves import Shelf

ESTATE = "test-estate"
FACE_CHECKPOINTS = {"edge-1": ("gate", "door"), "edge-2": ("back",), "edge-3": ("annex",)}
"""Where each edge compares faces."""
SOUGHT_AT = ("gate", "back")
"""Where a missing person can be looked for."""


def _tree(url: str) -> dict[str, Any]:
    """The usual test estate and a third edge, at an annex that is opened later."""
    tree = estate_tree(database={"url": url})
    name = {"zh": "某处", "en": "Somewhere"}
    login = {"user": "edge-3", "password_file": "edge-3.password"}
    tree["edges"].append({"id": "edge-3", "enrol_port": 8793, "broker_login": login})
    camera = {"id": "cam-annex", "edge": "edge-3", "name": name, "kind": "gate", "url": "rtsp://cameras/annex"}
    tree["cameras"].append(camera)
    door = next(one for one in tree["checkpoints"] if one["id"] == "door")
    tree["checkpoints"].append(door | {"id": "annex", "camera": "cam-annex"})
    return tree


class CommitFailedError(Exception):
    """The database took everything and lost it at the commit."""


class Core:
    """Started, it hears letters, sends some, and looks after what is due."""

    def __init__(self, folder: Path, shelf: Shelf, clock: Clock, bus: Bus) -> None:
        self.folder = folder
        self._shelf = shelf
        self._clock = clock
        self.wall = MachineClock(clock)
        self._bus = bus
        self._copies: list[str] = []
        self.start()

    # -- the process

    def start(self) -> None:
        path = self.folder / "estate.yaml"
        path.write_text(json.dumps(_tree(self._shelf.url)))
        self.loaded: LoadedConfig = load_config(path)
        with patch("core.service.datetime", self.wall):
            prepare(self.loaded)
        self._running = ExitStack()
        self.database = self._running.enter_context(opened(self.loaded))
        self._commits_fail = False
        self.database.before_commit(self._fail_if_asked)
        self.clock = CoreClock(self.wall, self._clock.monotonic)
        self._look_at_clock()
        config = self.loaded.config
        with self.database.reading() as db:
            plates = plate_keeper(self.loaded, db)
        self.signing_key = load_or_create_signing_key(self.loaded.file(config.core.signing_key_file))
        self._desk = ControlDesk(self.database, config, self.wall)
        self._committer = Committer(self.database, Rulebook.of(config), self.wall)
        self._relay = Relay(
            self.database,
            config.estate.id,
            self.signing_key,
            plates.read,
            SentNumbers(self.loaded.state_dir),
            monotonic=self._clock.monotonic,
            now=self.clock,
            pool=AtOnce(),
            may_roll=lambda: self._consents.journal_problem is None,
        )
        self._consents = ConsentUpkeep(self.database, tombstone_journal(self.loaded), self._clock.monotonic)
        self._lists = ListUpkeep(self.database, config, self._clock.monotonic)
        self._kept_house_s = float("-inf")

    def stop(self) -> None:
        self._relay.connection_lost()
        self._relay.due()  # lets go of snapshots that were on their way
        self._running.close()

    @contextmanager
    def failing_commits(self) -> Iterator[None]:
        """Every commit fails meanwhile with CommitFailedError, after the journal was written."""
        self._commits_fail = True
        try:
            yield
        finally:
            self._commits_fail = False

    def _fail_if_asked(self, _: Session) -> None:
        if self._commits_fail:
            raise CommitFailedError

    def back_up(self) -> None:
        """The database alone is copied: neither the journal nor the numbers that were sent."""
        self.stop()
        self._copies.append(self._shelf.copy())
        self.start()

    @property
    def backups(self) -> int:
        return len(self._copies)

    def put_back(self, number: int, *, journal_lost: bool) -> None:
        """A backup takes the database's place; everything beside it is still there, unless its folder was lost too."""
        self.stop()
        self._shelf.put_back(self._copies[number % len(self._copies)])
        if journal_lost:
            for name in (JOURNAL_FILE, Path(NUMBERS_FILE)):
                self.loaded.file(name).unlink(missing_ok=True)
        self.start()

    @property
    def public_key(self) -> Ed25519PublicKey:
        return self.signing_key.public_key()

    # -- hearing and sending, as the subscriber does

    def hear(self, letter: Letter) -> None:
        where = parse(letter.topic)
        assert where is not None
        if where.channel is Channel.EDGE_EVENT:
            arrival = Arrival(letter.topic, where.id, letter.payload, self.wall())
            for ack in self._committer.commit([arrival]).acks:
                self._acknowledge(ack)
            return
        heard, _ = self._desk.take(letter.topic, letter.payload)
        match heard:
            case EventAckV1() as ack:
                self._acknowledge(ack)
            case EdgeCameOnline(edge):
                self._relay.edge_came_online(edge)
            case EdgeWentOffline(edge):
                self._relay.edge_went_offline(edge)
            case ListReceiptV1() as receipt:
                self._relay.receipt_came(receipt)
            case None:
                pass

    def send(self) -> int:
        """Whatever the relay would send now; how many letters."""
        due = self._relay.due()
        for one in due:
            self._relay.note_sent(one)
            self._say(one.message.edge, Channel.LIST_DELTA, one.message.model_dump_json().encode())
        return len(due)

    @property
    def upkeep_is_due(self) -> bool:
        """Whether the next ``keep_house`` looks after consents: once a minute."""
        return self._clock.monotonic() - self._kept_house_s >= DUE_EVERY_S

    def keep_house(self) -> None:
        """What the process does every few seconds."""
        if self.upkeep_is_due:
            self._kept_house_s = self._clock.monotonic()
        self._look_at_clock()
        now = self.clock()
        self._consents.run(now)
        with self.database.writing() as db:
            do_expire_cases(db, now)
        self._lists.run(now)

    def confirm_clock(self) -> None:
        """Somebody looks at another clock and says: it is right."""
        with self.database.writing() as db:
            do_confirm_clock(db, self._clock(), self.wall(), "manager")
        self._look_at_clock()

    def _look_at_clock(self) -> None:
        with self.database.writing() as db:
            self.clock.look(db)

    def _acknowledge(self, ack: EventAckV1) -> None:
        self._say(ack.edge, Channel.EDGE_ACK, ack.model_dump_json().encode())

    def _say(self, edge: str, channel: Channel, payload: bytes) -> None:
        self._bus.send(Letter(edge, False, topic(ESTATE, channel, edge), payload))

    # -- what stands in the database

    def edge_row(self, edge: str) -> EdgeRow:
        with self.database.reading() as db:
            row = db.get(EdgeRow, edge)
        assert row is not None
        return row

    def heads(self) -> dict[str, int]:
        """Number of the newest change of each edge's list."""
        with self.database.reading() as db:
            return {row.id: row.list_head for row in db.execute(select(EdgeRow.id, EdgeRow.list_head))}

    def templates_held(self) -> dict[str, frozenset[str]]:
        """Edges that each template is kept for."""
        with self.database.reading() as db:
            rows = db.execute(select(SealedTemplateRow.template_id, SealedTemplateRow.edge_id)).all()
        return {one: frozenset(edge for other, edge in rows if other == one) for one, _ in rows}

    def confirmed(self) -> list[ErasureRow]:
        with self.database.reading() as db:
            return list(db.scalars(select(ErasureRow).where(ErasureRow.confirmed_at.is_not(None))))
