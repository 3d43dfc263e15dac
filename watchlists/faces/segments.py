"""Parts of a gallery: float32 ones that grow at the end, and coded ones that never change.

Which rows are erased or locked is not theirs to know: that is in the marks of a view (``snapshot``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from watchlists.faces.change import Memory
from watchlists.faces.codes import Codec, RefineCodes, ScanCodes
from watchlists.faces.ids import Lookup, Rows, scan
from watchlists.faces.native import one_thread, products
from watchlists.faces.template import Float, Ids

Marks = npt.NDArray[np.uint8]
"""uint8 (rows,): 0 may be found, or bits of ERASED and LOCKED."""
ERASED, LOCKED = 1, 2
_CHUNK = 4096
_DEEPER = 8
_WORTH_SCANNING = 8
"""Whoever asks for more than one row in so many is served sooner by looking at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Rows that may reach a cosine with a probe, none that does is left out.

    probe, row: int64 (n,); low, high: float32 (n,), bounds of the cosine, equal where it is known.
    """

    probe: npt.NDArray[np.int64]
    row: Rows
    low: Float
    high: Float


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """Probes as given, float32 (n, d) of length 1, and in the coordinates of the codes."""

    plain: Float
    turned: Float


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

    def reaching(self, probes: Probes, level: float, marks: Marks, count: int) -> Hits: ...
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

    def reaching(self, probes: Probes, level: float, marks: Marks, count: int) -> Hits:
        found = []
        for number, probe in enumerate(probes.plain):
            scores = products(probe, self.stored[:count])
            rows = np.flatnonzero(scores >= level)
            rows = rows[marks[rows] == 0]
            found.append((np.full(len(rows), number, np.int64), rows, scores[rows]))
        probe_of, row, score = (np.concatenate(part) for part in zip(*found, strict=True))
        return Hits(probe_of, row, score, score)

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
        self._look = look
        self._widest_angle = float(refine.angles.max())
        self._scan: ScanCodes = codec.scan_codes(refine)
        self._templates = Lookup(ids.templates)
        self._subjects = Lookup(ids.subjects)

    def reaching(self, probes: Probes, level: float, marks: Marks, count: int) -> Hits:
        probe_of, row = self._scanned(probes, level, count)
        keep = marks[row] == 0
        probe_of, row = probe_of[keep], row[keep]
        if len(row) <= _CHUNK:
            return self._bounded(probes, level, probe_of, row)
        parts = [
            self._bounded(probes, level, probe_of[start : start + _CHUNK], row[start : start + _CHUNK])
            for start in range(0, len(row), _CHUNK)
        ]
        return Hits(
            np.concatenate([part.probe for part in parts]),
            np.concatenate([part.row for part in parts]),
            np.concatenate([part.low for part in parts]),
            np.concatenate([part.high for part in parts]),
        )

    def rows_of_template(self, template: bytes, count: int) -> Rows:  # noqa: ARG002 - all rows, always
        return self._templates.rows(template)

    def rows_of_subject(self, subject: bytes, count: int) -> Rows:  # noqa: ARG002
        return self._subjects.rows(subject)

    def vectors(self, rows: Rows) -> Float | None:
        return None if self.originals is None else self.originals[rows]

    def wipe(self, rows: Rows) -> None:
        """Nothing of the vectors of ``rows`` is left. Nobody may be looking at them any more."""
        self.refine.codes[rows] = 0
        self.refine.angles[rows] = 0
        if self.originals is not None:
            self.originals[rows] = 0
        for row in rows.tolist():
            self._scan.wipe(row)

    def memory(self) -> Memory:
        return Memory(
            0,
            vectors=0 if self.originals is None else self.originals.nbytes,
            scan_codes=self._scan.nbytes,
            refine_codes=self.refine.codes.nbytes + self.refine.angles.nbytes,
            ids=self.ids.nbytes,
            lookups=self._templates.nbytes + self._subjects.nbytes,
        )

    def _scanned(self, probes: Probes, level: float, count: int) -> tuple[npt.NDArray[np.int64], Rows]:
        """Probe and row of everything that may reach ``level``, and of some that don't."""
        asked = self._codec.query(probes.turned, level, self._scan, self._widest_angle)
        waiting = np.arange(len(probes.turned))
        found_probes, found_rows = [], []
        look = min(self._look, count)
        deepest = max(look, count // _WORTH_SCANNING)
        while asked is not None and len(waiting) and look <= deepest:
            query, least = asked
            with one_thread():
                scores, rows = self._scan.index.search(query[waiting], look)
            enough = scores >= least
            # A list that ends with somebody who may reach the level, or with nobody, need not be all.
            short = (enough[:, -1] & (look < count)) | (rows[:, -1] < 0)
            enough[short] = False
            which, place = np.nonzero(enough)
            found_probes.append(waiting[which])
            found_rows.append(rows[which, place])
            waiting = waiting[short]
            look *= _DEEPER
        found_probes.append(np.repeat(waiting, count))
        found_rows.append(np.tile(np.arange(count), len(waiting)))
        return np.concatenate(found_probes), np.concatenate(found_rows)

    def _bounded(self, probes: Probes, level: float, probe_of: npt.NDArray[np.int64], row: Rows) -> Hits:
        low, high = self.refine.bounds(probes.turned[probe_of], row)
        keep = high >= level
        return Hits(probe_of[keep], row[keep], low[keep], high[keep])
