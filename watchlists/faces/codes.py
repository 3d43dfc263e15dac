"""Short codes of unit vectors, and what they prove.

Two codes per vector, both of the vector turned by one random rotation:

- refine: one int8 per coordinate. With x' the direction of the code and a the angle between x and x' (stored), the
  angle between x and a probe p is that between x' and p, give or take a: the triangle inequality, so never wrong.
- scan: 4 bits for every few coordinates, read by FAISS' fast-scan kernels. With y the decoded vector, c = <x, y> and
  e = |y - c x|, a probe p with <p, x> = s sees

      <p, y> = s c + sqrt(1 - s^2) e t,    t: one coordinate of a uniformly random unit vector in d - 1 dimensions,

  because the rotation is drawn independently of the data and turns what is orthogonal to x to any direction alike. So
  P(t <= -T) <= (1 - T^2)^((d - 1) / 2) (measure of a spherical cap; Ball 1997) for every pair of vectors there can be.
  No assumption about faces is made; nothing is trained, so nothing goes stale: the codebook is that of a Gaussian,
  which is what coordinates look like after a random rotation.

Two more 4-bit columns say in which of 16 groups (c, e) falls, so that a scan for the cosine ``level`` adds to each
score what its group lacks; then whatever reaches ``level`` has a score of at least 0, whichever its c and e.

Sources: RaBitQ (Gao & Long, SIGMOD 2024, arXiv 2405.12497) for the rotation argument; Quicker ADC (Andre et al., TPAMI
2019) for 4-bit codes in registers; Max 1960 for quantising a Gaussian.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from watchlists.faces.native import faiss, one_thread, products
from watchlists.faces.template import Float

ROUNDING = 2e-6
"""How far float32 arithmetic may move a cosine here."""
CENTROIDS = 16
_LANES = 128
"""Vectors per block of the scan: for one probe up to twice as fast as FAISS' default of 32."""
_BYTE_OF = (0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15)
"""In which byte of a register FAISS keeps each of 16 vectors' codes."""
_LARGE = 1 << 17
"""Rows from which the scan itself is what costs, not the candidates it leaves."""
_COLUMNS_AT_128 = {False: 62, True: 46}
"""4-bit columns for 128 dimensions, by whether there are many rows. Both measured as fastest in their range."""
_GROUP_COLUMNS = 2
_CHUNK = 8192
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

    def cosines(self, turned: Float, rows: npt.NDArray[np.int64]) -> tuple[Float, Float]:
        """Cosines of the codes of ``rows`` (n,) with ``turned`` probes, (n, d) or one (d,), and the codes' angles."""
        shapes = self.shapes[rows]
        return np.vecdot(self.codes[rows].astype(np.float32), turned) * shapes[:, 0], shapes[:, 1]

    def units(self, rows: slice) -> Float:
        """What the codes of ``rows`` stand for: (n, d), length 1 (0 where they were wiped)."""
        return self.codes[rows].astype(np.float32) * self.shapes[rows, :1]

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.shapes.nbytes


def bounds(cosine: float, angle: float) -> tuple[float, float]:
    """Between what the cosine with a vector lies whose code has ``cosine`` and is ``angle`` away."""
    apart = math.acos(min(max(cosine, -1.0), 1.0))
    return math.cos(min(apart + angle, math.pi)) - ROUNDING, math.cos(max(apart - angle, 0.0)) + ROUNDING


class _Layout:
    """Which coordinates go into which 4-bit column, and the points each column knows."""

    def __init__(self, dimension: int, columns: int) -> None:
        widths = [len(part) for part in np.array_split(np.arange(dimension), columns)]
        self.columns = columns
        # FAISS has fast paths for 2, 4 and 8 coordinates a column; the rest of a column is zero.
        self.width = 1 << max(1, (max(widths) - 1).bit_length())
        self.padded = (columns + _GROUP_COLUMNS) * self.width
        self.places = np.concatenate([column * self.width + np.arange(width) for column, width in enumerate(widths)])
        self.groups = [(columns + column) * self.width for column in range(_GROUP_COLUMNS)]
        self.books = np.zeros((columns + _GROUP_COLUMNS, CENTROIDS, self.width), np.float32)
        for column, width in enumerate(widths):
            self.books[column, :, :width] = gaussian_points(width) / np.sqrt(dimension)
        self.radius = float(np.linalg.norm(self.books, axis=2).max())

    def quantizer(self, books: Float) -> Any:
        index = faiss.IndexPQ(self.padded, len(books), 4, faiss.METRIC_INNER_PRODUCT)
        faiss.copy_array_to_vector(np.ascontiguousarray(books).ravel(), index.pq.centroids)
        index.is_trained = True
        return index

    def pad(self, vectors: Float) -> Float:
        padded = np.zeros((len(vectors), self.padded), np.float32)
        padded[:, self.places] = vectors
        return padded


@dataclass(frozen=True, slots=True, eq=False)
class ScanCodes:
    """A FAISS fast-scan index. ``spread``: how far c and e of its groups lie apart."""

    index: Any
    layout: _Layout
    rotation: Float
    spread: tuple[float, float]
    noise: float

    def query(self, probes: Float, level: float) -> tuple[Float, float] | None:
        """What to search with, (n, padded), for ``probes`` (n, d), and the least score of whoever reaches ``level``.

        None when a scan for ``level`` proves nothing.
        """
        if level < _LOWEST_SCANNED:
            return None
        layout = self.layout
        noise = self.noise * math.sqrt(max(1 - level * level, 0.0))
        query = products(probes, self.rotation)
        parts = query.reshape(len(probes), -1, layout.width)
        longest = math.sqrt(float(np.vecdot(parts, parts).max()))
        for start in layout.groups:
            query[:, start] = -level / _GROUP_COLUMNS
            query[:, start + 1] = noise / _GROUP_COLUMNS
        # FAISS rounds each column's table to 255 steps of the widest column.
        widest = max(2 * layout.radius * longest, (level * self.spread[0] + noise * self.spread[1]) / _GROUP_COLUMNS)
        return query, -(widest / 255 / 2 * parts.shape[1] * 1.01 + ROUNDING)

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
        return int(self.index.codes.size()) + int(self.index.pq.centroids.size()) * 4 + self.rotation.nbytes


class Codec:
    """Turns unit vectors of ``dimension`` into codes. Its rotation is drawn once, from ``seed`` or from nowhere.

    overlooked: what the probability to overlook somebody may be at most, for each template that reaches the level.
    """

    def __init__(self, dimension: int, overlooked: float, seed: int | None) -> None:
        self.dimension = dimension
        self._noise = math.sqrt(1 - overlooked ** (2 / (dimension - 1)))
        basis, triangle = np.linalg.qr(np.random.default_rng(seed).normal(size=(dimension, dimension)))
        # The signs of the triangle's diagonal make the rotation uniformly random (Mezzadri 2007).
        self._rotation: Float = np.ascontiguousarray((basis * np.sign(np.diag(triangle))).T, np.float32)

    @property
    def nbytes(self) -> int:
        return self._rotation.nbytes

    def turn(self, probes: Float) -> Float:
        """``probes`` (n, d) in the coordinates of the codes."""
        return products(probes, self._rotation)

    def refine_codes(self, vectors: Float) -> RefineCodes:
        """Codes of ``vectors`` (n, d), unit length, not turned."""
        codes = np.empty(vectors.shape, np.int8)
        shapes = np.empty((len(vectors), 2), np.float32)
        for start in range(0, len(vectors), _CHUNK):
            turned = vectors[start : start + _CHUNK] @ self._rotation.T
            code = turned * (np.float32(127) / np.maximum(turned.max(axis=1), -turned.min(axis=1)))[:, None]
            np.rint(code, out=code)
            codes[start : start + _CHUNK] = code
            shapes[start : start + _CHUNK, 0] = 1 / np.sqrt(np.vecdot(code, code))
            code *= shapes[start : start + _CHUNK, :1]
            np.subtract(turned, code, out=turned)
            chord = np.sqrt(np.vecdot(turned, turned))
            # A chord of two unit vectors spans twice its half's arcsine; 1 % and 1e-4 cover float32.
            shapes[start : start + _CHUNK, 1] = 2 * np.arcsin(np.minimum(chord / 2, 1)) * 1.01 + 1e-4
        return RefineCodes(codes, shapes)

    def scan_codes(self, refine: RefineCodes) -> ScanCodes:
        """Codes made of refine codes: who merges segments has no vectors any more."""
        count = len(refine.codes)
        layout = _layout(self.dimension, count >= _LARGE)
        index = layout.quantizer(layout.books)
        codes = np.empty((count, index.sa_code_size()), np.uint8)
        along, across = np.empty(count, np.float32), np.empty(count, np.float32)
        with one_thread():
            for start in range(0, count, _CHUNK):
                rows = slice(start, start + _CHUNK)
                padded = layout.pad(refine.units(rows))
                codes[rows] = index.sa_encode(padded)
                along[rows], across[rows] = _least_along(padded, index.sa_decode(codes[rows]), refine.shapes[rows, 1])
        groups, book = _grouped(along, across)
        codes[:, -1] = groups * (CENTROIDS + 1)
        books = layout.books.copy()
        books[layout.columns :, :, :2] = book
        index = layout.quantizer(books)
        index.add_sa_codes(codes)
        spread = float(np.ptp(book[:, 0])), float(np.ptp(book[:, 1]))
        rotation = np.zeros((layout.padded, self.dimension), np.float32)
        rotation[layout.places] = self._rotation
        return ScanCodes(faiss.IndexPQFastScan(index, _LANES), layout, rotation, spread, self._noise)


@lru_cache(maxsize=16)
def _layout(dimension: int, large: bool) -> _Layout:
    columns = min(dimension // 2, round(_COLUMNS_AT_128[large] * (dimension / 128) ** 0.5))
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


def _least_along(units: Float, decoded: Float, angles: Float) -> tuple[Float, Float]:
    """c at least and e at most, for every vector within its angle of ``units``."""
    near, square = np.vecdot(units, decoded), np.vecdot(decoded, decoded)
    apart = np.sqrt(np.maximum(square - near * near, 0))
    along = near * np.cos(angles) - apart * np.sin(angles)
    return along, np.sqrt(np.maximum(square - along * along, 0))


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
