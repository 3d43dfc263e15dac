"""What is sent is what the tables say now, never what an old change once meant."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from core.contract.ids import EdgeId
from core.contract.list_opening import ListOpener, ListRefusedError
from core.contract.lists import ChangeBatch, LockTemplates, PutSubject
from core.contract.vocabulary import SubjectKind
from core.lists import render
from core.lists.changes import ChangeOp, note_change
from core.lists.render import SnapshotNeededError, render_batch
from core.lists.sealer import ListSealer
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.plates import PlateUnreadableError
from core.people.subjects import do_put_sought, do_remove_subject
from core.people.vehicles import do_put_vehicle, do_remove_vehicle
from core.storage.database import Database
from core.storage.schema import CaseRow, ConsentRow, TemplateLockRow, VehicleRow
from tests.core.estates import NOW, PLATES, EdgeKey, consenting_person, enrol, key, sealed_template

KEY = Ed25519PrivateKey.generate()


def ops(batch: ChangeBatch) -> list[str]:
    return [change.op for change in batch.changes]


def batch_of(db: Session, edge_id: str = "edge-1", after: int = 0) -> list[str]:
    batch = render_batch(db, edge_id, after, PLATES.read)
    return ops(batch) if batch is not None else []


def test_an_old_change_never_sends_an_erased_template_again(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        enrol(db, sealed_template(who, consent, edge_keys))
    with trusting_database.writing() as db:
        assert batch_of(db) == ["put_subject", "put_template"]
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
        assert batch_of(db) == ["put_subject", "no_change", "erase_templates"]
        do_remove_subject(db, who, NOW)
        assert batch_of(db) == ["no_change", "no_change", "erase_templates", "remove_subject"]


def test_only_the_edge_it_is_for_can_open_a_delta(trusting_database: Database, edge_keys: dict[str, EdgeKey]) -> None:
    consenting_person(trusting_database, "gate", "back")
    with trusting_database.reading() as db:
        rendered = render_batch(db, "edge-1", 0, PLATES.read)
    assert rendered is not None
    delta = ListSealer.of("edge-1", edge_keys["edge-1"].public_base64, KEY).delta(rendered)
    own = ListOpener(EdgeId("edge-1"), KEY.public_key(), edge_keys["edge-1"].private)
    (change,) = own.delta(delta).changes
    assert change.checkpoints == ("gate",)  # type: ignore[union-attr]
    with pytest.raises(ListRefusedError, match="another key"):
        ListOpener(EdgeId("edge-1"), KEY.public_key(), edge_keys["edge-2"].private).delta(delta)


def test_a_person_is_told_without_a_name(trusting_database: Database) -> None:
    consenting_person(trusting_database, "gate", name="王小明")
    with trusting_database.reading() as db:
        batch = render_batch(db, "edge-1", 0, PLATES.read)
        assert batch is not None
        assert "王小明" not in batch.model_dump_json()


def test_batches_are_bounded_and_follow_each_other(
    trusting_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        consenting_person(trusting_database, "gate")
    with trusting_database.reading() as db:
        monkeypatch.setattr(render, "MAX_CHANGES", 2)
        parts = [batch_of(db, after=after) for after in (0, 2, 4, 5)]
        assert [len(part) for part in parts] == [2, 2, 1, 0]
        monkeypatch.setattr(render, "MAX_BATCH_BYTES", 10)
        assert len(batch_of(db)) == 1


def test_a_vehicle_that_was_entered_and_removed_is_only_removed(known_database: Database) -> None:
    who = key()
    with known_database.writing() as db:
        do_put_vehicle(
            db,
            who,
            plate="京A12345",
            kind="visitor",
            checkpoints=["lane"],
            valid_from=NOW,
            valid_until=NOW + timedelta(days=1),
            plates=PLATES,
            now=NOW,
        )
        assert batch_of(db, "edge-2") == ["put_vehicle"]
        do_remove_vehicle(db, who, NOW)
        assert batch_of(db, "edge-2") == ["no_change", "remove_vehicle"]


def lock(db: Session, who: str, consent: str) -> None:
    """As the ledger does when a consent is suspended."""
    row = db.get(ConsentRow, consent)
    assert row is not None
    row.state = "suspended"
    note_change(db, ["edge-1", "edge-2"], ChangeOp.LOCK_TEMPLATES, who, consent, now=NOW)


def test_a_locked_template_is_told_only_together_with_its_lock(
    trusting_database: Database, edge_keys: dict[str, EdgeKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        enrol(db, sealed_template(who, consent, edge_keys))
        lock(db, who, consent)
        assert batch_of(db) == ["put_subject", "put_template", "lock_templates"]
        monkeypatch.setattr(render, "MAX_CHANGES", 2)
        assert batch_of(db) == ["put_subject"], "the lock does not fit"
        assert batch_of(db, after=1) == ["put_template", "lock_templates"]
        monkeypatch.setattr(render, "MAX_CHANGES", 1)
        with pytest.raises(SnapshotNeededError):
            batch_of(db, after=1)


def test_a_lock_that_was_told_before_needs_no_telling_again(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        enrol(db, sealed := sealed_template(who, consent, edge_keys))
        lock(db, who, consent)
        note_change(db, ["edge-1"], ChangeOp.PUT_TEMPLATE, sealed.template_id, now=NOW)
        assert batch_of(db, after=3) == ["put_template"]


def test_a_disputed_template_is_locked_alone(trusting_database: Database, edge_keys: dict[str, EdgeKey]) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        for _ in range(2):
            enrol(db, sealed := sealed_template(who, consent, edge_keys))
        db.add(
            TemplateLockRow(template_id=sealed.template_id, subject=who, consent_id=consent, reason="disputed", at=NOW)
        )
        note_change(db, ["edge-1"], ChangeOp.LOCK_TEMPLATE, sealed.template_id, now=NOW)
        batch = render_batch(db, "edge-1", 0, PLATES.read)
    assert batch is not None
    assert batch.changes[-1] == LockTemplates.model_validate(
        {"subject": who, "consent": consent, "template_id": sealed.template_id}
    )


def sought(db: Session, state: str) -> str:
    """Somebody missing, with a case in that state."""
    who = key()
    do_put_sought(db, who, name="李", checkpoints=["gate"], valid_until=NOW + timedelta(days=30), now=NOW)
    case = CaseRow(
        id=key(),
        kind="missing_person",
        subject=who,
        state=state,
        reason="left home",
        checkpoints=["gate"],
        expires_at=NOW + timedelta(days=9),
        requested_by="desk-1",
        requested_at=NOW,
    )
    db.add(case)
    db.flush()
    note_change(db, ["edge-1"], ChangeOp.PUT_SUBJECT, who, now=NOW)
    return who


def test_who_is_sought_is_told_only_while_the_case_is_open_and_not_beyond_its_end(known_database: Database) -> None:
    with known_database.writing() as db:
        sought(db, "requested")
        assert batch_of(db) == ["no_change"]
        sought(db, "open")
        batch = render_batch(db, "edge-1", 1, PLATES.read)
    assert batch is not None
    (put,) = batch.changes
    assert isinstance(put, PutSubject)
    assert (put.kind, put.valid_until) == (SubjectKind.MISSING, NOW + timedelta(days=9))


def test_a_plate_nobody_can_read_holds_up_nothing_behind_it(known_database: Database) -> None:
    _, consent = consenting_person(known_database, "lane")

    def unreadable(_row: VehicleRow) -> str:
        raise PlateUnreadableError("sealed under another key")

    with known_database.writing() as db:
        do_put_vehicle(
            db,
            key(),
            plate="京A12345",
            kind="resident",
            checkpoints=["lane"],
            valid_from=NOW,
            valid_until=None,
            plates=PLATES,
            now=NOW,
        )
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
        batch = render_batch(db, "edge-2", 0, unreadable)
    assert batch is not None
    assert ops(batch) == ["put_subject", "no_change", "erase_templates"]
