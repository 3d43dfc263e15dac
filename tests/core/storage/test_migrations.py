"""The migrations lead to exactly the tables the code expects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from core.live import append, newest
from core.storage.database import Database
from core.storage.migrate import NewerDatabaseError, upgrade
from core.storage.schema import Base


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


def test_the_migrated_tables_are_those_of_the_schema(empty_url: str) -> None:
    upgrade(empty_url)
    database = Database(empty_url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_two_processes_that_start_together_migrate_once(empty_url: str) -> None:
    program = "import sys; from core.storage.migrate import upgrade; upgrade(sys.argv[1])"
    started = [subprocess.Popen([sys.executable, "-c", program, empty_url]) for _ in range(2)]
    assert [one.wait(timeout=60) for one in started] == [0, 0]
    database = Database(empty_url)
    assert "passages" in inspect(database.engine).get_table_names()
    database.close()


def test_upgrading_again_keeps_what_is_there(database: Database, database_url: str) -> None:
    with database.writing() as db:
        append(db, "edge", {"id": "edge-1"})
    upgrade(database_url)
    with database.reading() as db:
        assert newest(db) == 1


def test_a_database_that_cant_be_reached_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(OperationalError):
        upgrade(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")


def test_a_database_of_a_newer_anju_is_refused_in_one_sentence_and_left_as_it_is(
    database: Database, database_url: str
) -> None:
    with database.writing() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    with pytest.raises(
        NewerDatabaseError, match=r"newer Anju .*9999_future.* upgrade .* restore the backup"
    ) as refused:
        upgrade(database_url)
    assert "\n" not in str(refused.value)
    with database.reading() as db:
        assert db.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999_future"
