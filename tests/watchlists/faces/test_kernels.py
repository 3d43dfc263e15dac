"""The compiled loops do what the same lines of numpy would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.watchlists.faces.crowds import people
from watchlists.faces import kernels
from watchlists.faces.codes import Codec

DIMENSIONS = [4, 7, 32, 128, 130]


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_probe_that_is_not_of_length_1_is_noticed_wherever_it_stands(dimension: int) -> None:
    vectors = people(3, dimension, np.random.default_rng(dimension))
    assert kernels.off_unit(vectors) < 1e-6
    for row in range(3):
        for wrong, off in ((1.5, 1.25), (0.0, 1.0), (np.nan, np.inf), (np.inf, np.inf)):
            changed = vectors.copy()
            changed[row] *= np.float32(wrong)
            assert kernels.off_unit(changed) == pytest.approx(off, rel=1e-5)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_probes_are_turned_and_laid_out_by_columns(dimension: int) -> None:
    draw = np.random.default_rng(dimension)
    probes, rotation = people(3, dimension, draw), people(dimension, dimension, draw)
    starts = np.array([0, 1, dimension], np.int64)
    turned, query = np.empty_like(probes), np.full((3, 4, dimension), 9, np.float32)
    longest = kernels.turn(probes, rotation, starts, np.array([5, 6], np.float32), turned, query)
    np.testing.assert_allclose(turned, probes @ rotation.T, atol=1e-6)
    assert (query[:, 0, 0] == turned[:, 0]).all()
    assert (query[:, 1, : dimension - 1] == turned[:, 1:]).all()
    assert (query[:, 2:, :2] == [5, 6]).all()
    assert not query[:, 2:, 2:].any()
    assert longest == pytest.approx(
        max(np.abs(turned[:, 0]).max(), np.linalg.norm(turned[:, 1:], axis=1).max()), rel=1e-6
    )


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_a_refine_code_is_the_turned_vector_in_steps_of_its_greatest_coordinate(dimension: int, count: int) -> None:
    draw = np.random.default_rng(count)
    vectors = people(count, dimension, draw)
    rotation = np.linalg.qr(draw.normal(size=(dimension, dimension)))[0].astype(np.float32)
    codes, shapes = np.empty(vectors.shape, np.int8), np.empty((count, 2), np.float32)
    kernels.refine(vectors, rotation, codes, shapes)
    turned = vectors @ rotation.T
    steps = turned * (127 / np.abs(turned).max(axis=1))[:, None]
    assert np.abs(codes - steps).max() < 0.501
    units = codes / np.linalg.norm(codes.astype(np.float64), axis=1)[:, None]
    np.testing.assert_allclose(codes * shapes[:, :1], units, atol=1e-6)
    exact = np.arccos(np.minimum(np.vecdot(units, vectors @ rotation.astype(np.float64).T), 1))
    assert (exact <= shapes[:, 1]).all()
    assert (shapes[:, 1] <= exact * 1.02 + 1.1e-3).all()


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_whoever_counts_and_has_the_score_is_looked_at_closer(dimension: int) -> None:
    draw = np.random.default_rng(dimension)
    coded = Codec(dimension, overlooked=1e-9, seed=1).refine_codes(people(300, dimension, draw))
    probe = people(1, dimension, draw)[0]
    marks = draw.integers(0, 2, 300).astype(np.uint8)
    rows = np.append(draw.permutation(300)[:99], -1)
    scores = np.sort(draw.normal(size=100).astype(np.float32))[::-1].copy()
    cosines = (coded.codes[rows] @ probe) * coded.shapes[rows, 0]
    level = float(np.median(cosines))
    listed = scores >= 0
    wanted = listed & (rows >= 0) & (marks[rows] == 0) & (cosines + coded.shapes[rows, 1] >= level)
    found, bounds = np.empty(100, np.int64), np.empty((2, 100), np.float32)
    many, kept = kernels.look_closer(scores, rows, 0.0, probe, marks, coded.codes, coded.shapes, level, found, bounds)
    assert many == listed.sum()
    assert found[:kept].tolist() == rows[wanted].tolist()
    np.testing.assert_allclose(bounds[0, :kept], cosines[wanted], atol=1e-5)
    assert (bounds[1, :kept] == coded.shapes[rows[wanted], 1]).all()


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("count", [1, 127, 128, 300])
def test_a_scan_code_is_the_nearest_point_of_each_column(dimension: int, count: int) -> None:
    draw = np.random.default_rng(count)
    coded = Codec(dimension, overlooked=1e-9, seed=1).refine_codes(people(count, dimension, draw))
    starts = np.array([0, dimension // 2, dimension], np.int64)
    width = dimension - dimension // 2
    points = draw.normal(size=(2, width, kernels.CENTROIDS)).astype(np.float32) / dimension
    points[0, dimension // 2 :] = 0
    squares = (points**2).sum(axis=1)
    packed, along, across = np.zeros((count, 1), np.uint8), np.empty(count, np.float32), np.empty(count, np.float32)
    kernels.scan(coded.codes, coded.shapes, points, squares, starts, packed, along, across)
    units = coded.codes * coded.shapes[:, :1]
    decoded = np.zeros_like(units)
    for column, chosen in ((0, packed[:, 0] % 16), (1, packed[:, 0] // 16)):
        part = units[:, starts[column] : starts[column + 1]]
        own = points[column, : part.shape[1]].T
        distances = ((part[:, None] - own[None]) ** 2).sum(axis=2)
        np.testing.assert_allclose(distances[np.arange(count), chosen], distances.min(axis=1), atol=1e-6)
        decoded[:, starts[column] : starts[column + 1]] = own[chosen]
    near, square, angle = np.vecdot(units, decoded), np.vecdot(decoded, decoded), coded.shapes[:, 1]
    apart = np.sqrt(np.maximum(square - near**2, 0))
    least = near * np.cos(angle) - apart * np.sin(angle)
    np.testing.assert_allclose(along, least, atol=1e-5)
    np.testing.assert_allclose(across, np.sqrt(np.maximum(square - least**2, 0)), atol=1e-3)


def test_a_point_that_is_its_code_exactly_still_leaves_room_for_the_angle() -> None:
    codes, shapes = np.array([[127, 0, 0, 0]], np.int8), np.array([[1 / 127, 1e-4]], np.float32)
    points = np.zeros((2, 2, kernels.CENTROIDS), np.float32)
    points[0, 0, :] = np.linspace(0.5, 1, kernels.CENTROIDS)
    packed, along, across = np.zeros((1, 1), np.uint8), np.empty(1, np.float32), np.empty(1, np.float32)
    starts = np.array([0, 2, 4], np.int64)
    kernels.scan(codes, shapes, points, (points**2).sum(axis=1), starts, packed, along, across)
    assert across[0] >= np.sin(1e-4)


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0, 40])
def test_what_a_power_cut_left_of_compiled_loops_is_made_anew(tmp_path: Path, suffix: str, left: int) -> None:
    shutil.copy(Path(kernels.__file__), tmp_path / "kernels.py")
    cache = Path(cast("Any", kernels.turn).stats.cache_path)
    cut_off = "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import kernels; print(callable(kernels.turn))"
    (tmp_path / "__pycache__").mkdir()
    for one in cache.glob("kernels.*.nb?"):
        shutil.copy(one, tmp_path / "__pycache__")
    kept = sorted((tmp_path / "__pycache__").glob(f"*.turn-*.{suffix}"))
    assert kept
    for one in kept:
        with one.open("r+b") as file:
            file.truncate(left)
    done = subprocess.run(
        [sys.executable, "-c", cut_off, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"},
    )
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("never", ["CacheImpl._locator_classes = []", "IndexDataCacheFile.save = lambda *_: open('/')"])
def test_they_work_where_nothing_can_be_written(tmp_path: Path, never: str) -> None:
    shutil.copy(Path(kernels.__file__), tmp_path / "kernels.py")
    says_so = "import sys; sys.path.insert(0, sys.argv[1]); import numba.core.caching as c\n"
    no_place = f"c.{never}; import kernels; print(callable(kernels.turn))"
    done = subprocess.run(
        [sys.executable, "-c", says_so + no_place, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.stdout == "True\n", done.stderr
    assert not list(tmp_path.rglob("*.nbc"))
