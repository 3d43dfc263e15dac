"""What is sealed for one edge and purpose opens for no other, and not at all when touched."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.sealing import (
    LIST_INFO,
    TEMPLATE_INFO,
    SealError,
    fingerprint,
    parse_public_key,
    public_bytes,
    seal,
    unseal,
)

KEY = X25519PrivateKey.generate()
SEALED = seal(b"template", KEY.public_key(), TEMPLATE_INFO)


@given(st.binary(max_size=5000))
@settings(max_examples=30, deadline=None)
def test_its_edge_opens_it(content: bytes) -> None:
    assert unseal(seal(content, KEY.public_key(), LIST_INFO), KEY, LIST_INFO) == content


def test_another_edge_does_not_open_it() -> None:
    with pytest.raises(SealError):
        unseal(SEALED, X25519PrivateKey.generate(), TEMPLATE_INFO)


def test_for_another_purpose_it_does_not_open() -> None:
    with pytest.raises(SealError):
        unseal(SEALED, KEY, LIST_INFO)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
@settings(deadline=None)
def test_one_changed_byte_keeps_it_shut(position: int, change: int) -> None:
    touched = bytearray(SEALED)
    touched[position] ^= change
    # The top bit of an X25519 public value is ignored by RFC 7748, but HPKE binds the value as it was sent.
    with pytest.raises(SealError):
        unseal(bytes(touched), KEY, TEMPLATE_INFO)


@given(st.binary(max_size=200))
@settings(deadline=None)
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


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "é" * 8, base64.b64encode(b"x" * 33).decode()])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_public_key(text)
