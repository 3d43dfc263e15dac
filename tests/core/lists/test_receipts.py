"""Only what an approved edge has signed proves an erasure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, select

from core.contract.config import EstateConfig
from core.contract.lists import ListReceiptV1
from core.contract.topics import Channel, topic
from core.errors import ConflictError, InvalidError, NotFoundError
from core.ingest.control import ControlDesk
from core.lists.erasures import check_write_off, do_write_off_edge, unconfirmed
from core.lists.receipts import ReceiptRefusedError, check_receipt, do_note_receipt
from core.people.consent.ledger import check_withdraw, do_withdraw_consent
from core.people.edges import (
    approved_fingerprint,
    do_approve_edge,
    edge,
    is_trusted,
    pending_fingerprint,
    shown_fingerprint,
)
from core.storage.database import Database
from core.storage.schema import ConsentRow, DeadLetterRow, ErasureRow, ListChangeRow
from tests.core.estates import NOW, consenting_person, enrol, sealed_template
from tests.core.lists.line import Line

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def withdrawn(line: Line) -> str:
    """A consent that has just ended; nobody has heard of it."""
    who, consent = consenting_person(line.database, "gate", "back")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {name: one.key for name, one in line.edges.items()}))
    line.settle()
    with line.database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
    return consent


def owed(database: Database) -> dict[str, int]:
    with database.reading() as db:
        return {one.edge: one.count for one in unconfirmed(db)}


def note(database: Database, receipt: ListReceiptV1) -> None:
    with database.writing() as db:
        do_note_receipt(db, receipt, LATER)


def test_a_signed_receipt_from_every_edge_ends_in_a_proof_that_is_kept(line: Line, withdrawn: str) -> None:
    assert owed(line.database) == {"edge-1": 1, "edge-2": 1}
    line.relay.edge_went_offline("edge-2")
    line.settle()
    assert owed(line.database) == {"edge-2": 1}
    with line.database.reading() as db:
        row = db.get(ConsentRow, withdrawn)
        assert row is not None
        assert row.state == "withdrawn", "one edge has not confirmed"
    line.connect(line.edges["edge-2"])
    line.settle()
    assert owed(line.database) == {}
    with line.database.reading() as db:
        row = db.get(ConsentRow, withdrawn)
        assert row is not None
        assert row.state == "purged"
        for proof in db.scalars(select(ErasureRow)):
            assert proof.receipt is not None
            kept = ListReceiptV1.model_validate_json(proof.receipt)
            assert kept.version >= proof.number
            assert check_receipt(db, kept), "anybody can check it again"


def test_a_receipt_of_an_earlier_number_confirms_nothing(line: Line, withdrawn: str) -> None:
    note(line.database, line.edge.receipt())
    assert owed(line.database) == {"edge-1": 1, "edge-2": 1}


def test_numbers_of_before_a_restore_confirm_nothing_however_often_the_edge_says_them(line: Line) -> None:
    """The numbers file was lost with the disk: the core gives out numbers again that the edge knows otherwise."""
    _, consent = consenting_person(line.database, "gate")
    line.settle()
    with line.database.writing() as db:
        row = edge(db, "edge-1")
        row.list_head = row.list_acked = 0
        db.execute(delete(ListChangeRow).where(ListChangeRow.edge_id == "edge-1"))
    with line.database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
        number = db.get_one(ErasureRow, (consent, "edge-1")).number
    ahead = line.edge.signed(line.edge.receipt().model_copy(update={"version": number + 5}))
    note(line.database, ahead)
    note(line.database, ahead)
    assert owed(line.database)["edge-1"] == 1
    line.settle()
    assert owed(line.database) == {}, "the whole list came, and it signed for that"


def test_an_edge_in_doubt_of_its_lists_proves_nothing(line: Line, withdrawn: str) -> None:
    with line.database.reading() as db:
        head = edge(db, "edge-1").list_head
    doubting = line.edge.receipt().model_copy(update={"version": head, "wants_snapshot": True})
    note(line.database, line.edge.signed(doubting))
    assert owed(line.database)["edge-1"] == 1


def test_no_receipt_takes_the_numbers_where_nothing_can_be_erased_any_more(line: Line) -> None:
    _, consent = consenting_person(line.database, "gate")
    for version in (2**63 - 2, 2**62 + 1):
        absurd = line.edge.receipt().model_copy(update={"version": version})
        with pytest.raises(ReceiptRefusedError, match="nobody can have given"):
            note(line.database, line.edge.signed(absurd))
    note(line.database, line.edge.signed(line.edge.receipt().model_copy(update={"version": 2**62})))
    with line.database.writing() as db:
        assert do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW).state == "withdrawn"


def test_a_receipt_that_should_be_signed_and_is_not_is_refused_and_moves_nothing(line: Line, withdrawn: str) -> None:
    with line.database.reading() as db:
        head, acked = edge(db, "edge-1").list_head, edge(db, "edge-1").list_acked
    claims = line.edge.receipt().model_copy(update={"version": head})
    forged = line.edge.signed(claims, Ed25519PrivateKey.generate())
    bare = claims.model_copy(update={"signature_base64": None})
    moved = line.edge.receipt().model_copy(update={"version": head})
    for receipt in (forged, bare, moved, claims.model_copy(update={"signature_base64": "no base64"})):
        with pytest.raises(ReceiptRefusedError):
            note(line.database, receipt)
    assert owed(line.database) == {"edge-1": 1, "edge-2": 1}
    with line.database.reading() as db:
        assert edge(db, "edge-1").list_acked == acked


def test_another_edges_signature_is_no_signature(line: Line, withdrawn: str) -> None:
    other = line.edges["edge-2"]
    with pytest.raises(ReceiptRefusedError):
        note(line.database, line.edge.signed(line.edge.receipt(), other.signing))


def test_a_refused_receipt_is_a_dead_letter_without_what_it_says(
    line: Line, config: EstateConfig, withdrawn: str
) -> None:
    desk = ControlDesk(line.database, config, now=lambda: NOW)
    unsigned = line.edge.receipt().model_copy(update={"signature_base64": None})
    where = topic("test-estate", Channel.LIST_RECEIPT, "edge-1")
    assert desk.take(where, unsigned.model_dump_json().encode()) == (None, False)
    with line.database.reading() as db:
        letter = db.scalars(select(DeadLetterRow)).one()
        assert (letter.payload, "not signed" in letter.reason) == (b"", True)


def test_without_an_approved_signing_key_receipts_count_and_prove_nothing(line: Line, withdrawn: str) -> None:
    with line.database.writing() as db:
        row = edge(db, "edge-1")
        row.approved_signing_key_base64 = row.signing_key_base64 = None
        head = row.list_head
    unsigned = line.edge.receipt().model_copy(update={"version": head, "signature_base64": None})
    note(line.database, unsigned)
    with line.database.reading() as db:
        assert edge(db, "edge-1").list_acked == head
    assert owed(line.database) == {"edge-1": 1, "edge-2": 1}


def test_a_new_signing_key_proves_something_once_both_keys_were_compared_again(line: Line, withdrawn: str) -> None:
    one = line.edge
    with line.database.reading() as db:
        compared = approved_fingerprint(edge(db, "edge-1"))
    one.signing = Ed25519PrivateKey.generate()
    one.introduce(line.database, approve=False)
    with line.database.reading() as db:
        row = edge(db, "edge-1")
        assert pending_fingerprint(row) == shown_fingerprint(row) == one.fingerprint != compared
    (message,) = (found for found in line.sends() if found.edge == "edge-1")
    one.hear(message)
    with pytest.raises(ReceiptRefusedError, match="approve it again"):
        note(line.database, one.receipt())
    with line.database.writing() as db:
        do_approve_edge(db, "edge-1", one.fingerprint, LATER)
        assert pending_fingerprint(edge(db, "edge-1")) is None
    line.connect(one)
    line.settle()
    assert owed(line.database) == {"edge-1": 1}, "who signs now may be another box: it proves nothing about the first"
    again = withdraw_anew(line)
    line.settle()
    assert owed(line.database) == {"edge-1": 1}, "what is asked of this box it proves"
    with line.database.writing() as db:
        settled = do_write_off_edge(
            db, check_write_off(db, "edge-1", "burnt"), by="desk-1", reason="burnt, seen by two", now=LATER
        )
        assert settled == 1
        assert is_trusted(edge(db, "edge-1")), "the new box stays"
    assert owed(line.database) == {}
    with line.database.reading() as db:
        for consent in (withdrawn, again):
            assert db.get_one(ConsentRow, consent).state == "purged"
        proofs = {row.consent_id: row for row in db.scalars(select(ErasureRow).where(ErasureRow.edge_id == "edge-1"))}
    assert (proofs[withdrawn].written_off_by, proofs[withdrawn].receipt) == ("desk-1", None)
    assert proofs[again].receipt is not None


def withdraw_anew(line: Line) -> str:
    who, consent = consenting_person(line.database, "gate", "back", name="李")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {name: one.key for name, one in line.edges.items()}))
    line.settle()
    with line.database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)
    return consent


def test_an_edge_that_never_comes_back_is_written_off_by_name_and_trusted_no_more(line: Line, withdrawn: str) -> None:
    line.relay.edge_went_offline("edge-2")
    line.settle()
    assert owed(line.database) == {"edge-2": 1}
    with line.database.writing() as db:
        row = edge(db, "edge-2")
        row.online = True
        with pytest.raises(ConflictError, match="connected"):
            check_write_off(db, "edge-2", "burnt")
        row.online = False
        with pytest.raises(InvalidError, match="what became of its storage"):
            check_write_off(db, "edge-2", " ")
        assert do_write_off_edge(db, check_write_off(db, "edge-2", "x"), by="li", reason="shredded", now=LATER) == 1
        assert not is_trusted(edge(db, "edge-2"))
        assert db.get_one(ConsentRow, withdrawn).state == "purged"
    withdraw_anew_at_one(line)
    line.settle()
    assert owed(line.database) == {}, "who is trusted no more is asked nothing"


def withdraw_anew_at_one(line: Line) -> None:
    who, consent = consenting_person(line.database, "gate", name="赵")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {"edge-1": line.edge.key}))
    line.settle()
    with line.database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, consent), "desk-1", NOW)


def test_while_its_log_may_hold_what_was_erased_an_edge_proves_nothing(line: Line, withdrawn: str) -> None:
    (message,) = (found for found in line.sends() if found.edge == "edge-1")
    one = line.edge
    one.hear(message)
    note(line.database, one.signed(one.receipt().model_copy(update={"folded": False})))
    assert owed(line.database)["edge-1"] == 1
    note(line.database, one.receipt())
    assert "edge-1" not in owed(line.database)


def test_approving_a_signing_key_brings_the_proof_of_what_was_erased_before(line: Line, withdrawn: str) -> None:
    one = line.edge
    with line.database.writing() as db:
        row = edge(db, "edge-1")
        row.approved_signing_key_base64 = None
    line.settle()
    assert owed(line.database) == {"edge-1": 1}
    with line.database.writing() as db:
        do_approve_edge(db, "edge-1", one.fingerprint, LATER)
    line.settle()
    assert owed(line.database) == {}


def test_what_an_edge_saw_end_ends_in_a_core_that_forgot(line: Line) -> None:
    who, consent = consenting_person(line.database, "gate")
    _, stands = consenting_person(line.database, "gate", name="李")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {"edge-1": line.edge.key}))
    line.settle()
    told = line.edge.receipt().model_copy(update={"erased": (consent, stands)})
    note(line.database, line.edge.signed(told))
    with line.database.reading() as db:
        states = {key: db.get_one(ConsentRow, key).state for key in (consent, stands)}
    assert states == {consent: "withdrawn", stands: "active"}, "only what the core put there"


def test_an_unsigned_word_ends_nobodys_consent(line: Line) -> None:
    who, consent = consenting_person(line.database, "gate")
    with line.database.writing() as db:
        enrol(db, sealed_template(who, consent, {"edge-1": line.edge.key}))
        edge(db, "edge-1").approved_signing_key_base64 = None
    told = line.edge.receipt().model_copy(update={"erased": (consent,), "signature_base64": None})
    note(line.database, told)
    with line.database.reading() as db:
        assert db.get_one(ConsentRow, consent).state == "active"


def test_an_edge_nobody_knows_is_not_heard(known_database: Database, tmp_path: Path) -> None:
    stranger = Line(known_database, tmp_path, "edge-9").edge
    with known_database.writing() as db, pytest.raises(NotFoundError):
        do_note_receipt(db, stranger.receipt(), NOW)
