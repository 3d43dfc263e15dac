"""The one way to the database: short sessions, explicit transactions, no wait without an end."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, sessionmaker

from core.contract.config import EstateConfig

BUSY_TIMEOUT_S = 10.0
_WRITES = "anju_writes"
_MIGRATION_LOCK = 0x616E6A76


def database_url(config: EstateConfig, state_dir: Path) -> str:
    """SQLAlchemy URL with its path made absolute and its password put in; never log it."""
    url = make_url(config.database.url)
    if url.drivername.startswith("sqlite"):
        if url.database and url.database != ":memory:":
            url = url.set(database=str((state_dir / url.database).resolve()))
        return url.render_as_string(hide_password=False)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if config.database.password_file is not None:
        url = url.set(password=(state_dir / config.database.password_file).read_text().strip())
    return url.render_as_string(hide_password=False)


class Database:
    """A database and its sessions.

    On SQLite every transaction that may write starts with BEGIN IMMEDIATE: two writers queue instead of failing
    half-way; WAL lets readers go on meanwhile.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._read_sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._write_sessions = sessionmaker(self.engine.execution_options(**{_WRITES: True}), expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session to read with; whatever it changed is rolled back. Rows that were read can be used afterwards."""
        with self._read_sessions() as session:
            try:
                yield session
            finally:
                session.expunge_all()  # a rollback would empty them
                session.rollback()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any error."""
        with self._write_sessions.begin() as session:
            yield session

    def before_commit(self, hook: Callable[[Session], None]) -> None:
        """Have ``hook`` called in every writing transaction right before it commits; what it raises undoes all."""
        event.listen(self._write_sessions, "before_commit", hook)

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """One transaction for changes of tables; a second process that comes with the same waits for its end."""
        with self.engine.execution_options(**{_WRITES: True}).connect() as connection:
            if self.is_sqlite:
                # A table is changed by making it anew, which would take what refers to it along; only outside a
                # transaction can this be switched, and the check below stands in for it.
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.execute("PRAGMA foreign_keys=OFF")
            try:
                with connection.begin():
                    if not self.is_sqlite:
                        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                    yield connection
                    if self.is_sqlite and connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
                        raise RuntimeError("the change of tables would leave rows that refer to nothing; undone")
            finally:
                if self.is_sqlite:
                    connection.invalidate()  # the next connection has its foreign keys switched on

    def close(self) -> None:
        self.engine.dispose()


def _switch_to_wal(cursor: Any) -> None:
    """SQLite's busy timeout doesn't cover this switch: two processes opening a new database would fail each other."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _engine(url: str) -> Engine:
    """Errors of this engine are logged, so they name the statement and never its values: names, plates."""
    if not url.startswith("sqlite"):
        return create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_timeout=BUSY_TIMEOUT_S,
            connect_args={"connect_timeout": 5, "options": f"-c lock_timeout={int(BUSY_TIMEOUT_S * 1000)}"},
        )
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver's guess
        cursor = connection.cursor()
        _switch_to_wal(cursor)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
