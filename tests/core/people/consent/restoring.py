"""A core's folder whose database is backed up and put back, while the journal beside it stays."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from core.contract.config_file import LoadedConfig
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.service import opened
from tests.core.people.consent.people import consenting, keep_template


def now() -> datetime:
    return datetime.now(UTC)


def enrolled(loaded: LoadedConfig, at: datetime | None = None) -> tuple[str, str]:
    """Somebody with a consent, given now or ``at``, and a template: (subject, consent)."""
    with opened(loaded) as database, database.writing() as db:
        row = consenting(db, now=at or now())
        keep_template(db, row)
        return row.subject, row.id


def withdraw(loaded: LoadedConfig, consent_id: str) -> None:
    with opened(loaded) as database, database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent_id), "desk-1", now())


def database_file(loaded: LoadedConfig) -> Path:
    return loaded.state_dir / "anju.db"


def back_up(loaded: LoadedConfig, name: str = "backup.db") -> Path:
    with opened(loaded) as database, database.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    return Path(shutil.copyfile(database_file(loaded), loaded.state_dir / name))


def put_back(loaded: LoadedConfig, backup: Path) -> None:
    for beside in ("-wal", "-shm"):
        database_file(loaded).with_name(f"anju.db{beside}").unlink(missing_ok=True)
    shutil.copyfile(backup, database_file(loaded))
