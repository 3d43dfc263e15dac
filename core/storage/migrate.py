"""Bringing a database to the tables of this version."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from core.storage.database import Database

_MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(url: str) -> None:
    """Make or change the tables until they are those of this version. Safe to repeat, and for two processes at once.

    Raises sqlalchemy.exc.OperationalError when the database can't be reached.
    """
    database = Database(url)
    try:
        with database.migrating() as connection:
            command.upgrade(alembic_config(connection=connection), "head")
    finally:
        database.close()


def alembic_config(**attributes: object) -> Config:
    """Alembic's settings, without a file. attributes: ``connection``, inside the transaction to use."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes.update(attributes)
    return config
