"""An estate that ran before consents had all their states comes through with people, consents and templates intact."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text

from core.people.consent.due import do_due_transitions
from core.people.consent.invariants import check_invariants
from core.people.consent.queries import consent, erasures_of
from core.people.consent.record import consent_record
from core.storage.database import Database
from core.storage.migrate import alembic_config, upgrade
from core.storage.schema import SealedTemplateRow, SubjectRow
from tests.core.estates import estate, key

GRANTED = datetime(2026, 10, 1, 8, tzinfo=UTC)
ENDED = GRANTED + timedelta(days=3)
NOTICE = "b326150d8636c213fd3444c3d4b62d97c926bf2f21455f2d16a77ba4665901d7"
WHO, STANDS, WITHDRAWN, TEMPLATE = (key() for _ in range(4))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the tables of 0001, one person, a consent that stands and one that was withdrawn."""
    if request.param == "sqlite":
        found = f"sqlite:///{tmp_path / 'old.db'}"
    else:
        found = request.getfixturevalue("postgres_database")
    database = Database(found)
    with database.migrating() as connection:
        command.upgrade(alembic_config(connection=connection), "0001")
        _fill(connection)
    database.close()
    return found


def _fill(connection: Connection) -> None:
    def insert(table: str, **values: object) -> None:
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)

    granted, ended = GRANTED.isoformat(" "), ENDED.isoformat(" ")
    insert("edges", id="edge-1", approved_key_base64="a" * 44, online=True, list_head=4, list_acked=4)
    insert(
        "subjects",
        key=WHO,
        name="王小明",
        kind="resident",
        checkpoints='["gate"]',
        valid_from=granted,
        created_at=granted,
    )
    shown = [{"event": name, "at": GRANTED.isoformat()} for name in ("notice_shown", "grant")]
    given = {"notice_version": "face-access-1", "notice_sha256": NOTICE, "channel": "desk", "given_by": "self"}
    for number, (state, more) in {
        WITHDRAWN: ("withdrawn", [{"event": "withdraw", "at": ENDED.isoformat(), "by": "desk-1"}]),
        STANDS: ("active", []),
    }.items():
        insert(
            "consents",
            id=number,
            subject=WHO,
            scope="face.access",
            state=state,
            granted_at=granted,
            ended_at=ended if more else None,
            events=json.dumps([*shown, *more]),
            **given,
        )
    insert(
        "sealed_templates",
        template_id=TEMPLATE,
        edge_id="edge-1",
        subject=WHO,
        consent_id=STANDS,
        model="sface@0ba9fbfa01b5",
        key_fingerprint="0" * 16,
        sealed=b"ciphertext",
    )


def test_consents_and_templates_come_through_and_are_as_good_as_new_ones(url: str) -> None:
    upgrade(url)
    database = Database(url)
    with database.writing() as db:
        stands, withdrawn = consent(db, STANDS), consent(db, WITHDRAWN)
        assert (stands.state, stands.granted_at, stands.state_since) == ("active", GRANTED, GRANTED)
        assert (stands.locale, stands.expires_at, stands.guardian) == ("zh", None, None)
        assert (withdrawn.state, withdrawn.ended_at, withdrawn.state_since) == ("withdrawn", ENDED, ENDED)
        template = db.get(SealedTemplateRow, (TEMPLATE, "edge-1"))
        assert template is not None
        assert (template.sealed, template.consent_id) == (b"ciphertext", STANDS)
        person = db.get(SubjectRow, WHO)
        assert person is not None
        assert (person.name, person.turns_14_on) == ("王小明", None)
        assert check_invariants(db) == ()
        assert do_due_transitions(db, ENDED) == {"asked_for_proof": 1}
        assert stands.expires_at == GRANTED + timedelta(days=365)
        assert [one.edge_id for one in erasures_of(db, WITHDRAWN)] == ["edge-1"]
        assert consent_record(withdrawn, estate().estate).events[-1].by == "desk-1"
    database.close()
