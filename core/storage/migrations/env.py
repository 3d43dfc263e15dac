"""Alembic's entry: runs the steps on the connection and in the transaction that ``core.storage.migrate`` opened."""

from __future__ import annotations

from alembic import context

from core.storage.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, compare_type=True)
context.run_migrations()
