"""What is sent is what the tables say now, never what an old change once meant."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from core.contract.config import EstateConfig
from core.contract.ids import EdgeId
from core.contract.lists import ListReceiptV1
from core.contract.sealing import SealError
from core.contract.signed import list_claim, verify_list
from core.lists import render
from core.lists.places import do_sync_places
from core.lists.receipts import do_note_receipt
from core.lists.render import render_batch, render_delta
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.edges import edge
from core.people.enrolment import do_store_template
from core.people.subjects import do_remove_subject
from core.people.vehicles import do_put_vehicle, do_remove_vehicle
from core.storage.database import Database
from tests.core.estates import NOW, PLATES, EdgeKey, consenting_person, estate_tree, key, sealed_template
from tests.core.lists.unseal import opened, ops

KEY = Ed25519PrivateKey.generate()


def batch_of(db: Session, edge_id: str = "edge-1", after: int = 0) -> list[str]:
    batch = render_batch(db, edge_id, after, PLATES.read)
    return ops(batch) if batch is not None else []


def test_an_old_change_never_sends_an_erased_template_again(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        do_store_template(db, sealed_template(who, consent, edge_keys), NOW)
    with trusting_database.writing() as db:
        assert batch_of(db) == ["put_subject", "put_template"]
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
        assert batch_of(db) == ["put_subject", "no_change", "erase_templates"]
        do_remove_subject(db, who, NOW)
        assert batch_of(db) == ["no_change", "no_change", "erase_templates", "remove_subject"]


def test_only_the_edge_it_is_for_can_open_a_delta(trusting_database: Database, edge_keys: dict[str, EdgeKey]) -> None:
    consenting_person(trusting_database, "gate", "back")
    with trusting_database.reading() as db:
        delta = render_delta(db, edge(db, "edge-1"), 0, KEY, PLATES.read)
        assert delta is not None
    sealed = base64.b64decode(delta.sealed_base64)
    verify_list(list_claim(EdgeId("edge-1"), 1, 1, sealed), delta.signature_base64, KEY.public_key())
    batch = opened(delta, edge_keys["edge-1"])
    assert (batch.edge, batch.first, batch.last, delta.first, delta.last) == ("edge-1", 1, 1, 1, 1)
    assert batch.changes[0].checkpoints == ("gate",)  # type: ignore[union-attr]
    with pytest.raises(SealError):
        opened(delta, edge_keys["edge-2"])


def test_a_person_is_told_without_a_name(trusting_database: Database) -> None:
    consenting_person(trusting_database, "gate", name="王小明")
    with trusting_database.reading() as db:
        batch = render_batch(db, "edge-1", 0, PLATES.read)
        assert batch is not None
        assert "王小明" not in batch.model_dump_json()


def test_nothing_is_sealed_for_an_edge_nobody_approved(known_database: Database) -> None:
    consenting_person(known_database, "gate")
    with known_database.reading() as db:
        assert render_delta(db, edge(db, "edge-1"), 0, KEY, PLATES.read) is None


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


def test_an_edge_that_lost_its_mirror_is_told_from_the_beginning(trusting_database: Database) -> None:
    consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        assert do_note_receipt(db, receipt(1), NOW).list_acked == 1
        assert do_note_receipt(db, receipt(0), NOW).list_acked == 0
        assert batch_of(db, after=0) == ["put_subject"]


def test_an_edge_that_is_ahead_of_a_restored_core_is_told_everything_under_higher_numbers(
    trusting_database: Database, edge_keys: dict[str, EdgeKey]
) -> None:
    who, consent = consenting_person(trusting_database, "gate")
    with trusting_database.writing() as db:
        do_store_template(db, sealed_template(who, consent, edge_keys), NOW)
        row = do_note_receipt(db, receipt(40), NOW)
        assert (row.list_acked, row.list_head) == (40, 42)
        assert batch_of(db, after=40) == ["put_subject", "put_template"]


def test_a_checkpoint_that_moves_to_another_edge_takes_its_people_along(trusting_database: Database) -> None:
    consenting_person(trusting_database, "gate")
    tree = estate_tree()
    tree["cameras"][0]["edge"] = "edge-2"
    with trusting_database.writing() as db:
        assert do_sync_places(db, EstateConfig.model_validate(tree), NOW) == {"edge-1", "edge-2"}
        assert batch_of(db, "edge-1")[-1] == "remove_subject"
        assert batch_of(db, "edge-2") == ["put_subject"]
        assert do_sync_places(db, EstateConfig.model_validate(tree), NOW) == frozenset()


def receipt(version: int, problem: str | None = None) -> ListReceiptV1:
    fields = {"edge": "edge-1", "version": version, "at": NOW, "templates": 0, "problem": problem}
    return ListReceiptV1.model_validate(fields)
