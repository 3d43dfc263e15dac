"""What an edge says it saw of somebody sought: kept with the open case, or not at all."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from core.cases.cases import do_approve_case, do_request_missing_person, sightings
from core.contract.config import EstateConfig
from core.contract.events import SightingV1
from core.contract.ids import CheckpointId, SightingId, SubjectKey, new_id
from core.storage.database import Database
from core.storage.schema import CaseRow, DeadLetterRow, SightingRow
from tests.core.estates import NOW, event, familys_consent, key
from tests.core.ingest.commit import commit


def case(database: Database, *, approved: bool) -> CaseRow:
    with database.writing() as db:
        row = do_request_missing_person(
            db,
            key(),
            name="王奶奶",
            reason="昨日离家未归",
            checkpoints=["gate"],
            expires_at=NOW + timedelta(days=7),
            requested_by="li",
            now=NOW,
        )
        assert row.subject is not None
        familys_consent(db, row.subject)
        for account in ("wang", "zhao") if approved else ():
            do_approve_case(db, row.id, account, NOW)
        return row


def seen(subject: str | None, checkpoint: str = "gate") -> SightingV1:
    return SightingV1(
        sighting_id=SightingId(new_id()),
        checkpoint=CheckpointId(checkpoint),
        occurred_at=NOW,
        subject=SubjectKey(subject or key()),
    )


def kept(database: Database) -> int:
    with database.reading() as db:
        return len(db.scalars(select(SightingRow)).all())


def test_a_sighting_is_kept_once_with_its_open_case(known_database: Database, config: EstateConfig) -> None:
    row = case(known_database, approved=True)
    once = seen(row.subject)
    done = commit(known_database, config, event(once, 1), event(once, 2), event(seen(row.subject), 3))
    assert done.acks[0].sequence == 3
    assert not any("sight" in name for name in done.counts), "a count would tell when"
    with known_database.reading() as db:
        assert [one.checkpoint for one in sightings(db, row.id)] == ["gate", "gate"]


def test_what_no_case_asked_for_leaves_nothing(known_database: Database, config: EstateConfig) -> None:
    row = case(known_database, approved=False)
    done = commit(known_database, config, event(seen(row.subject), 1), event(seen(None), 2))
    assert done.acks[0].sequence == 2
    assert kept(known_database) == 0


def test_an_edge_cant_see_at_anothers_checkpoint_and_its_claim_is_not_kept(
    known_database: Database, config: EstateConfig
) -> None:
    row = case(known_database, approved=True)
    done = commit(known_database, config, event(seen(row.subject, "back"), 1))
    assert (done.counts["unusable"], done.acks[0].sequence) == (1, 1)
    assert kept(known_database) == 0
    with known_database.reading() as db:
        letter = db.scalars(select(DeadLetterRow)).one()
    assert (letter.payload, "belongs to another edge" in letter.reason) == (b"", True)
