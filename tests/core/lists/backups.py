"""A backup of a database, and putting it back: every row of every table, on either kind of database."""

from __future__ import annotations

from sqlalchemy import select

from core.storage.database import Database
from core.storage.schema import Base

Rows = dict[str, list[dict[str, object]]]


def backup(database: Database) -> Rows:
    with database.reading() as db:
        return {
            table.name: [dict(row._mapping) for row in db.execute(select(table))]
            for table in Base.metadata.sorted_tables
        }


def restore(database: Database, rows: Rows) -> None:
    with database.writing() as db:
        for table in reversed(Base.metadata.sorted_tables):
            db.execute(table.delete())
        for table in Base.metadata.sorted_tables:
            if rows[table.name]:
                db.execute(table.insert(), rows[table.name])
