"""Parts of a gallery: float32 ones that grow at the end, and coded ones that never change.

Which rows are erased or locked is not theirs to know: that is in the marks of a view (``snapshot``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from watchlists.faces.change import Memory
from watchlists.faces.codes import ROUNDING, Codec, RefineCodes, ScanCodes
from watchlists.faces.ids import Lookup, Rows, scan
from watchlists.faces.native import products
from watchlists.faces.template import Float, Ids

Marks = npt.NDArray[np.uint8]
"""uint8 (rows,): 0 may be found, or bits of ERASED and LOCKED."""
ERASED, LOCKED = 1, 2
_CHUNK = 4096
_Scanned = tuple[npt.NDArray[np.int64], Rows, npt.NDArray[np.int64]]
_NO_PROBES = np.zeros(0, np.int64)
_DEEPER = 8
_MUCH_LESS = 16
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
        self._scan: ScanCodes = codec.scan_codes(refine)
        self._templates = Lookup(ids.templates)
        self._subjects = Lookup(ids.subjects)

    def reaching(self, probes: Float, level: float, marks: Marks, count: int) -> Hits:
        asked = self._scan.query(probes, level)
        if asked is None:
            turned = self._codec.turn(probes)
            return _joined(list(self._by_looking_at_all(turned, range(len(probes)), level, marks)))
        query, least = asked
        probe_of, row, unsure = self._scanned(query, least, count)
        if not len(row) and not len(unsure):
            return NO_HITS
        turned = query[:, self._scan.layout.places]
        if not len(unsure):
            return self._bounded(turned, level, probe_of, row, marks)
        rest = self._by_looking_at_all(turned, unsure.tolist(), level, marks)
        return _joined([self._bounded(turned, level, probe_of, row, marks), *rest])

    def _by_looking_at_all(self, turned: Float, numbers: Iterable[int], level: float, marks: Marks) -> Iterator[Hits]:
        for number in numbers:
            for start in range(0, len(marks), _CHUNK):
                row = np.arange(start, min(start + _CHUNK, len(marks)))
                yield self._bounded(turned, level, np.full(len(row), number), row, marks)

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

    def _scanned(self, query: Float, least: float, count: int) -> _Scanned:
        """Probe and row of everything with a score of ``least`` or more; and the probes that have too many to say."""
        look = min(self._look, count)
        if len(query) > 1:
            return self._scanned_deeper(query, least, count, look)
        scores, rows = self._scan.best(query, look)
        many = int(np.count_nonzero(scores >= least))
        if many == look or rows[0, -1] < 0:
            return self._scanned_deeper(query, least, count, look if look == count else look * _DEEPER)
        self._remember(many)
        return np.zeros(many, np.int64), rows[0, :many], _NO_PROBES

    def _scanned_deeper(self, query: Float, least: float, count: int, look: int) -> _Scanned:
        """The same, looking at ``look`` rows for each probe, and at ever more for those for whom it is not enough."""
        waiting = np.arange(len(query))
        probes, found = [_NO_PROBES], [_NO_PROBES]
        while len(waiting) and look <= max(self._first_look, count // _WORTH_SCANNING):
            scores, rows = self._scan.best(query[waiting], look)
            enough = scores >= least
            # A list that ends with somebody who may reach the level, or with nobody, need not be all.
            short = (enough[:, -1] & (look < count)) | (rows[:, -1] < 0)
            enough[short] = False
            which, place = np.nonzero(enough)
            probes.append(waiting[which])
            found.append(rows[which, place])
            self._remember(look if short.any() else int(enough.sum(axis=1).max()))
            waiting = waiting[short]
            look *= _DEEPER
        return np.concatenate(probes), np.concatenate(found), waiting

    def _remember(self, many: int) -> None:
        """Look at so many rows next time that one look is enough for most, and not at many more."""
        if many >= self._look:
            self._look = min(many * _DEEPER, max(self._first_look, len(self.ids.templates) // _WORTH_SCANNING))
        elif many * _MUCH_LESS < self._look:
            self._look = max(self._look - self._look // _MUCH_LESS, self._first_look)

    def _bounded(self, turned: Float, level: float, probe_of: npt.NDArray[np.int64], row: Rows, marks: Marks) -> Hits:
        if (marked := marks[row]).any():
            keep = (marked == 0).nonzero()[0]
            probe_of, row = probe_of[keep], row[keep]
        cosines, angles = self.refine.cosines(turned[0] if len(turned) == 1 else turned[probe_of], row)
        # No cosine changes by more than the angle.
        keep = (cosines + angles >= level - ROUNDING).nonzero()[0]
        return Hits(probe_of[keep], row[keep], cosines[keep], angles[keep]) if len(keep) else NO_HITS


def _joined(parts: Sequence[Hits]) -> Hits:
    return Hits(*map(np.concatenate, zip(*parts, strict=True)))
