"""The inner loops that neither FAISS nor numpy have, compiled by numba when this is first imported, and then cached.

Nothing here checks its arguments: shapes are the callers' word, and a wrong one reads beyond an array. Sums of float32
may be taken in any order; ``codes.ROUNDING`` covers that.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba as numba_untyped
import numpy as np
from numba.core.caching import FunctionCache as FunctionCacheUntyped

numba: Any = numba_untyped  # it has no type stubs
FunctionCache: Any = FunctionCacheUntyped
_NOT_KEPT = (OSError, RuntimeError, EOFError, pickle.PickleError, LookupError, AttributeError, ImportError, ValueError)
"""What keeping raises: no place or no room for it; what reading raises: a power cut left part of a file, or zeros."""
_I8, _U8, _I64, _F32, _F64 = numba.int8, numba.uint8, numba.int64, numba.float32, numba.float64
CENTROIDS = 16
_ROWS = 128
_AT_ONCE = 4
_TINY = np.float32(1e-30)
_ANGLE_SLACK, _ANGLE_LEAST = 1.01, 1e-4
"""What float32 may hide of an angle."""
_SQUARE_SLACK = np.float32(2e-6)
"""What float32 may hide of a squared length near 1: all of it, where the length is small."""


def _in(kind: Any, dimensions: int) -> Any:
    return numba.types.Array(kind, dimensions, "C", readonly=True)


def _out(kind: Any, dimensions: int) -> Any:
    return numba.types.Array(kind, dimensions, "C")


def _compiled(signature: Any, *, others_may_run: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compiled here and now: no search waits for it. Anew where it can't be kept, or what was kept can't be read."""

    def compile_now(function: Callable[..., Any]) -> Callable[..., Any]:
        how = {"fastmath": {"reassoc", "contract"}, "nogil": others_may_run, "error_model": "numpy"}
        try:
            compiled: Callable[..., Any] = numba.njit(signature, cache=True, **how)(function)
        except _NOT_KEPT:
            _forget(function)
            compiled = numba.njit(signature, **how)(function)
        return compiled

    return compile_now


def _forget(function: Callable[..., Any]) -> None:
    """Leave nothing for the next start to stumble over; it keeps what it compiles."""
    with suppress(OSError, RuntimeError):
        FunctionCache(function).flush()


@_compiled(_F64(_in(_F32, 2)), others_may_run=False)
def off_unit(vectors: np.ndarray) -> float:
    """How far from 1 the squared length of one of ``vectors`` (n, d) is at most; infinity where one is not finite."""
    most = 0.0
    for row in range(len(vectors)):
        square = np.float32(0)
        for at in range(vectors.shape[1]):
            square += vectors[row, at] * vectors[row, at]
        if not math.isfinite(square):
            return math.inf
        most = max(most, abs(float(square) - 1.0))
    return most


@_compiled(
    _F64(_in(_F32, 2), _in(_F32, 2), _in(_I64, 1), _in(_F32, 1), _out(_F32, 2), _out(_F32, 3)), others_may_run=False
)
def turn(  # noqa: PLR0917 - numba knows no keywords
    probes: np.ndarray,
    rotation: np.ndarray,
    starts: np.ndarray,
    last: np.ndarray,
    turned: np.ndarray,
    query: np.ndarray,
) -> float:
    """``turned`` (n, d) becomes ``probes`` (n, d) turned by ``rotation`` (d, d); ``query``, the same by columns.

    starts: int64 (columns + 1,), from where on coordinates belong to each column; query: (n, columns and more, width of
    the widest), and what is beyond ``columns`` begins with ``last``. Returns the length of a column's longest part.
    """
    longest = 0.0
    query[:] = 0
    for probe in range(len(probes)):
        for column in range(len(starts) - 1, query.shape[1]):
            query[probe, column, : len(last)] = last
        for row in range(len(rotation)):
            product = np.float32(0)
            for at in range(len(rotation)):
                product += probes[probe, at] * rotation[row, at]
            turned[probe, row] = product
        for column in range(len(starts) - 1):
            square = 0.0
            for at in range(starts[column + 1] - starts[column]):
                value = turned[probe, starts[column] + at]
                query[probe, column, at] = value
                square += value * value
            longest = max(longest, square)
    return math.sqrt(longest)


_SCANNED = _in(_F32, 1), _in(_I64, 1), _F64
_CODED = _in(_F32, 1), _in(_U8, 1), _in(_I8, 2), _in(_F32, 2), _F64
_LEFT = _out(_I64, 1), _out(_F32, 2)


@_compiled(numba.types.UniTuple(_I64, 2)(*_SCANNED, *_CODED, *_LEFT), others_may_run=False)
def look_closer(  # noqa: PLR0917 - numba knows no keywords
    scores: np.ndarray,
    rows: np.ndarray,
    least: float,
    turned: np.ndarray,
    marks: np.ndarray,
    codes: np.ndarray,
    shapes: np.ndarray,
    level: float,
    found: np.ndarray,
    bounds: np.ndarray,
) -> tuple[int, int]:
    """Which of ``rows`` (k,), best ``scores`` first, may have a cosine of ``level`` with the probe ``turned`` (d,).

    least: the score from which on they are looked at; marks (n,): 0 for rows that count; codes (n, d), shapes (n, 2):
    as in ``RefineCodes``. Rows that are left go into ``found`` (k,), their cosines and their codes' angles into
    ``bounds`` (2, k). Returns how many had the score, and how many are left.
    """
    many = kept = 0
    for place in range(len(rows)):
        if scores[place] < least:
            break
        many += 1
        row = rows[place]
        if row < 0 or marks[row]:
            continue
        product = np.float32(0)
        for at in range(len(turned)):
            product += np.float32(codes[row, at]) * turned[at]
        cosine = product * shapes[row, 0]
        # No cosine changes by more than the angle.
        if cosine + shapes[row, 1] >= level:
            found[kept], bounds[0, kept], bounds[1, kept] = row, cosine, shapes[row, 1]
            kept += 1
    return many, kept


@_compiled(numba.void(_in(_F32, 2), _in(_F32, 2), _out(_I8, 2), _out(_F32, 2)), others_may_run=True)
def refine(vectors: np.ndarray, rotation: np.ndarray, codes: np.ndarray, shapes: np.ndarray) -> None:
    """int8 ``codes`` (n, d) and ``shapes`` (n, 2) of ``vectors`` (n, d), unit length: see ``RefineCodes``.

    On one core: the matrix product of numpy would take them all, also the one that decrypts what comes next.
    """
    dimension = len(rotation)
    turned = np.empty((_AT_ONCE, dimension), np.float32)
    for start in range(0, len(vectors), _AT_ONCE):
        # Near the end some are done twice.
        first = max(0, min(start, len(vectors) - _AT_ONCE))
        last = len(vectors) - 1
        second, third, fourth = min(first + 1, last), min(first + 2, last), min(first + 3, last)
        for row in range(dimension):
            one = two = three = four = np.float32(0)
            for at in range(dimension):
                turns = rotation[row, at]
                one += turns * vectors[first, at]
                two += turns * vectors[second, at]
                three += turns * vectors[third, at]
                four += turns * vectors[fourth, at]
            turned[0, row], turned[1, row], turned[2, row], turned[3, row] = one, two, three, four
        for lane in range(min(_AT_ONCE, len(vectors))):
            greatest = square = apart = np.float32(0)
            for at in range(dimension):
                greatest = max(greatest, abs(turned[lane, at]))
            scale = np.float32(127) / max(greatest, _TINY)
            for at in range(dimension):
                code = np.rint(turned[lane, at] * scale)
                codes[first + lane, at] = np.int8(code)
                square += code * code
            inverse = np.float32(1) / np.sqrt(square)
            for at in range(dimension):
                off = turned[lane, at] - np.float32(codes[first + lane, at]) * inverse
                apart += off * off
            # A chord of two unit vectors spans twice its half's arcsine.
            shapes[first + lane, 0] = inverse
            shapes[first + lane, 1] = 2 * math.asin(min(math.sqrt(apart) / 2, 1.0)) * _ANGLE_SLACK + _ANGLE_LEAST


_REFINED = _in(_I8, 2), _in(_F32, 2)


@_compiled(
    numba.void(*_REFINED, _in(_F32, 3), _in(_F32, 2), _in(_I64, 1), _out(_U8, 2), _out(_F32, 1), _out(_F32, 1)),
    others_may_run=True,
)
def scan(  # noqa: PLR0917 - numba knows no keywords
    codes: np.ndarray,
    shapes: np.ndarray,
    points: np.ndarray,
    squares: np.ndarray,
    starts: np.ndarray,
    packed: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
) -> None:
    """4-bit codes of what int8 ``codes`` (n, d) and ``shapes`` (n, 2) stand for, two columns a byte, low half first.

    points: (columns, width, 16), of each column; squares: (columns, 16), of their lengths; packed: (n, at least columns
    / 2), zeros. along, across (n,): c at least and e at most, for every vector within its angle (``codes`` says
    what c and e are).
    """
    values = np.empty((codes.shape[1], _ROWS), np.float32)  # a row in each lane of the processor's registers
    nearness, best, square_of = np.empty(_ROWS, np.float32), np.empty(_ROWS, np.float32), np.empty(_ROWS, np.float32)
    near, square = np.empty(_ROWS, np.float32), np.empty(_ROWS, np.float32)
    nearest = np.empty(_ROWS, np.int32)
    for start in range(0, len(codes), _ROWS):
        count = min(_ROWS, len(codes) - start)
        for row in range(count):
            for at in range(codes.shape[1]):
                values[at, row] = np.float32(codes[start + row, at]) * shapes[start + row, 0]
        near[:] = 0
        square[:] = 0
        for column in range(len(starts) - 1):
            best[:] = -np.inf
            for point in range(CENTROIDS):
                length, number = squares[column, point], np.int32(point)
                nearness[:] = -length / 2
                for at in range(starts[column + 1] - starts[column]):
                    lane, weight = values[starts[column] + at], points[column, at, point]
                    for row in range(_ROWS):
                        nearness[row] += weight * lane[row]
                for row in range(_ROWS):
                    nearer = nearness[row] > best[row]
                    best[row] = nearness[row] if nearer else best[row]
                    nearest[row] = number if nearer else nearest[row]
                    square_of[row] = length if nearer else square_of[row]
            for row in range(_ROWS):
                near[row] += best[row] + square_of[row] / 2
                square[row] += square_of[row]
            for row in range(count):
                packed[start + row, column // 2] |= nearest[row] << (4 * (column % 2))
        for row in range(count):
            apart = math.sqrt(max(square[row] - near[row] * near[row], np.float32(0)) + _SQUARE_SLACK)
            angle = shapes[start + row, 1]
            least = near[row] * math.cos(angle) - apart * math.sin(angle)
            along[start + row] = least
            across[start + row] = math.sqrt(max(square[row] - least * least, np.float32(0)) + _SQUARE_SLACK)
