"""Digests that compare plates without telling them, and the ciphertext that tells them to those who may read."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.ids import VehicleKey, new_id
from core.contract.plate_digest import PlateCipher, PlateCipherError, PlateHasher, PlateKeyError, fold, misreads
from core.contract.plates import MAX_TEXT, PROVINCES, PlateTooLongError, normalise

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
HASHER, CIPHER = PlateHasher(KEY), PlateCipher(KEY)
CAR, OTHER_CAR = VehicleKey(new_id()), VehicleKey(new_id())
SERIAL = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
plates = st.builds(
    "{}{}{}".format,
    st.sampled_from(PROVINCES),
    st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ"),
    st.text(SERIAL, min_size=5, max_size=6),
)
any_text = st.text(st.characters(), max_size=MAX_TEXT)


@pytest.mark.parametrize("written", ["皖A12345", "皖A·12345", "皖a 12345", "皖Ａ１２３４５", " 皖A-123.45 "])
def test_a_plate_has_one_digest_however_it_is_written(written: str) -> None:
    assert HASHER.digest(written) == HASHER.digest("皖A12345")


@given(any_text)
def test_a_digest_is_hmac_sha256_of_the_normalised_text_and_of_its_folded_form(text: str) -> None:
    normal = normalise(text)
    exact = hmac.digest(KEY, b"anju/plate/exact/v1\0" + normal.encode(errors="surrogatepass"), hashlib.sha256)
    folded = hmac.digest(KEY, b"anju/plate/folded/v1\0" + fold(normal).encode(errors="surrogatepass"), hashlib.sha256)
    digest = HASHER.digest(text)
    assert (digest.exact, digest.folded) == (exact, folded)


@given(plates)
def test_the_digests_of_two_sites_have_nothing_in_common(plate: str) -> None:
    ours, theirs = HASHER.digest(plate), PlateHasher(OTHER_KEY).digest(plate)
    assert not {ours.exact, ours.folded} & {theirs.exact, theirs.folded}


def test_the_digest_of_a_plate_that_folds_to_itself_does_not_say_so() -> None:
    assert fold("苏E34691") == "苏E3469" + "1"
    digest = HASHER.digest("苏E34691")
    assert digest.exact != digest.folded


@given(plates)
def test_folding_is_done_once_and_keeps_the_length(plate: str) -> None:
    assert fold(fold(plate)) == fold(plate)
    assert len(fold(plate)) == len(plate)


def test_a_province_is_folded_as_a_province_in_the_first_place_only() -> None:
    assert fold("赣A12345") == fold("京A12345")
    assert fold("WJ赣12345") != fold("WJ京12345")


@given(plates, st.data())
def test_every_misread_folds_to_the_same_and_is_another_text(plate: str, data: st.DataObject) -> None:
    text = plate
    for position, others in misreads(plate):
        assert plate[position] not in others
        text = text[:position] + data.draw(st.sampled_from(others)) + text[position + 1 :]
    assert fold(text) == fold(plate)
    assert not set(text) & {"I", "O"}


@given(plates, plates)
def test_plates_that_fold_to_the_same_differ_by_misreads_only(one: str, other: str) -> None:
    if fold(one) != fold(other):
        return
    possible = dict(misreads(one))
    assert all(a == b or b in possible[at] for at, (a, b) in enumerate(zip(one, other, strict=True)))


@given(plates)
def test_who_holds_the_key_reads_the_plate_back(plate: str) -> None:
    sealed = CIPHER.seal(CAR, plate)
    assert PlateCipher(KEY).open(CAR, sealed) == plate


@given(any_text)
def test_any_text_comes_back_normalised(text: str) -> None:
    assert CIPHER.open(CAR, CIPHER.seal(CAR, text)) == normalise(text)


@pytest.mark.parametrize("plate", ["京A12345", "京AD12345", "京AX1234应急", "WJ京123456", "VA12345", "使123456"])
def test_a_sealed_plate_tells_neither_its_text_nor_its_form(plate: str) -> None:
    sealed = CIPHER.seal(CAR, plate)
    assert len(sealed) == 60
    assert plate.encode() not in sealed
    assert sealed != CIPHER.seal(CAR, plate)


def test_a_plate_sealed_for_one_vehicle_is_no_other_vehicles() -> None:
    with pytest.raises(PlateCipherError, match="another vehicle"):
        CIPHER.open(OTHER_CAR, CIPHER.seal(CAR, "京A12345"))


def test_another_key_reads_nothing() -> None:
    with pytest.raises(PlateCipherError, match="another key"):
        PlateCipher(OTHER_KEY).open(CAR, CIPHER.seal(CAR, "京A12345"))


@given(st.integers(0, 59), st.integers(1, 255))
def test_a_damaged_plate_is_refused_and_not_misread(at: int, flip: int) -> None:
    sealed = bytearray(CIPHER.seal(CAR, "京A12345"))
    sealed[at] ^= flip
    with pytest.raises(PlateCipherError, match="damaged"):
        CIPHER.open(CAR, bytes(sealed))


@given(st.binary(max_size=59))
def test_what_is_no_sealed_plate_is_refused(blob: bytes) -> None:
    with pytest.raises(PlateCipherError):
        CIPHER.open(CAR, blob)


def test_the_error_of_a_damaged_plate_names_neither_plate_nor_vehicle() -> None:
    with pytest.raises(PlateCipherError) as caught:
        CIPHER.open(OTHER_CAR, CIPHER.seal(CAR, "京A12345"))
    assert "12345" not in str(caught.value)
    assert OTHER_CAR not in str(caught.value)


@pytest.mark.parametrize("protection", [PlateHasher, PlateCipher])
def test_a_short_key_is_refused(protection: type[PlateHasher] | type[PlateCipher]) -> None:
    with pytest.raises(PlateKeyError, match="32 bytes, not 5"):
        protection(b"short")


def test_a_text_too_long_for_any_plate_is_refused() -> None:
    with pytest.raises(PlateTooLongError):
        HASHER.digest("京" * (MAX_TEXT + 1))
    with pytest.raises(PlateTooLongError):
        CIPHER.seal(CAR, "京" * (MAX_TEXT + 1))
