"""Bringing a database to the tables of this version."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from core.errors import CoreError
from core.storage.database import Database

_MIGRATIONS = Path(__file__).with_name("migrations")


class NewerDatabaseError(CoreError):
    """A later Anju changed these tables in a way that this one does not know."""


def upgrade(url: str) -> None:
    """Make or change the tables until they are those of this version. Safe to repeat, and for two processes at once.

    Raises NewerDatabaseError, before anything is changed; sqlalchemy.exc.OperationalError when the database can't be
    reached.
    """
    database = Database(url)
    try:
        with database.migrating() as connection:
            settings = alembic_config(connection=connection)
            _check_known(connection, settings)
            command.upgrade(settings, "head")
    finally:
        database.close()


def _check_known(connection: Connection, settings: Config) -> None:
    known = {step.revision for step in ScriptDirectory.from_config(settings).walk_revisions()}
    unknown = sorted(set(MigrationContext.configure(connection).get_current_heads()) - known)
    if unknown:
        raise NewerDatabaseError(
            f"the estate's database was made by a newer Anju (its tables are at {', '.join(unknown)}, which this one "
            "does not know): upgrade this Anju, or restore the backup made before that one was started"
        )


def alembic_config(**attributes: object) -> Config:
    """Alembic's settings, without a file. attributes: ``connection``, inside the transaction to use."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes.update(attributes)
    return config
