"""The core process: hears edges, commits, acknowledges, sends lists; until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core import live
from core.cases.cases import do_expire_cases
from core.clock.guard import CoreClock
from core.contract.base import isoformat
from core.contract.config_file import LoadedConfig
from core.errors import CoreError
from core.ingest.subscriber import Subscriber
from core.keys import KeyFileError, load_or_create_signing_key
from core.lists.relay import Relay
from core.lists.sent_numbers import SentNumbers, do_note_restored
from core.lists.sync_places import do_sync_places
from core.lists.upkeep import ListUpkeep
from core.people.consent.restored import replay_tombstones
from core.people.consent.upkeep import ConsentUpkeep
from core.people.plate_key import open_plates
from core.people.plates import PlateKeeper, do_seal_plates
from core.people.tombstones import JOURNAL_FILE, JournalError, TombstoneJournal
from core.storage.database import Database, database_url
from core.storage.migrate import upgrade
from core.storage.schema import SettingRow
from core.tasks import until_first_ends

LIVE_ROWS_KEPT = 20_000
HEARTBEAT_S = 5.0
_HEARTBEAT = "core.heartbeat"

log = structlog.get_logger()


def prepare(loaded: LoadedConfig, *, needs_journal: bool = True) -> None:
    """Everything a first start needs: folder, signing key, tables, the configuration's places. Safe to repeat.

    Consents that ended before a backup was restored are ended again first. Raises JournalError, and what else a person
    has to mend. needs_journal: not for what tells no edge anything; it goes on with a journal that can't be read, so
    that people can withdraw.
    """
    loaded.prepare_state_dir()
    load_or_create_signing_key(loaded.file(loaded.config.core.signing_key_file))
    url = database_url(loaded.config, loaded.state_dir)
    upgrade(url)
    numbers = SentNumbers(loaded.state_dir)
    with opened(loaded) as database:
        with database.writing() as db:
            do_note_restored(db, numbers.read())
        numbers.begin()
        try:
            replay_tombstones(database, tombstone_journal(loaded), datetime.now(UTC))
        except JournalError as error:
            if needs_journal:
                raise
            log.info("journal.unreadable", problem=str(error))
        with database.writing() as db:
            changed = do_sync_places(db, loaded.config)
            with suppress(KeyFileError):  # whoever needs plates is told; without them consents can still end
                do_seal_plates(db, plate_keeper(loaded, db))
    if changed:
        log.info("lists.told_anew", edges=sorted(changed))


def plate_keeper(loaded: LoadedConfig, db: Session) -> PlateKeeper:
    """What reads and seals the plates of this estate. Raises PlateKeyLostError, KeyFileError."""
    return open_plates(db, plate_key_file(loaded))


def plate_key_file(loaded: LoadedConfig) -> Path:
    """Where the key of the plates lies."""
    return loaded.file(loaded.config.core.plate_key_file)


def tombstone_journal(loaded: LoadedConfig) -> TombstoneJournal:
    """Where ended consents are written down, beside the database and in no backup of it."""
    return TombstoneJournal(loaded.file(JOURNAL_FILE))


@contextmanager
def opened(loaded: LoadedConfig) -> Iterator[Database]:
    """The estate's database, closed at the end. Whatever ends a consent stands in the journal before it commits."""
    database = Database(database_url(loaded.config, loaded.state_dir))
    database.before_commit(tombstone_journal(loaded).write_noted)
    try:
        yield database
    finally:
        database.close()


def run_core(loaded: LoadedConfig) -> None:
    """Run the core until SIGTERM or SIGINT: then the batch in hand is committed and the broker told good-bye.

    Raises ConfigError, PlateKeyLostError, KeyFileError, BrokerTlsError and what else a person has to mend before.
    """
    prepare(loaded)
    with opened(loaded) as database:
        with database.reading() as db:
            plates = plate_keeper(loaded, db)
        asyncio.run(_serve(loaded, database, plates))


async def _serve(loaded: LoadedConfig, database: Database, plates: PlateKeeper) -> None:
    key = load_or_create_signing_key(loaded.file(loaded.config.core.signing_key_file))
    clock = CoreClock()
    await asyncio.to_thread(_look, database, clock)
    sent_numbers = SentNumbers(loaded.state_dir)
    consents = ConsentUpkeep(database, tombstone_journal(loaded))
    relay = Relay(
        database,
        loaded.config.estate.id,
        key,
        plates.read,
        sent_numbers,
        now=clock,
        may_roll=lambda: consents.journal_problem is None,
    )
    subscriber = Subscriber(loaded, database, relay)
    await asyncio.to_thread(consents.run, clock())  # what fell due while nobody was there, before edges hear
    lists = ListUpkeep(database, loaded.config)
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    log.info("core.started", estate=loaded.config.estate.id)
    upkeep = _keep_house(database, subscriber, consents, lists, clock)
    await until_first_ends(subscriber.run(), upkeep, told_to_stop.wait())
    log.info("core.stopped")


async def _keep_house(
    database: Database, subscriber: Subscriber, consents: ConsentUpkeep, lists: ListUpkeep, clock: CoreClock
) -> None:
    """Say regularly that the core lives and what it counted; do what consents and lists ask for; keep rows few."""
    work: tuple[tuple[str, Callable[[], None]], ...] = (
        ("clock", lambda: _look(database, clock)),
        ("consent", lambda: consents.run(clock())),
        ("lists", lambda: lists.run(clock())),
        ("cases", lambda: _end_cases(database, clock())),
    )
    while True:
        for what, run in work:
            try:
                await asyncio.to_thread(run)
            except (SQLAlchemyError, CoreError) as error:
                log.warning(f"{what}.upkeep_missed", error=type(error).__name__)
        counts = dict(subscriber.counts) | {f"consent_{name}": number for name, number in consents.counts.items()}
        counts |= clock.counts
        facts = {"at": isoformat(datetime.now(UTC)), "broker": subscriber.connected, "counts": counts}
        try:
            await asyncio.to_thread(_upkeep, database, facts)
        except SQLAlchemyError as error:  # locked, full, away, or another core was faster: the next one will do
            log.warning("core.heartbeat_missed", error=type(error).__name__)
        await asyncio.sleep(HEARTBEAT_S)


def _look(database: Database, clock: CoreClock) -> None:
    with database.writing() as db:
        clock.look(db)


def _end_cases(database: Database, now: datetime) -> None:
    with database.writing() as db:
        ended = do_expire_cases(db, now)
    if ended:
        log.info("cases.expired", number=ended)


def _upkeep(database: Database, facts: dict[str, Any]) -> None:
    with database.writing() as db:
        db.merge(SettingRow(name=_HEARTBEAT, value=json.dumps(facts)))
        live.prune(db, LIVE_ROWS_KEPT)


def heartbeat(db: Session) -> dict[str, Any] | None:
    """What the core last said of itself: ``at`` (RFC 3339), ``broker`` (connected?), ``counts``; None before ever."""
    row = db.get(SettingRow, _HEARTBEAT)
    return json.loads(row.value) if row is not None else None
