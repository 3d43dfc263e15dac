"""Passes and tickets hold what was signed, and nothing that anybody else made."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.ids import ConsentId, EdgeId, PassId, SubjectKey, new_id
from core.contract.signed import (
    ClaimError,
    EnrolmentTicket,
    QrPass,
    Recipient,
    sign_pass,
    sign_ticket,
    verify_pass,
    verify_ticket,
)

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key()
FROM = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
PASS = QrPass(PassId(new_id()), SubjectKey(new_id()), FROM, FROM + timedelta(days=1))
TICKET = EnrolmentTicket(
    ticket_id=new_id(),
    subject=SubjectKey(new_id()),
    consent=ConsentId(new_id()),
    edge=EdgeId("edge-1"),
    expires_at=FROM + timedelta(minutes=5),
    recipients=(Recipient(edge=EdgeId("edge-1"), key_base64=base64.b64encode(b"k" * 32).decode()),),
)
PASS_TEXT, TICKET_TEXT = sign_pass(PASS, KEY), sign_ticket(TICKET, KEY)


def test_what_was_signed_is_read_back() -> None:
    assert verify_pass(PASS_TEXT, PUBLIC) == PASS
    assert verify_ticket(TICKET_TEXT, PUBLIC) == TICKET


def test_a_pass_fits_into_the_dense_mode_of_a_qr_code() -> None:
    assert set(PASS_TEXT) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
    assert len(PASS_TEXT) < 200


def test_another_estates_signature_opens_nothing() -> None:
    other = Ed25519PrivateKey.generate()
    with pytest.raises(ClaimError, match="not signed by this estate"):
        verify_pass(sign_pass(PASS, other), PUBLIC)
    with pytest.raises(ClaimError, match="not signed by this estate"):
        verify_ticket(sign_ticket(TICKET, other), PUBLIC)


def test_a_pass_is_no_ticket_and_a_ticket_is_no_pass() -> None:
    with pytest.raises(ClaimError):
        verify_ticket(PASS_TEXT, PUBLIC)
    with pytest.raises(ClaimError):
        verify_pass(TICKET_TEXT, PUBLIC)


@given(st.integers(0, len(PASS_TEXT) - 1), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
@settings(max_examples=200)
def test_one_changed_character_spoils_a_pass(position: int, character: str) -> None:
    touched = PASS_TEXT[:position] + character + PASS_TEXT[position + 1 :]
    try:
        assert verify_pass(touched, PUBLIC) == PASS  # unchanged, or only in the padding bits that hold nothing
    except ClaimError:
        assert touched != PASS_TEXT


@given(st.integers(0, len(TICKET_TEXT) - 1), st.characters(max_codepoint=127))
@settings(max_examples=200)
def test_one_changed_character_spoils_a_ticket(position: int, character: str) -> None:
    touched = TICKET_TEXT[:position] + character + TICKET_TEXT[position + 1 :]
    try:
        assert verify_ticket(touched, PUBLIC) == TICKET
    except ClaimError:
        assert touched != TICKET_TEXT


@given(st.text() | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=:.").map(lambda text: "AJ1:" + text))
def test_any_text_is_refused_in_words(text: str) -> None:
    for verify in (verify_pass, verify_ticket):
        with pytest.raises(ClaimError):
            verify(text, PUBLIC)


def test_a_pass_of_a_later_version_says_so() -> None:
    raw = base64.b32decode(PASS_TEXT[4:] + "=" * (-len(PASS_TEXT[4:]) % 8))
    body = b"\x02" + raw[1:-64]
    text = "AJ1:" + base64.b32encode(body + KEY.sign(b"anju/pass/v1\0" + body)).decode().rstrip("=")
    with pytest.raises(ClaimError, match="pass version 2 is not known here"):
        verify_pass(text, PUBLIC)


@pytest.mark.parametrize("text", ["", ".", "AJ1:", "AJ1:" + "A" * 300, "x" * 70_000 + "." + "y"])
def test_empty_and_endless_texts_are_refused(text: str) -> None:
    for verify in (verify_pass, verify_ticket):
        with pytest.raises(ClaimError):
            verify(text, PUBLIC)
