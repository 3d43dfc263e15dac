"""What is sealed for one edge and purpose opens for no other, and not at all when touched."""

from __future__ import annotations

import base64
import re
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.sealing import (
    FINGERPRINT_PATTERN,
    LIST_INFO,
    TEMPLATE_INFO,
    SealError,
    edge_fingerprint,
    fingerprint,
    parse_fingerprint,
    parse_public_key,
    public_bytes,
    seal,
    unseal,
)

KEY = X25519PrivateKey.generate()
SEALED = seal(b"template", KEY.public_key(), TEMPLATE_INFO)


@given(st.binary(max_size=5000))
@settings(max_examples=30)
def test_its_edge_opens_it(content: bytes) -> None:
    assert unseal(seal(content, KEY.public_key(), LIST_INFO), KEY, LIST_INFO) == content


def test_another_edge_does_not_open_it() -> None:
    with pytest.raises(SealError):
        unseal(SEALED, X25519PrivateKey.generate(), TEMPLATE_INFO)


def test_for_another_purpose_it_does_not_open() -> None:
    with pytest.raises(SealError):
        unseal(SEALED, KEY, LIST_INFO)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_one_changed_byte_keeps_it_shut(position: int, change: int) -> None:
    touched = bytearray(SEALED)
    touched[position] ^= change
    # The top bit of an X25519 public value is ignored by RFC 7748, but HPKE binds the value as it was sent.
    with pytest.raises(SealError):
        unseal(bytes(touched), KEY, TEMPLATE_INFO)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(garbage: bytes) -> None:
    with pytest.raises(SealError, match="another key or purpose, or damaged"):
        unseal(garbage, KEY, TEMPLATE_INFO)


def test_the_same_content_sealed_twice_looks_different() -> None:
    assert seal(b"template", KEY.public_key(), TEMPLATE_INFO) != SEALED


def test_a_public_key_travels_as_base64_and_shows_a_fingerprint() -> None:
    public = KEY.public_key()
    again = parse_public_key(base64.b64encode(public_bytes(public)).decode())
    assert fingerprint(again) == fingerprint(public)
    assert len(fingerprint(public)) == 16


def test_what_an_administrator_compares_is_128_bits_of_both_keys_in_groups() -> None:
    key, signing = X25519PrivateKey.generate().public_key(), Ed25519PrivateKey.generate().public_key()
    shown = edge_fingerprint(key, signing)
    assert re.fullmatch(FINGERPRINT_PATTERN, shown)
    assert int(shown.replace("-", ""), 16) < 2**128
    others = (
        edge_fingerprint(key, None),
        edge_fingerprint(X25519PrivateKey.generate().public_key(), signing),
        edge_fingerprint(key, Ed25519PrivateKey.generate().public_key()),
    )
    assert len({shown, *others}) == 4
    assert re.fullmatch(FINGERPRINT_PATTERN, others[0])


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["-", "", " ", ":", "\n"]), st.booleans())
def test_a_fingerprint_is_read_however_somebody_groups_it(raw: bytes, between: str, upper: bool) -> None:
    shown = edge_fingerprint(X25519PublicKey.from_public_bytes(raw), None)
    typed = f" {shown} ".replace("-", between)
    assert parse_fingerprint(typed.upper() if upper else typed) == shown


@given(st.text(max_size=50))
def test_nothing_but_a_whole_fingerprint_is_read_as_one(text: str) -> None:
    with suppress(ValueError):
        assert re.fullmatch(FINGERPRINT_PATTERN, parse_fingerprint(text))


@pytest.mark.parametrize("wrong", ["", "3f2a", "0" * 16, "0" * 31, "0" * 33, "0" * 31 + "g", "０" * 32])
def test_half_a_fingerprint_is_none(wrong: str) -> None:
    with pytest.raises(ValueError, match="32 hex digits"):
        parse_fingerprint(wrong)


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "é" * 8, base64.b64encode(b"x" * 33).decode()])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_public_key(text)
