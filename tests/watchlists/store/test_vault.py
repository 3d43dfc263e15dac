"""What is encrypted opens with its key, in its place, unchanged, and in no other way."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.ids import ModelId
from tests.watchlists.store.shelf import DIMENSION, MODEL, drawn
from watchlists.store.errors import SealBrokenError
from watchlists.store.vault import KEY_BYTES, PAGE_KEYS, SEAL_BYTES, Vault, new_data_key

WRAPPING = bytes(range(KEY_BYTES))
VAULT = Vault(WRAPPING, "gate-1")
KEYS = os.urandom(PAGE_KEYS * KEY_BYTES)
KEY = new_data_key()
FIRST_ID, SECOND_ID, OWNER = os.urandom(16), os.urandom(16), os.urandom(32)
VECTORS = drawn().tobytes() + drawn().tobytes()
SEALED = VAULT.seal_sheet(KEY, FIRST_ID + SECOND_ID, OWNER, MODEL, VECTORS)
OTHER_PLACE, OTHER_KEY = Vault(WRAPPING, "gate-2"), Vault(bytes(KEY_BYTES), "gate-1")


def opened(
    vault: Vault = VAULT,
    model: ModelId = MODEL,
    key: bytes | None = KEY,
    template_ids: bytes = FIRST_ID + SECOND_ID,
    owner: bytes = OWNER,
    sealed: bytes = SEALED,
) -> bytes | None:
    return vault.open_sheet(model, key=key, template_ids=template_ids, owner=owner, sealed=sealed)


def test_a_page_of_keys_opens_under_its_number_in_its_place() -> None:
    sealed = VAULT.seal_page(7, KEYS)
    assert VAULT.open_page(7, sealed) == KEYS
    with pytest.raises(SealBrokenError):
        VAULT.open_page(8, sealed)
    for stranger in (OTHER_PLACE, OTHER_KEY):
        with pytest.raises(SealBrokenError):
            stranger.open_page(7, sealed)


def test_a_page_of_another_size_is_refused() -> None:
    with pytest.raises(SealBrokenError):
        VAULT.open_page(7, VAULT.seal_page(7, KEYS[:-1]))


def test_a_sheet_opens_for_its_own_ids_owner_model_place_and_key_alone() -> None:
    assert opened() == VECTORS
    assert opened(key=new_data_key()) is None
    assert opened(key=None) is None
    assert opened(template_ids=SECOND_ID + FIRST_ID) is None
    assert opened(template_ids=FIRST_ID + os.urandom(16)) is None
    assert opened(template_ids=FIRST_ID) is None
    assert opened(template_ids=b"") is None
    assert opened(owner=os.urandom(32)) is None
    assert opened(owner=OWNER[16:] + OWNER[:16]) is None
    assert opened(model=ModelId("other@000000000000")) is None
    assert opened(OTHER_PLACE) is None


@pytest.mark.parametrize(("dimension", "opens"), [(DIMENSION, True), (DIMENSION - 1, False), (2 * DIMENSION, False)])
def test_a_sheet_of_vectors_of_another_length_is_left_out(dimension: int, opens: bool) -> None:
    ids = [FIRST_ID + SECOND_ID]
    sheets = VAULT.open_sheets(MODEL, 4 * dimension, keys=[KEY], template_ids=ids, owners=[OWNER], sealed=[SEALED])
    assert sheets == [VECTORS if opens else b""]


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_closes_a_sheet(position: int, flip: int) -> None:
    changed = bytearray(SEALED)
    changed[position] ^= flip
    assert opened(sealed=bytes(changed)) is None


@given(st.binary(max_size=2 * SEAL_BYTES))
def test_whatever_lies_there_is_told_apart_from_a_sheet(garbage: bytes) -> None:
    assert opened(sealed=garbage) is None
    with pytest.raises(SealBrokenError):
        VAULT.open_page(1, garbage)


def test_the_same_twice_is_never_the_same_ciphertext() -> None:
    assert len({VAULT.seal_page(1, KEYS) for _ in range(20)}) == 20
    sheets = {VAULT.seal_sheet(KEY, FIRST_ID + SECOND_ID, OWNER, MODEL, VECTORS) for _ in range(20)}
    assert len({sheet[:12] for sheet in sheets}) == 20
    assert len({new_data_key() for _ in range(20)}) == 20


def test_the_right_key_in_the_right_place_is_recognised() -> None:
    check = VAULT.check_value()
    assert VAULT.recognises(check)
    assert not OTHER_KEY.recognises(check)
    assert not OTHER_PLACE.recognises(check)
    assert not VAULT.recognises(b"")


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(bytes(16), "gate-1")


def test_a_vault_does_not_print_its_key() -> None:
    assert repr(VAULT) == "Vault(place='gate-1')"
