"""Exact plates are found, alike ones are told apart from them, and nothing else is found."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.contract.ids import VehicleKey
from core.contract.plate_digest import PlateHasher, fold
from core.contract.plates import MAX_TEXT, normalise
from tests.watchlists.plates.support import CLOSE_PLATES, HASHER, PLATES, index_of, new_vehicle
from watchlists.plates.index import MAX_CANDIDATES, ExactPlate, LooksLike, PlateIndex


def alike(index: PlateIndex, read: str, *confidences: float) -> LooksLike:
    found = index.find(read, confidences or None)
    assert isinstance(found, LooksLike)
    return found


@pytest.mark.parametrize("written", ["皖A12345", "皖A·12345", "皖a 12345", "皖Ａ１２３４５", " 皖A-123.45 "])
def test_a_listed_plate_is_found_however_it_is_written(written: str) -> None:
    index, (key,) = index_of("皖A12345")
    assert index.find(written) == ExactPlate((key,))


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
    assert alike(index, read).vehicles == (key,)


@pytest.mark.parametrize("read", ["京A12346", "京A1234", "沪A12345", "京B12345", "12345", "", "京" * (MAX_TEXT + 1)])
def test_another_plate_is_nobodys(read: str) -> None:
    index, _ = index_of("京A12345")
    assert index.find(read) is None


@given(st.lists(CLOSE_PLATES | PLATES, min_size=1, max_size=20), CLOSE_PLATES | PLATES)
def test_exact_means_the_same_text_and_looks_like_never_does(listed: list[str], read: str) -> None:
    index, keys = index_of(*listed)
    texts = dict(zip(keys, listed, strict=True))
    found = index.find(read)
    same = {key for key, text in texts.items() if normalise(text) == normalise(read)}
    resembling = {key for key, text in texts.items() if fold(text) == fold(read)}
    match found:
        case ExactPlate(vehicles):
            assert set(vehicles) == same
        case LooksLike(candidates):
            assert not same
            assert {one.vehicle for one in candidates} <= resembling
            assert len(candidates) == min(len(resembling), MAX_CANDIDATES)
        case None:
            assert not resembling


@given(
    st.lists(CLOSE_PLATES, min_size=1, max_size=20),
    CLOSE_PLATES,
    st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=5, max_size=8),
)
def test_confidences_rank_and_narrow_what_looks_alike_and_never_make_it_exact(
    listed: list[str], read: str, confidences: list[float]
) -> None:
    index, keys = index_of(*listed)
    texts = dict(zip(keys, listed, strict=True))
    plain, found = index.find(read), index.find(read, confidences)
    if not isinstance(found, LooksLike):
        assert found == plain or isinstance(plain, LooksLike)
        return
    assert isinstance(plain, LooksLike)
    odds = [one.odds for one in found.candidates]
    assert odds == sorted(odds, reverse=True)
    for one in found.candidates:
        listed_text = texts[one.vehicle]
        assert fold(listed_text) == fold(read)
        if one.differs_at is not None:
            assert one.differs_at == tuple(at for at in range(len(read)) if read[at] != listed_text[at])


def test_the_vehicle_whose_characters_the_reader_doubted_comes_first() -> None:
    index, (first, second) = index_of("京A80345", "京AB0345")
    assert alike(index, "京A8D345", 0.99, 0.99, 0.99, 0.6, 0.99, 0.99, 0.99).vehicles == (first, second)
    other, (sure, doubted) = index_of("京A8D345", "京AB0345")
    ranked = alike(other, "京A80345", 0.99, 0.99, 0.55, 0.999, 0.99, 0.99, 0.99)
    assert ranked.vehicles == (doubted, sure)
    assert [one.differs_at for one in ranked.candidates] == [(2,), (3,)]


def test_two_characters_of_which_the_reader_was_sure_are_not_both_misread() -> None:
    index, (key,) = index_of("京A80D45")
    assert alike(index, "京AB0D45", *[0.999] * 7).vehicles == (key,)
    assert alike(index, "京ABDD45").vehicles == (key,)
    assert index.find("京ABDD45", [0.999] * 7) is None
    assert alike(index, "京ABDD45", 0.999, 0.999, 0.76, *[0.999] * 4).vehicles == (key,)
    assert alike(index, "京ABDD45", *[0.98] * 7).vehicles == (key,)


@pytest.mark.parametrize("confidences", [[], [0.999] * 6, [0.999] * 8])
def test_confidences_that_belong_to_another_text_are_not_used(confidences: list[float]) -> None:
    index, _ = index_of("京A80D45")
    assert index.find("京ABD045", confidences) == index.find("京ABD045")


def test_no_more_candidates_than_a_guard_can_compare() -> None:
    texts = [f"京A{serial:05b}".replace("1", "D") for serial in range(1, 32)]
    index, keys = index_of(*texts)
    shown = alike(index, "京A00000").candidates
    assert len(shown) == MAX_CANDIDATES
    by_key = dict(zip(keys, texts, strict=True))
    assert {by_key[one.vehicle].count("D") for one in shown[:5]} == {1}
    assert all(one.differs_at is not None for one in shown)


def test_a_plate_with_two_vehicles_names_both() -> None:
    index, keys = index_of("京A12345", "京A12345")
    assert index.find("京A12345") == ExactPlate(tuple(keys))
    assert alike(index, "京A1234S").vehicles == tuple(keys)
    index.update(remove={keys[0]})
    assert index.find("京A12345") == ExactPlate((keys[1],))


def test_a_removed_vehicle_is_found_neither_exactly_nor_alike_and_a_new_plate_replaces_the_old() -> None:
    index, (first, second) = index_of("京A12345", "京B88888")
    index.update(remove={first}, put={second: HASHER.digest("京C77777")})
    assert len(index) == 1
    for gone in ("京A12345", "京A1234S", "京B88888", "京BBBBBB"):
        assert index.find(gone) is None
    assert index.find("京C77777") == ExactPlate((second,))


def test_another_sites_key_finds_nothing() -> None:
    key = new_vehicle()
    index = PlateIndex(HASHER)
    index.update(put={key: PlateHasher(bytes(32)).digest("京A12345")})
    assert index.find("京A12345") is None
    assert index.find("京A1234S") is None


@pytest.fixture
def switching_often() -> Iterator[None]:
    """Threads take turns every few bytecodes, so that what isn't atomic shows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("switching_often")
def test_a_reader_sees_a_change_whole_or_not_at_all() -> None:
    """One vehicle changes between two plates that are alike: each moment exactly one of them is listed."""
    index, (key,) = index_of("京A80345")
    plates = [HASHER.digest("京AB0345"), HASHER.digest("京A80345")]
    with _running(lambda turn: index.update(put={key: plates[turn % 2]})):
        for _ in range(2_000):
            found = index.find("京A8D345")
            assert isinstance(found, LooksLike)
            assert [(one.vehicle, one.differs_at) for one in found.candidates] in [[(key, (3,))], [(key, (2, 3))]]


@contextmanager
def _running(change: Callable[[int], None]) -> Iterator[None]:
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            change(turn)
            turn += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join(timeout=10)
    assert not writer.is_alive()


class ChangingLists(RuleBasedStateMachine):
    """Whatever is put and removed, in whatever order: the index answers as a plain dictionary of texts would."""

    def __init__(self) -> None:
        super().__init__()
        self.index = PlateIndex(HASHER)
        self.texts: dict[VehicleKey, str] = {}
        self.keys = [new_vehicle() for _ in range(6)]

    @rule(
        put=st.dictionaries(st.integers(0, 5), CLOSE_PLATES, max_size=4), remove=st.sets(st.integers(0, 5), max_size=3)
    )
    def change(self, put: dict[int, str], remove: set[int]) -> None:
        self.index.update(
            remove={self.keys[one] for one in remove},
            put={self.keys[one]: HASHER.digest(text) for one, text in put.items()},
        )
        for one in remove:
            self.texts.pop(self.keys[one], None)
        self.texts.update({self.keys[one]: text for one, text in put.items()})

    @invariant()
    def every_listed_plate_is_found_for_exactly_its_vehicles(self) -> None:
        assert len(self.index) == len(self.texts)
        for text in self.texts.values():
            found = self.index.find(text)
            assert isinstance(found, ExactPlate)
            assert set(found.vehicles) == {key for key, other in self.texts.items() if other == text}

    @rule(read=CLOSE_PLATES)
    def look_up(self, read: str) -> None:
        found = self.index.find(read)
        same = {key for key, text in self.texts.items() if text == read}
        resembling = {key for key, text in self.texts.items() if fold(text) == fold(read)}
        assert isinstance(found, ExactPlate) == bool(same)
        assert (set(found.vehicles) if found else set()) == (same or resembling)


TestChangingLists = ChangingLists.TestCase
