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
TEMPLATE_ID, OWNER = os.urandom(16), os.urandom(32)
VECTOR = drawn()
SEALED = VAULT.seal_template(KEY, TEMPLATE_ID, OWNER, MODEL, VECTOR)
OTHER_PLACE, OTHER_KEY = Vault(WRAPPING, "gate-2"), Vault(bytes(KEY_BYTES), "gate-1")


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


def test_a_template_opens_for_its_own_id_owner_model_place_and_key_alone() -> None:
    right = {"key": KEY, "template_id": TEMPLATE_ID, "owner": OWNER, "sealed": SEALED}
    opened = VAULT.open_template(MODEL, DIMENSION, **right)
    assert opened is not None
    assert opened.tobytes() == VECTOR.tobytes()
    wrong: list[dict[str, bytes]] = [
        {"key": new_data_key()},
        {"template_id": os.urandom(16)},
        {"owner": os.urandom(32)},
        {"owner": OWNER[16:] + OWNER[:16]},
    ]
    for change in wrong:
        assert VAULT.open_template(MODEL, DIMENSION, **(right | change)) is None
    assert VAULT.open_template(MODEL, DIMENSION, key=None, template_id=TEMPLATE_ID, owner=OWNER, sealed=SEALED) is None
    assert VAULT.open_template(MODEL, DIMENSION - 1, **right) is None
    assert VAULT.open_template(ModelId("other@000000000000"), DIMENSION, **right) is None
    assert OTHER_PLACE.open_template(MODEL, DIMENSION, **right) is None


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_closes_a_template(position: int, flip: int) -> None:
    changed = bytearray(SEALED)
    changed[position] ^= flip
    assert (
        VAULT.open_template(MODEL, DIMENSION, key=KEY, template_id=TEMPLATE_ID, owner=OWNER, sealed=bytes(changed))
        is None
    )


@given(st.binary(max_size=2 * SEAL_BYTES))
def test_whatever_lies_there_is_told_apart_from_a_template(garbage: bytes) -> None:
    opened = VAULT.open_template(MODEL, DIMENSION, key=KEY, template_id=TEMPLATE_ID, owner=OWNER, sealed=garbage)
    assert opened is None
    with pytest.raises(SealBrokenError):
        VAULT.open_page(1, garbage)


def test_the_same_twice_is_never_the_same_ciphertext() -> None:
    assert len({VAULT.seal_page(1, KEYS) for _ in range(20)}) == 20
    assert len({VAULT.seal_template(KEY, TEMPLATE_ID, OWNER, MODEL, VECTOR)[:12] for _ in range(20)}) == 20
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
