"""Parts of a gallery: float32 ones that grow at the end, and coded ones that never change.

Which rows are erased or locked is not theirs to know: that is in the marks of a view (``snapshot``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from watchlists.faces import kernels
from watchlists.faces.change import Memory
from watchlists.faces.codes import ROUNDING, Codec, RefineCodes, ScanCodes
from watchlists.faces.ids import Lookup, Rows, scan
from watchlists.faces.native import products
from watchlists.faces.template import Float, Ids

Marks = npt.NDArray[np.uint8]
"""uint8 (rows,): 0 may be found, or bits of ERASED and LOCKED."""
ERASED, LOCKED = 1, 2
_CHUNK = 4096
_DEEPER = 4
_SLOWLY = 16
_WORTH_SCANNING = 8
"""Whoever asks for more than one row in so many is served sooner by looking at all."""


class Hits(NamedTuple):
    """Rows that may reach a cosine with a probe, none that does is left out.

    probe, row: int64 (n,); cosine: float32 (n,), with the row's vector or with its code; angle: float32 (n,), how far
    code and vector may lie apart, 0 where the cosine is exact.
    """

    probe: npt.NDArray[np.int64]
    row: Rows
    cosine: Float
    angle: Float


NO_HITS = Hits(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32))


class _Listed(NamedTuple):
    """Scores and rows (k,), best first, and the score from which on they count."""

    scores: Float
    rows: Rows
    least: float


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Ids of templates side by side, each uint8 (n, 16)."""

    templates: Ids
    subjects: Ids
    consents: Ids

    def take(self, rows: Rows) -> Columns:
        return Columns(self.templates[rows], self.subjects[rows], self.consents[rows])

    @property
    def nbytes(self) -> int:
        return self.templates.nbytes + self.subjects.nbytes + self.consents.nbytes


def joined(columns: Sequence[Columns]) -> Columns:
    return Columns(
        np.concatenate([one.templates for one in columns]),
        np.concatenate([one.subjects for one in columns]),
        np.concatenate([one.consents for one in columns]),
    )


class Segment(Protocol):
    """``count`` is how many rows from the start a view sees."""

    ids: Columns

    def reaching(self, probes: Float, level: float, marks: Marks, count: int) -> Hits: ...
    def rows_of_template(self, template: bytes, count: int) -> Rows: ...
    def rows_of_subject(self, subject: bytes, count: int) -> Rows: ...
    def vectors(self, rows: Rows) -> Float | None: ...
    def wipe(self, rows: Rows) -> None: ...
    def memory(self) -> Memory: ...


class FlatSegment:
    """Room for ``capacity`` templates in float32. Rows are added behind those that any view sees, never changed."""

    def __init__(self, capacity: int, dimension: int) -> None:
        self.ids = Columns(*(np.zeros((capacity, 16), np.uint8) for _ in range(3)))
        self.stored: Float = np.zeros((capacity, dimension), np.float32)

    @property
    def capacity(self) -> int:
        return len(self.stored)

    def write(self, at: int, ids: Columns, vectors: Float) -> None:
        """Put ``ids`` and ``vectors`` from row ``at``; only the gallery's writer calls this, behind every view."""
        rows = slice(at, at + len(vectors))
        self.ids.templates[rows], self.ids.subjects[rows], self.ids.consents[rows] = (
            ids.templates,
            ids.subjects,
            ids.consents,
        )
        self.stored[rows] = vectors

    def reaching(self, probes: Float, level: float, marks: Marks, count: int) -> Hits:
        scores = products(probes, self.stored[:count])
        probe_of, row = np.nonzero(scores >= np.float32(level - ROUNDING))
        keep = marks[row] == 0
        probe_of, row = probe_of[keep], row[keep]
        return Hits(probe_of, row, scores[probe_of, row], np.zeros(len(row), np.float32))

    def rows_of_template(self, template: bytes, count: int) -> Rows:
        return scan(self.ids.templates[:count], template)

    def rows_of_subject(self, subject: bytes, count: int) -> Rows:
        return scan(self.ids.subjects[:count], subject)

    def vectors(self, rows: Rows) -> Float:
        return self.stored[rows]

    def wipe(self, rows: Rows) -> None:
        self.stored[rows] = 0

    def memory(self) -> Memory:
        return Memory(0, vectors=self.stored.nbytes, ids=self.ids.nbytes)


class CodedSegment:
    """Templates in codes; with ``originals`` (float32) only where the gallery has no store to ask for them."""

    def __init__(self, codec: Codec, ids: Columns, refine: RefineCodes, originals: Float | None, look: int) -> None:
        self.ids = ids
        self.refine = refine
        self.originals = originals
        self._codec = codec
        self._first_look = look
        self._look = look
        self._most_worth_scanning = max(look, len(ids.templates) // _WORTH_SCANNING)
        self._scan: ScanCodes = codec.scan_codes(refine)
        self._templates = Lookup(ids.templates)
        self._subjects = Lookup(ids.subjects)

    def reaching(self, probes: Float, level: float, marks: Marks, count: int) -> Hits:
        asked = self._scan.question(probes, level)
        if asked is None:
            turned = self._codec.turn(probes)
            return _joined([self._of_all(turned, probe, level, marks) for probe in range(len(probes))])
        parts: list[Hits] = []
        waiting = list(range(len(probes)))
        look = min(self._look, count)
        most = 0
        while waiting and look <= self._most_worth_scanning:
            scores, rows = self._scan.best(asked.query if not parts else asked.query[waiting], look)
            short = []
            for at, probe in enumerate(waiting):
                many, hits = self._closer(asked.turned, probe, level, marks, _Listed(scores[at], rows[at], asked.least))
                # A list that ends with somebody who may reach the level, or with nobody, need not be all.
                if (many == look and look < count) or rows[at, -1] < 0:
                    short.append(probe)
                else:
                    parts.append(hits)
                most = max(most, many)
            waiting = short
            look *= _DEEPER
        self._remember(most)
        parts += [self._of_all(asked.turned, probe, level, marks) for probe in waiting]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def rows_of_template(self, template: bytes, count: int) -> Rows:  # noqa: ARG002 - all rows, always
        return self._templates.rows(template)

    def rows_of_subject(self, subject: bytes, count: int) -> Rows:  # noqa: ARG002
        return self._subjects.rows(subject)

    def vectors(self, rows: Rows) -> Float | None:
        return None if self.originals is None else self.originals[rows]

    def wipe(self, rows: Rows) -> None:
        """Nothing of the vectors of ``rows`` is left. Nobody may be looking at them any more."""
        self.refine.codes[rows] = 0
        self.refine.shapes[rows] = 0
        if self.originals is not None:
            self.originals[rows] = 0
        for row in rows.tolist():
            self._scan.wipe(row)

    def memory(self) -> Memory:
        return Memory(
            0,
            vectors=0 if self.originals is None else self.originals.nbytes,
            scan_codes=self._scan.nbytes,
            refine_codes=self.refine.nbytes,
            ids=self.ids.nbytes,
            lookups=self._templates.nbytes + self._subjects.nbytes,
        )

    def _remember(self, many: int) -> None:
        """Look at so many rows next time that one look is enough for most, and not at many more."""
        wanted = max(self._first_look, many + many // 3, self._look - self._look // _SLOWLY)
        self._look = min(wanted, self._most_worth_scanning)

    def _of_all(self, turned: Float, probe: int, level: float, marks: Marks) -> Hits:
        parts = []
        for start in range(0, len(marks), _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, len(marks)))
            listed = _Listed(np.zeros(len(rows), np.float32), rows, 0.0)
            parts.append(self._closer(turned, probe, level, marks, listed)[1])
        return _joined(parts)

    def _closer(self, turned: Float, probe: int, level: float, marks: Marks, listed: _Listed) -> tuple[int, Hits]:
        """How many of those ``listed`` have the score, and which of them may reach ``level`` with ``probe``."""
        found, bounds = np.empty(len(listed.rows), np.int64), np.empty((2, len(listed.rows)), np.float32)
        coded = marks, self.refine.codes, self.refine.shapes
        many, kept = kernels.look_closer(*listed, turned[probe], *coded, level - ROUNDING, found, bounds)
        if not kept:
            return many, NO_HITS
        return many, Hits(all_of(kept, probe), found[:kept], bounds[0, :kept], bounds[1, :kept])


def all_of(count: int, number: int) -> npt.NDArray[np.int64]:
    """``count`` times ``number``; three times as fast as ``np.full``."""
    filled = np.empty(count, np.int64)
    filled.fill(number)
    return filled


def _joined(parts: Sequence[Hits]) -> Hits:
    return Hits(*map(np.concatenate, zip(*parts, strict=True)))
