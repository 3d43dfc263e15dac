"""Short codes of unit vectors, and what they prove.

Two codes per vector, both of the vector turned by one random rotation:

- refine: one int8 per coordinate. With x' the direction of the code and a the angle between x and x' (stored), the
  angle between x and a probe p is that between x' and p, give or take a: the triangle inequality, so never wrong.
- scan: 4 bits for every few coordinates, read by FAISS' fast-scan kernels. With y the decoded vector, c = <x, y> and
  e = |y - c x|, a probe p with <p, x> = s sees

      <p, y> = s c + sqrt(1 - s^2) e t,    t: one coordinate of a uniformly random unit vector in d - 1 dimensions,

  because the rotation is drawn independently of the data and turns what is orthogonal to x to any direction alike. So
  t^2 has the distribution Beta(1/2, (d - 2) / 2), and how rarely t is below -T is known exactly, for every pair of
  vectors there can be. No assumption about faces is made; nothing is trained, so nothing goes stale: the codebook is
  that of a Gaussian, which is what coordinates look like after a random rotation.

Two more 4-bit columns say in which of 16 groups (c, e) falls, so that a scan for the cosine ``level`` adds to each
score what its group lacks; then whatever reaches ``level`` has a score of at least 0, whichever its c and e.

Sources: RaBitQ (Gao & Long, SIGMOD 2024, arXiv 2405.12497) for the rotation argument; Quicker ADC (Andre et al., TPAMI
2019) for 4-bit codes in registers; Max 1960 for quantising a Gaussian.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from watchlists.faces import kernels
from watchlists.faces.kernels import CENTROIDS
from watchlists.faces.native import faiss, one_thread
from watchlists.faces.template import Float

ROUNDING = 2e-6
"""How far float32 arithmetic may move a cosine here."""
_LANES = 128
"""Vectors per block of the scan: for one probe up to twice as fast as FAISS' default of 32."""
_BYTE_OF = (0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15)
"""In which byte of a register FAISS keeps each of 16 vectors' codes."""
_LARGE = 1 << 17
"""Rows from which the scan itself is what costs, not the candidates it leaves."""
_COLUMNS_AT_128 = {False: 64, True: 40}
"""4-bit columns for 128 dimensions, by whether there are many rows. Both measured as fastest in their range."""
_GROUP_COLUMNS = 2
_MOST_COLUMNS = 254
"""FAISS adds bytes in 16 bits: those of 257 columns."""
_LOWEST_SCANNED = 0.05
"""Below this cosine a scan proves nothing that is worth its time."""
_TRAINING = 60_000
_GROUP_EDGES = (0.0005, 0.003, 0.01, 0.03, 0.07, 0.13, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
"""Quantiles of c: narrow groups where the rows are."""


@dataclass(frozen=True, slots=True, eq=False)
class RefineCodes:
    """int8 (n, d), and float32 (n, 2): 1 / length of each code, and the angle to its vector in radians, rounded up."""

    codes: npt.NDArray[np.int8]
    shapes: Float

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.shapes.nbytes


def bounds(cosine: float, angle: float) -> tuple[float, float]:
    """Between what the cosine with a vector lies whose code has ``cosine`` and is ``angle`` away."""
    # Before the angle is taken, too: near 1 a rounded cosine hides a large one.
    most, least = math.acos(min(max(cosine - ROUNDING, -1.0), 1.0)), math.acos(min(max(cosine + ROUNDING, -1.0), 1.0))
    return math.cos(min(most + angle, math.pi)) - ROUNDING, math.cos(max(least - angle, 0.0)) + ROUNDING


class _Layout:
    """Which coordinates go into which 4-bit column, and the points each column knows."""

    def __init__(self, dimension: int, columns: int) -> None:
        widths = [len(part) for part in np.array_split(np.arange(dimension), columns)]
        self.columns = columns
        # FAISS has fast paths for 2, 4 and 8 coordinates a column; the rest of a column is zero.
        self.width = 1 << max(1, (max(widths) - 1).bit_length())
        self.padded = (columns + _GROUP_COLUMNS) * self.width
        self.starts = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
        self.books = np.zeros((columns + _GROUP_COLUMNS, CENTROIDS, self.width), np.float32)
        for column, width in enumerate(widths):
            self.books[column, :, :width] = gaussian_points(width) / np.sqrt(dimension)
        self.points: Float = np.ascontiguousarray(self.books[:columns].transpose(0, 2, 1))
        self.squares: Float = np.ascontiguousarray(np.vecdot(self.books, self.books)[:columns])
        self.radius = float(np.linalg.norm(self.books, axis=2).max())

    def quantizer(self, books: Float) -> Any:
        index = faiss.IndexPQ(self.padded, len(books), 4, faiss.METRIC_INNER_PRODUCT)
        faiss.copy_array_to_vector(np.ascontiguousarray(books).ravel(), index.pq.centroids)
        index.is_trained = True
        return index


class Question(NamedTuple):
    """query: (n, columns, width), to scan with; turned: (n, d), as codes are; least: the score of who must be found."""

    query: Float
    turned: Float
    least: float


@dataclass(frozen=True, slots=True, eq=False)
class ScanCodes:
    """A FAISS fast-scan index. ``spread``: how far c and e of its groups lie apart."""

    index: Any
    layout: _Layout
    rotation: Float
    spread: tuple[float, float]
    noise: float

    def question(self, probes: Float, level: float) -> Question | None:
        """What to scan with for everybody who reaches ``level`` with one of ``probes`` (n, d).

        None when a scan for ``level`` proves nothing.
        """
        if level < _LOWEST_SCANNED:
            return None
        layout = self.layout
        level -= ROUNDING
        noise = self.noise * math.sqrt(1 - level * level)
        query = np.empty((len(probes), layout.columns + _GROUP_COLUMNS, layout.width), np.float32)
        turned = np.empty_like(probes)
        of_group = np.array((-level / _GROUP_COLUMNS, noise / _GROUP_COLUMNS), np.float32)
        longest = kernels.turn(probes, self.rotation, layout.starts, of_group, turned, query)
        # FAISS rounds each column's table to 255 steps of the widest column.
        widest = max(2 * layout.radius * longest, (level * self.spread[0] + noise * self.spread[1]) / _GROUP_COLUMNS)
        step = widest / 255
        return Question(query, turned, -(step / 2 * (layout.columns + _GROUP_COLUMNS) * 1.01 + ROUNDING))

    def best(self, query: Float, look: int) -> tuple[Float, npt.NDArray[np.int64]]:
        """Scores and rows, (n, look) each, best first; -1 where there are fewer. FAISS' own wrapper costs more."""
        scores = np.empty((len(query), look), np.float32)
        rows = np.empty((len(query), look), np.int64)
        asked = len(query), faiss.swig_ptr(query), look, faiss.swig_ptr(scores), faiss.swig_ptr(rows)
        if len(query) == 1:  # FAISS takes one thread per query at most
            self.index.search_c(*asked)
        else:
            with one_thread():
                self.index.search_c(*asked)
        return scores, rows

    def wipe(self, row: int) -> None:
        """Overwrite the code of ``row``, in place among those of its neighbours (layout: FAISS' pq4_pack_codes).

        FAISS' own packer writes where blocks of 32 vectors would have it, whatever the size of the blocks.
        """
        table = faiss.rev_swig_ptr(self.index.codes.get(), self.index.codes.size())
        block, lane = divmod(row, _LANES)
        group, vector = divmod(lane, 32)
        at = group * 32 + _BYTE_OF[vector % 16]
        columns = table.reshape(-1, self.index.M2 // 2, _LANES)[block]
        columns[:, [at, at + 16]] &= 0x0F if vector >= 16 else 0xF0

    @property
    def nbytes(self) -> int:
        return int(self.index.codes.size()) + int(self.index.pq.centroids.size()) * 4


class Codec:
    """Turns unit vectors of ``dimension`` into codes. Its rotation is drawn once, from ``seed`` or from nowhere.

    overlooked: what the probability to overlook somebody may be at most, for each template that reaches the level.
    """

    def __init__(self, dimension: int, overlooked: float, seed: int | None) -> None:
        self.dimension = dimension
        self._noise = math.sqrt(1 - betaincinv((dimension - 2) / 2, 0.5, 2 * overlooked))
        basis, triangle = np.linalg.qr(np.random.default_rng(seed).normal(size=(dimension, dimension)))
        # The signs of the triangle's diagonal make the rotation uniformly random (Mezzadri 2007).
        self._rotation: Float = np.ascontiguousarray((basis * np.sign(np.diag(triangle))).T, np.float32)

    @property
    def nbytes(self) -> int:
        return self._rotation.nbytes

    def turn(self, probes: Float) -> Float:
        """``probes`` (n, d) in the coordinates of the codes."""
        turned: Float = probes @ self._rotation.T
        return turned

    def refine_codes(self, vectors: Float) -> RefineCodes:
        """Codes of ``vectors`` (n, d), unit length, not turned."""
        codes = np.empty(vectors.shape, np.int8)
        shapes = np.empty((len(vectors), 2), np.float32)
        kernels.refine(vectors, self._rotation, codes, shapes)
        return RefineCodes(codes, shapes)

    def scan_codes(self, refine: RefineCodes) -> ScanCodes:
        """Codes made of refine codes: who merges segments has no vectors any more."""
        count = len(refine.codes)
        layout = _layout(self.dimension, large=count >= _LARGE)
        index = layout.quantizer(layout.books)
        codes = np.zeros((count, index.sa_code_size()), np.uint8)
        along, across = np.empty(count, np.float32), np.empty(count, np.float32)
        known = layout.points, layout.squares, layout.starts
        kernels.scan(refine.codes, refine.shapes, *known, codes, along, across)
        groups, book = _grouped(along, across)
        codes[:, -1] = groups * (CENTROIDS + 1)
        books = layout.books.copy()
        books[layout.columns :, :, :2] = book
        index = layout.quantizer(books)
        index.add_sa_codes(codes)
        spread = float(np.ptp(book[:, 0])), float(np.ptp(book[:, 1]))
        with one_thread():
            packed = faiss.IndexPQFastScan(index, _LANES)
        return ScanCodes(packed, layout, self._rotation, spread, self._noise)


@lru_cache(maxsize=16)
def _layout(dimension: int, *, large: bool) -> _Layout:
    columns = min(dimension // 2, round(_COLUMNS_AT_128[large] * (dimension / 128) ** 0.5), _MOST_COLUMNS)
    return _Layout(dimension, max(2, columns - columns % 2))


@lru_cache(maxsize=64)
def gaussian_points(dimension: int) -> Float:
    """16 points that stand for a standard normal distribution with the least mean squared error: float32 (16, d)."""
    sample = np.random.default_rng(dimension).normal(size=(_TRAINING, dimension)).astype(np.float32)
    with one_thread():
        found = faiss.Kmeans(dimension, CENTROIDS, niter=30, seed=1, max_points_per_centroid=_TRAINING // CENTROIDS)
        found.train(sample)
    points: Float = found.centroids.copy()
    points.setflags(write=False)
    return points


def _grouped(along: Float, across: Float) -> tuple[npt.NDArray[np.uint8], Float]:
    """Group of each (c, e), and what each group is good for: float32 (16, 2), its least c and greatest e."""
    groups = np.searchsorted(np.quantile(along, _GROUP_EDGES), along).astype(np.uint8)
    least = np.full(CENTROIDS, np.inf, np.float32)
    greatest = np.full(CENTROIDS, -np.inf, np.float32)
    np.minimum.at(least, groups, along)
    np.maximum.at(greatest, groups, across)
    empty = np.isinf(least)
    book = np.stack([np.where(empty, along.max(), least), np.where(empty, across.min(), greatest)], axis=1)
    return groups, np.asarray(book, np.float32)
