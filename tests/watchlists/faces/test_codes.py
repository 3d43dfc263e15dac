"""What the codes prove, and that the proof's model of their error is what is measured."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.watchlists.faces.crowds import near, people
from watchlists.faces import codes, kernels
from watchlists.faces.codes import ROUNDING, Codec, ScanCodes, bounds
from watchlists.faces.native import faiss
from watchlists.faces.template import Float


@pytest.mark.parametrize("dimension", [8, 32, 128, 512])
@pytest.mark.parametrize("cosine", [0.3, 0.6, 0.9, 0.99])
def test_who_reaches_a_cosine_reaches_the_score_of_the_scan(dimension: int, cosine: float) -> None:
    draw = np.random.default_rng(dimension)
    codec = Codec(dimension, overlooked=1e-9, seed=1)
    vectors = people(2000, dimension, draw, alike=0.6)
    scan = codec.scan_codes(codec.refine_codes(vectors))
    for row in range(0, 2000, 50):
        probes = np.stack([near(vectors[row], cosine + 1e-6, draw) for _ in range(5)])
        asked = scan.question(probes, cosine)
        assert asked is not None
        scores, rows = scan.best(asked.query, 2000)
        for score, order in zip(scores, rows, strict=True):
            # Scores of 0 in FAISS' rounded units may be left out: they show as -1 and as nobody's.
            assert row not in order or score[order == row][0] >= asked.least
            assert row in order or -1 in order


def test_bounds_of_refine_codes_hold_for_every_pair() -> None:
    draw = np.random.default_rng(2)
    for dimension in (8, 128, 512):
        codec = Codec(dimension, overlooked=1e-9, seed=2)
        vectors = people(500, dimension, draw, alike=0.7)
        refine = codec.refine_codes(vectors)
        probes = np.concatenate([vectors[:50], people(50, dimension, draw)])
        for probe, turned in zip(probes, codec.turn(probes), strict=True):
            cosines, angles = (refine.codes @ turned) * refine.shapes[:, 0], refine.shapes[:, 1]
            for exact, cosine, angle in zip(vectors @ probe, cosines.tolist(), angles.tolist(), strict=True):
                low, high = bounds(cosine, angle)
                assert low <= exact <= high
                assert high - low <= 2 * (angle + 2 * ROUNDING)


@pytest.mark.parametrize("cosine", [-1.0, 0.0, 0.5, 0.99999, 1.0])
@pytest.mark.parametrize("angle", [1e-4, 0.006, 0.1])
def test_bounds_hold_whichever_way_the_cosine_was_rounded(cosine: float, angle: float) -> None:
    low, high = math.cos(min(math.acos(cosine) + angle, math.pi)), math.cos(max(math.acos(cosine) - angle, 0))
    for told in (cosine - ROUNDING, cosine, cosine + ROUNDING):
        assert bounds(told, angle)[0] <= low
        assert bounds(told, angle)[1] >= high


def test_a_scan_leaves_room_for_who_reaches_a_level_only_by_rounding() -> None:
    codec = Codec(128, overlooked=1e-9, seed=1)
    vectors = people(200, 128, np.random.default_rng(4))
    asked = codec.scan_codes(codec.refine_codes(vectors)).question(vectors[:1], 1.0)
    assert asked is not None
    # The cosine of who is "1.0" in float32 may be a little less: off by an angle of a thousandth, not of a millionth.
    assert asked.query[0, -2:, 1].sum() >= 0.49 * math.sqrt(1 - (1 - ROUNDING / 2) ** 2)


def test_the_error_of_the_scan_is_that_of_a_random_direction() -> None:
    """Standard deviation 1 / sqrt(d - 1), no mean, no tail: measured over 40,000 pairs at 0.6, families included."""
    draw = np.random.default_rng(3)
    dimension, cosine = 128, 0.6
    errors = []
    for seed in range(4):
        codec = Codec(dimension, overlooked=1e-9, seed=seed)
        vectors = people(10_000, dimension, draw, alike=0.6)
        scan = codec.scan_codes(codec.refine_codes(vectors))
        plain = scan.layout.quantizer(scan.layout.books)
        padded = by_columns(scan, vectors)
        decoded = plain.sa_decode(plain.sa_encode(padded))
        along = np.vecdot(padded, decoded)
        across = np.sqrt(np.vecdot(decoded, decoded) - along**2)
        probes = by_columns(scan, np.stack([near(vector, cosine, draw) for vector in vectors]))
        seen = np.vecdot(probes, decoded)
        errors.append((seen - cosine * along) / (across * np.sqrt(1 - cosine**2)))
    t = np.concatenate(errors) * np.sqrt(dimension - 1)
    assert abs(t.mean()) < 0.03
    assert t.std() == pytest.approx(1, abs=0.03)
    assert np.abs(t).max() < 5.5


def by_columns(scan: ScanCodes, vectors: Float) -> Float:
    layout = scan.layout
    padded = np.empty((len(vectors), layout.padded // layout.width, layout.width), np.float32)
    kernels.turn(vectors, scan.rotation, layout.starts, np.zeros(1, np.float32), np.empty_like(vectors), padded)
    return padded.reshape(len(vectors), layout.padded)


@pytest.mark.parametrize("dimension", [512, 2048, 4096])
@pytest.mark.parametrize("large", [False, True])
def test_no_sum_of_a_scan_runs_over_in_its_16_bits(dimension: int, *, large: bool) -> None:
    layout = codes._layout(dimension, large=large)
    assert 255 * layout.quantizer(layout.books).pq.M < 1 << 16


def test_a_level_too_low_to_prove_anything_is_not_scanned_for() -> None:
    codec = Codec(32, overlooked=1e-9, seed=1)
    vectors = people(40, 32, np.random.default_rng(4))
    assert codec.scan_codes(codec.refine_codes(vectors)).question(vectors[:1], 0.0) is None


def test_of_wiped_codes_nothing_is_left_and_others_are_untouched() -> None:
    codec = Codec(32, overlooked=1e-9, seed=1)
    vectors = people(300, 32, np.random.default_rng(5))
    scan = codec.scan_codes(codec.refine_codes(vectors))
    table = faiss.rev_swig_ptr(scan.index.codes.get(), scan.index.codes.size())
    asked = scan.question(vectors[:1], 0.5)
    assert asked is not None

    def scores() -> dict[int, float]:
        found, rows = scan.best(asked.query, 300)
        return dict(zip(rows[0].tolist(), found[0].tolist(), strict=True))

    before = scores()
    for wiped, row in enumerate((200, 17, 0, 299), start=1):
        scan.wipe(row)
        now = scores()
        assert sum(now.get(other) != score for other, score in before.items()) <= wiped
        assert all(now.get(other) == before.get(other) for other in range(300) if other not in (200, 17, 0, 299))
    for row in range(300):
        scan.wipe(row)
    assert not table.any()
