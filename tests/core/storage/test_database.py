"""The database keeps to itself what is in it."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from core.storage.database import Database
from core.storage.schema import SubjectRow
from tests.core.estates import NOW, key


def test_an_error_that_may_be_logged_names_nobody(database: Database) -> None:
    who = key()

    def add(name: str) -> None:
        with database.writing() as db:
            db.add(SubjectRow(key=who, name=name, kind="resident", checkpoints=[], valid_from=NOW, created_at=NOW))

    add("王大明")
    with pytest.raises(IntegrityError, match="subjects") as refused:
        add("王小明")
    assert "王小明" not in str(refused.value)
