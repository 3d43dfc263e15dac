"""Short codes of unit vectors, and what they prove.

Two codes per vector, both of the vector turned by one random rotation R:

- refine: one int8 per coordinate. With q the code and a the angle between x and q (stored), the cosine of x and a
  probe p lies in cos(angle(p, q) +- a): the triangle inequality of angles, so it is never wrong.
- scan: 4 bits for every few coordinates, read by FAISS' fast-scan kernels in cache order. With y the decoded vector,
  c = <x, y> and e = |y - c x|, a probe p with <p, x> = s sees

      <p, y> = s c + sqrt(1 - s^2) e t,    t one coordinate of a uniformly random unit vector in d - 1 dimensions,

  because R is drawn independently of the data and turns what is orthogonal to x to any direction alike. So
  P(t <= -z / sqrt(d - 1)) < exp(-z^2 / 2) for every pair of vectors there can be: 7e-10 at z = 6.5 (4e-11 in the
  normal limit). No assumption about faces is made, nothing is trained, nothing goes stale: the codebook is that of a
  Gaussian, which is what coordinates look like after a random rotation.

One more 4-bit column says in which of 16 groups (c, e) falls, so that a scan for the cosine ``level`` adds to each
score what its group lacks; then everything that reaches ``level`` has a score of at least 0, whichever its c and e.

Sources: RaBitQ (Gao & Long, SIGMOD 2024, arXiv 2405.12497) for the rotation argument; Quicker ADC (Andre et al., TPAMI
2019) for 4-bit codes in registers; Max 1960 for quantising a Gaussian.
"""

from __future__ import annotations

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
"""Vectors per block of the scan: twice as fast as FAISS' default of 32 for one probe."""
_COLUMNS_AT_128 = 47
_CHUNK = 8192
_LOWEST_SCANNED = 0.05
"""Below this cosine a scan proves nothing that is worth its time."""
_TRAINING = 60_000


@dataclass(frozen=True, slots=True, eq=False)
class RefineCodes:
    """int8 (n, d), and the angle in radians between each vector and its code, rounded up: float16 (n,)."""

    codes: npt.NDArray[np.int8]
    angles: npt.NDArray[np.float16]

    def bounds(self, probes: Float, rows: npt.NDArray[np.int64]) -> tuple[Float, Float]:
        """Lowest and highest cosine that ``probes`` (n, d), turned, can have with ``rows`` (n,), pair by pair."""
        found = self.codes[rows].astype(np.float32)
        lengths = np.sqrt(np.maximum(np.vecdot(found, found), 1.0))
        cosines = np.clip(np.vecdot(found, probes) / lengths, -1.0, 1.0)
        apart = np.arccos(cosines)
        angles = self.angles[rows].astype(np.float32)
        low = np.cos(np.minimum(apart + angles, np.float32(np.pi)))
        high = np.cos(np.maximum(apart - angles, np.float32(0)))
        return low - np.float32(ROUNDING), high + np.float32(ROUNDING)


@dataclass(frozen=True, slots=True, eq=False)
class ScanCodes:
    """A FAISS fast-scan index whose scores for ``level`` are at least ``-slack`` where the cosine reaches ``level``.

    spread: how far its last column's (c, e) lie apart, for the rounding of FAISS' tables; error: greatest e.
    """

    index: Any
    spread: tuple[float, float]
    error: float

    def wipe(self, row: int) -> None:
        """Overwrite the code of ``row``."""
        packer = self.index.get_CodePacker()
        block = faiss.rev_swig_ptr(self.index.codes.get(), self.index.codes.size())
        nothing = np.zeros(packer.code_size, np.uint8)
        start = row // packer.nvec * packer.block_size
        packer.pack_1(
            faiss.swig_ptr(nothing), row % packer.nvec, faiss.swig_ptr(block[start : start + packer.block_size])
        )

    @property
    def nbytes(self) -> int:
        return int(self.index.codes.size()) + int(self.index.pq.centroids.size()) * 4


class Codec:
    """Turns unit vectors of ``dimension`` into codes. Immutable; its rotation is drawn once."""

    def __init__(self, dimension: int, sigmas: float, seed: int | None) -> None:
        self.dimension = dimension
        self._noise = sigmas / np.sqrt(max(dimension - 1, 1))
        draw = np.random.default_rng(seed)
        basis, triangle = np.linalg.qr(draw.normal(size=(dimension, dimension)))
        # Signs of the triangle's diagonal make the rotation uniformly random (Mezzadri 2007).
        self._rotation: Float = np.ascontiguousarray((basis * np.sign(np.diag(triangle))).T, np.float32)
        columns = min(dimension // 2, round(_COLUMNS_AT_128 * (dimension / 128) ** 0.5))
        self._columns = max(1, columns - 1 + columns % 2)  # odd: with the one for (c, e) they fill whole bytes
        self._width = max(2, -(-dimension // self._columns))
        widths = [len(part) for part in np.array_split(np.arange(dimension), self._columns)]
        starts = np.arange(self._columns) * self._width
        self._places = np.concatenate([start + np.arange(width) for start, width in zip(starts, widths, strict=True)])
        self._padded = (self._columns + 1) * self._width
        self._widths = widths

    @property
    def nbytes(self) -> int:
        return self._rotation.nbytes + self._places.nbytes

    def turn(self, probes: Float) -> Float:
        """``probes`` (n, d) in the coordinates of the codes."""
        return np.stack([products(probe, self._rotation) for probe in probes])

    def refine_codes(self, vectors: Float) -> RefineCodes:
        """Codes of ``vectors`` (n, d), unit length, not turned."""
        codes = np.empty(vectors.shape, np.int8)
        angles = np.empty(len(vectors), np.float16)
        for start in range(0, len(vectors), _CHUNK):
            turned = vectors[start : start + _CHUNK] @ self._rotation.T
            scale = np.float32(127) / np.maximum(turned.max(axis=1), -turned.min(axis=1))
            code = turned * scale[:, None]
            np.rint(code, out=code)
            codes[start : start + _CHUNK] = code
            code /= np.sqrt(np.vecdot(code, code))[:, None]
            np.subtract(turned, code, out=turned)
            chord = np.sqrt(np.vecdot(turned, turned))
            # A chord of two unit vectors spans twice its half's arcsine; 1 % and 1e-4 cover float32 and float16.
            angles[start : start + _CHUNK] = 2 * np.arcsin(np.minimum(chord / 2, 1)) * 1.01 + 1e-4
        return RefineCodes(codes, angles)

    def scan_codes(self, refine: RefineCodes) -> ScanCodes:
        """Codes made of the refine codes: who merges segments has no vectors any more.

        c and e are those of the vector the refine code stands for; ``query`` allows for the angle between the two.
        """
        books = self._books()
        index = faiss.IndexPQ(self._padded, self._columns + 1, 4, faiss.METRIC_INNER_PRODUCT)
        faiss.copy_array_to_vector(books.ravel(), index.pq.centroids)
        index.is_trained = True
        count = len(refine.codes)
        codes = np.empty((count, index.sa_code_size()), np.uint8)
        along, across = np.empty(count, np.float32), np.empty(count, np.float32)
        with one_thread():
            for start in range(0, count, _CHUNK):
                padded = self._padded_units(refine.codes[start : start + _CHUNK])
                codes[start : start + _CHUNK] = part = index.sa_encode(padded)
                decoded = index.sa_decode(part)
                c = along[start : start + _CHUNK] = np.vecdot(padded, decoded)
                across[start : start + _CHUNK] = np.sqrt(np.maximum(np.vecdot(decoded, decoded) - c * c, 0))
        groups, book = _grouped(along, across)
        codes[:, -1] = (codes[:, -1] & 0x0F) | (groups << 4)
        books[-1] = 0
        books[-1, :, :2] = book
        faiss.copy_array_to_vector(books.ravel(), index.pq.centroids)
        index.add_sa_codes(codes)
        spread = (float(np.ptp(book[:, 0])), float(np.ptp(book[:, 1])))
        return ScanCodes(faiss.IndexPQFastScan(index, _LANES), spread, float(across.max()))

    def query(self, turned: Float, level: float, scan: ScanCodes, widest_angle: float) -> tuple[Float, float] | None:
        """What to search ``scan`` with, (n, padded), and the score that everything reaching ``level`` has at least.

        None when a scan for ``level`` proves nothing.
        """
        # Codes were made of the refine code x', an angle away from x: what reaches ``level`` with x reaches this with
        # x', and what is orthogonal to x' may lie along x by that angle's sine.
        leak = scan.error * float(np.sin(min(widest_angle, np.pi / 2)))
        reached = float(np.cos(min(np.arccos(level) + widest_angle, np.pi)))
        if reached < _LOWEST_SCANNED:
            return None
        noise = self._noise * float(np.sqrt(1 - reached * reached))
        query = np.zeros((len(turned), self._padded), np.float32)
        query[:, self._places] = turned
        query[:, -self._width] = -reached
        query[:, -self._width + 1] = noise
        # FAISS rounds each column's table to 255 steps of the widest column.
        parts = query[:, : -self._width].reshape(len(turned), self._columns, self._width)
        widest = 2 * self._radius() * float(np.sqrt(np.square(parts).sum(axis=2).max()))
        widest = max(widest, reached * scan.spread[0] + noise * scan.spread[1])
        return query, -(widest / 255 / 2 * (self._columns + 1) * 1.01 + leak + ROUNDING)

    def _padded_units(self, codes: npt.NDArray[np.int8]) -> Float:
        units = codes.astype(np.float32)
        units /= np.sqrt(np.maximum(np.vecdot(units, units), 1.0))[:, None]
        padded = np.zeros((len(codes), self._padded), np.float32)
        padded[:, self._places] = units
        return padded

    def _books(self) -> Float:
        """(columns + 1, 16, width): a Gaussian's best 16 points in as many dimensions as the column has."""
        books = np.zeros((self._columns + 1, CENTROIDS, self._width), np.float32)
        for column, width in enumerate(self._widths):
            books[column, :, :width] = gaussian_points(width) / np.sqrt(self.dimension)
        return books

    def _radius(self) -> float:
        longest = max(float(np.linalg.norm(gaussian_points(width), axis=1).max()) for width in set(self._widths))
        return longest / float(np.sqrt(self.dimension))


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
    """Group of each (c, e), and what each group is good for at least: float32 (16, 2), its least c and greatest e."""
    edges = np.linspace(along.min(), along.max(), CENTROIDS + 1)[1:-1]
    groups = np.searchsorted(edges, along).astype(np.uint8)
    least = np.full(CENTROIDS, np.inf, np.float32)
    greatest = np.full(CENTROIDS, -np.inf, np.float32)
    np.minimum.at(least, groups, along)
    np.maximum.at(greatest, groups, across)
    empty = np.isinf(least)
    book = np.stack([np.where(empty, along.max(), least), np.where(empty, across.min(), greatest)], axis=1)
    return groups, np.asarray(book, np.float32)
