"""The arithmetic behind the figures of faces: degrading, open-set errors, a fit that never turns round."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from benchmarks.degraded import CONDITIONS, any_of_a_pass, dark, moving, smaller
from benchmarks.face_set import Photo
from benchmarks.identification import Bench, Gallery, Halves, Probe, Searches, gate_row, let_in, search
from benchmarks.quality import fit, left_over, reliability, separates
from core.contract.ids import ModelId
from models.types import Float, Image

DRAW = np.random.default_rng(7)


def portrait() -> Image:
    cells = np.random.default_rng(1).integers(40, 220, (50, 50, 3), np.uint8)
    return np.kron(cells, np.ones((5, 5, 1), np.uint8))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_same_draw_gives_the_same_picture(condition: str) -> None:
    one, other = (CONDITIONS[condition](portrait(), 90, np.random.default_rng(3)) for _ in range(2))
    assert (one == other).all()
    assert one.dtype == np.uint8


def test_degrading_does_what_its_name_says() -> None:
    assert smaller(45)(portrait(), 90, DRAW).shape == (125, 125, 3)
    assert smaller(200)(portrait(), 90, DRAW).shape == portrait().shape, "never enlarged"
    assert dark(0.05)(portrait(), 90, DRAW).mean() < 0.5 * portrait().mean()
    assert np.diff(moving(20)(portrait(), 90, DRAW).astype(float), axis=0).std() < np.diff(portrait(), axis=0).std()
    assert any_of_a_pass(portrait(), 90, DRAW).ndim == 3


def unit(*rows: list[float]) -> Float:
    vectors = np.array(rows, np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_the_index_and_the_plain_search_give_the_same_answers() -> None:
    vectors = unit([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.2])
    names = ["anna", "bo", "anna"]
    probes = unit([0.9, 0.3, 0, 0], [0.1, 0.2, 0.9, 0.1], [0, 0.9, 0.1, 0])
    ours, plain = Gallery(vectors, names, ModelId("drawn@000000000000")), Gallery(vectors, names, None)
    for probe in probes:
        (score, who), (exact, same) = ours.best(probe[None]), plain.best(probe[None])
        assert who == same
        assert score == pytest.approx(exact, abs=1e-5)
    assert ours.best(None) == plain.best(None) == (-1.0, "")


def test_a_miss_is_a_score_at_or_below_the_threshold_another_person_or_no_face() -> None:
    gallery = Gallery(unit([1, 0], [0, 1]), ["anna", "bo"], None)
    mated = [("anna", unit([1, 0.1])), ("anna", unit([0.1, 1])), ("bo", None), ("bo", unit([0.9, 1]))]
    found = search(gallery, mated, [unit([1, 0.9])] * 1 + [None] * 99)
    assert found.threshold() == 0.0, "one of a hundred strangers may find somebody"
    assert found.fnir() == 0.5
    assert found.let_in(0.5) == 0.01


def test_the_threshold_lets_in_no_more_strangers_than_wanted() -> None:
    searches = Searches(np.array([0.9]), np.random.default_rng(0).uniform(0, 1, 730), np.array(["anna"]))
    assert searches.let_in(searches.threshold()) <= 0.01
    assert searches.let_in(searches.threshold() - 0.01) > 0.01


class _Drawn:
    """A bench whose people all look alike; a look succeeds by part 0 in one half of the people, by part 1 in the other.

    Names alternate between the halves.
    """

    model = ModelId("sface@0ba9fbfa01b5")

    def __init__(self) -> None:
        names = [f"{number:03}" for number in range(60)]
        self.photos = [Photo(Path(), name, role, 0) for name in names for role in ("enrol", "mated")]
        self.evaluation = self
        self._draw = np.random.default_rng(4)

    def of(self, role: str) -> list[Photo]:
        return [photo for photo in self.photos if photo.role == role]

    def probe_vector(self, *_: object) -> Float:
        return np.array([1, 0], np.float32)

    def probe(self, photo: Photo, *_: object) -> Probe:
        parts = self._draw.normal(0, 1, 2).astype(np.float32)
        like = unit([1, 0.1])[0] if parts[int(photo.person) % 2] > 0 else unit([0, 1])[0]
        return Probe(like, 0.5, parts)


def test_what_a_shot_weighs_is_fitted_to_the_other_half_of_the_people() -> None:
    halves = Halves(cast(Bench, _Drawn()))
    good_by_first, good_by_second = (
        Probe(unit([1, 0])[0], 0.5, np.array(parts, np.float32)) for parts in ([2, -2], [-2, 2])
    )
    assert halves.of("000", good_by_second).quality > 0.9 > 0.1 > halves.of("000", good_by_first).quality
    assert halves.of("001", good_by_first).quality > 0.9 > 0.1 > halves.of("001", good_by_second).quality


def test_a_fit_finds_what_helps_and_gives_no_weight_to_what_would_turn_it_round() -> None:
    draw = np.random.default_rng(5)
    parts = draw.normal(0, 1, (4000, 2))
    odds = 1.0 + 2.0 * parts[:, 0] - 1.0 * parts[:, 1]
    success = draw.random(4000) < 1 / (1 + np.exp(-odds))
    model = fit(parts, success)
    assert model[1] > 1.2
    assert model[2] == 0


def test_discarding_by_what_decides_leaves_no_failures_and_promises_that_hold_are_calibrated() -> None:
    draw = np.random.default_rng(6)
    probability = draw.random(20_000)
    success = draw.random(20_000) < probability
    assert reliability(probability, success)[1] < 0.02
    assert left_over(success.astype(float), success, 0.6) == 0
    assert separates(success.astype(float) + 1e-6 * probability, success) == pytest.approx(1)
    assert separates(draw.random(20_000), success) == pytest.approx(0.5, abs=0.02)


def test_a_gates_own_rule_lets_in_who_is_clear_at_once_and_whoever_is_just_like_enough_at_the_end() -> None:
    gallery = Gallery(unit([1, 0, 0, 0]), ["anna"], None)
    like, barely, other = unit([1, 0.2, 0, 0], [1, 1.95, 0, 0], [0, 1, 0, 0])

    def looks(*vectors: Float, quality: float = 0.9) -> list[Probe]:
        return [Probe(vector, quality) for vector in vectors]

    assert let_in(looks(like, other, other), gallery, 0.44), "before the others are looked at"
    assert let_in(looks(barely), gallery, 0.44)
    assert let_in(looks(barely, barely, barely), gallery, 0.44)
    assert not let_in(looks(other, other, other), gallery, 0.44)
    assert not let_in([], gallery, 0.44)


def test_a_gates_own_rule_stops_asking_after_three_good_shots_and_goes_on_after_poor_ones() -> None:
    gallery = Gallery(unit([1, 0, 0, 0]), ["anna"], None)
    unlike, like = unit([0.35, 1, 0, 0], [1, 0.35, 0, 0])
    for quality, expected in ((0.9, False), (0.3, True)):
        passing = [*(Probe(unlike, quality) for _ in range(3)), *(Probe(like, 0.9) for _ in range(3))]
        assert let_in(passing, gallery, 0.44) is expected


def test_strangers_go_each_at_the_moment_that_suits_them() -> None:
    after = np.zeros((200, 3), bool)
    after[0, 0] = after[1, 1] = after[2, 2] = True
    row = gate_row(after)
    assert row.ours == 1.5, "three of 200, though after any one look it is one"
    assert row.met is False
    assert "3 of 200" in row.what
    assert gate_row(np.zeros((200, 3), bool)).met is True
