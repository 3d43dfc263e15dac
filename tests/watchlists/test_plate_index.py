"""Plates: the exact one is found at once; one that only looks alike is never taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.ids import VehicleKey, new_id
from core.contract.plates import PROVINCES, normalise
from watchlists.errors import MatchingError
from watchlists.plate_index import ExactPlate, LooksLike, PlateHasher, PlateIndex, fold

HASHER = PlateHasher(bytes(range(32)))
SERIAL = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
plates = st.builds(
    "{}{}{}".format,
    st.sampled_from(PROVINCES),
    st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ"),
    st.text(SERIAL, min_size=5, max_size=6),
)


def index_of(*texts: str) -> tuple[PlateIndex, list[VehicleKey]]:
    keys = [VehicleKey(new_id()) for _ in texts]
    index = PlateIndex()
    index.update(put={key: HASHER.digest(text) for key, text in zip(keys, texts, strict=True)})
    return index, keys


@pytest.mark.parametrize("written", ["皖A12345", "皖A·12345", "皖a 12345", "皖Ａ１２３４５", " 皖A-123.45 "])
def test_a_listed_plate_is_found_however_it_is_written(written: str) -> None:
    index, (key,) = index_of("皖A12345")
    assert index.find(HASHER.digest(written)) == ExactPlate((key,))


@pytest.mark.parametrize(
    ("listed", "read"),
    [
        ("京A0D88Q", "京AQ0BBD"),
        ("沪B12Z5S", "沪8722S5"),
        ("粤NUM123", "粤MJN723"),
        ("渝A12345", "浙A12345"),
        ("赣A12345", "藏A12345"),
        ("琼A12345", "皖A12345"),
    ],
)
def test_a_plate_a_reader_mixes_up_looks_like_the_listed_one(listed: str, read: str) -> None:
    index, (key,) = index_of(listed)
    assert index.find(HASHER.digest(read)) == LooksLike((key,))


@pytest.mark.parametrize("read", ["京A12346", "京A1234", "沪A12345", "京B12345", "12345", ""])
def test_another_plate_is_nobodys(read: str) -> None:
    index, _ = index_of("京A12345")
    assert index.find(HASHER.digest(read)) is None


@given(st.lists(plates, min_size=1, max_size=20), plates)
def test_exact_means_the_same_text_and_looks_like_never_does(listed: list[str], read: str) -> None:
    index, keys = index_of(*listed)
    texts = dict(zip(keys, listed, strict=True))
    found = index.find(HASHER.digest(read))
    same = {key for key, text in texts.items() if normalise(text) == normalise(read)}
    alike = {key for key, text in texts.items() if fold(text) == fold(read)}
    match found:
        case ExactPlate(vehicles):
            assert set(vehicles) == same
        case LooksLike(vehicles):
            assert not same
            assert set(vehicles) == alike
        case None:
            assert not alike


@given(plates)
def test_folding_is_done_once(plate: str) -> None:
    assert fold(fold(plate)) == fold(plate)
    assert len(fold(plate)) == len(plate)


def test_a_removed_vehicle_is_found_neither_exactly_nor_alike_and_a_new_plate_replaces_the_old() -> None:
    index, (first, second) = index_of("京A12345", "京B88888")
    index.update(remove={first}, put={second: HASHER.digest("京C77777")})
    assert len(index) == 1
    for gone in ("京A12345", "京A1234S", "京B88888", "京BBBBBB"):
        assert index.find(HASHER.digest(gone)) is None
    assert index.find(HASHER.digest("京C77777")) == ExactPlate((second,))


def test_another_sites_key_finds_nothing() -> None:
    index, _ = index_of("京A12345")
    assert index.find(PlateHasher(bytes(32)).digest("京A12345")) is None


def test_a_short_key_is_refused() -> None:
    with pytest.raises(MatchingError, match="32 bytes"):
        PlateHasher(b"short")
