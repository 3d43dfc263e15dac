"""A gallery at one moment. Readers take one and keep it; nothing they can see in it ever changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.contract.ids import ConsentId, SubjectKey, TemplateId
from watchlists.faces.change import Entry, Memory, Selection
from watchlists.faces.ids import Rows, to_bytes, to_text
from watchlists.faces.segments import ERASED, LOCKED, Marks, Segment, all_of
from watchlists.faces.template import Float


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The first ``count`` rows of a segment, and which of them count.

    held: rows not erased; open: rows neither erased nor locked.
    """

    segment: Segment
    count: int
    marks: Marks
    held: int
    open: int

    @classmethod
    def of(cls, segment: Segment, marks: Marks) -> View:
        held = len(marks) - int(np.count_nonzero(marks & ERASED))
        return cls(segment, len(marks), marks, held, int(np.count_nonzero(marks == 0)))

    def rows(self, selection: Selection) -> Rows:
        """Rows of ``selection``, erased ones too."""
        found = [self.segment.rows_of_template(to_bytes(one), self.count) for one in selection.templates]
        found += [self.segment.rows_of_subject(to_bytes(one), self.count) for one in selection.subjects]
        for subject, consent in selection.consents:
            rows = self.segment.rows_of_subject(to_bytes(subject), self.count)
            wanted = np.frombuffer(to_bytes(consent), np.uint8)
            found.append(rows[(self.segment.ids.consents[rows] == wanted).all(axis=1)])
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def with_marks(self, rows: Rows, *, add: int = 0, take: int = 0) -> View:
        """The same with marks of ``rows`` changed; itself when nothing changes."""
        if not len(rows):
            return self
        marks = self.marks.copy()
        marks[rows] = (marks[rows] | add) & ~np.uint8(take)
        return View.of(self.segment, marks)


class Found(NamedTuple):
    """Rows of a snapshot that may reach a cosine. Parallel arrays: probe, view, row, cosine, angle (see ``Hits``)."""

    probe: npt.NDArray[np.int64]
    view: npt.NDArray[np.int64]
    row: Rows
    cosine: Float
    angle: Float


_NOWHERE = np.zeros(0, np.int64)
_NOBODY = Found(_NOWHERE, _NOWHERE, _NOWHERE, np.zeros(0, np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Snapshot:
    """Views of all segments; in the last one's there may be room behind ``count``. open: how many rows may be found."""

    views: tuple[View, ...]
    open: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "open", sum(view.open for view in self.views))

    @property
    def held(self) -> int:
        return sum(view.held for view in self.views)

    def reaching(self, probes: Float, level: float) -> Found:
        """Everything open that may have a cosine of ``level`` with one of ``probes`` (n, d) or more, little else."""
        parts = []
        for number, view in enumerate(self.views):
            if view.open:
                hits = view.segment.reaching(probes, level, view.marks, view.count)
                if len(hits.row):
                    parts.append((hits.probe, all_of(len(hits.row), number), hits.row, hits.cosine, hits.angle))
        if not parts:
            return _NOBODY
        return Found(*(parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))))

    def ids_at(self, view: int, row: int) -> tuple[bytes, bytes]:
        """Subject and template."""
        ids = self.views[view].segment.ids
        return ids.subjects[row].tobytes(), ids.templates[row].tobytes()

    def open_rows_of(self, subject: SubjectKey) -> list[tuple[int, int]]:
        """View and row of each template of ``subject`` that may be found."""
        return self._rows_of(subject, hidden=ERASED | LOCKED)

    def has(self, subject: SubjectKey) -> bool:
        return bool(self._rows_of(subject, hidden=ERASED))

    def _rows_of(self, subject: SubjectKey, hidden: int) -> list[tuple[int, int]]:
        raw = to_bytes(subject)
        return [
            (number, row)
            for number, view in enumerate(self.views)
            for row in view.segment.rows_of_subject(raw, view.count).tolist()
            if not view.marks[row] & hidden
        ]

    def subjects(self) -> int:
        """How many subjects there are. Sorts all of them: some 0.2 s at a million."""
        ids = [view.segment.ids.subjects[: view.count][(view.marks & ERASED) == 0] for view in self.views]
        if not ids:
            return 0
        return len(np.unique(np.concatenate(ids).view("V16")[:, 0]))

    def entries(self) -> Iterator[Entry]:
        for view in self.views:
            ids = view.segment.ids
            for row in np.flatnonzero((view.marks & ERASED) == 0).tolist():
                yield Entry(
                    TemplateId(to_text(ids.templates[row].tobytes())),
                    SubjectKey(to_text(ids.subjects[row].tobytes())),
                    ConsentId(to_text(ids.consents[row].tobytes())),
                    bool(view.marks[row] & LOCKED),
                )

    def memory(self) -> Memory:
        return reduce(_added, (_with_marks(view) for view in self.views), Memory(0))


def _with_marks(view: View) -> Memory:
    return replace(view.segment.memory(), templates=view.held, marks=view.marks.nbytes)


def _added(one: Memory, other: Memory) -> Memory:
    return Memory(
        one.templates + other.templates,
        one.vectors + other.vectors,
        one.scan_codes + other.scan_codes,
        one.refine_codes + other.refine_codes,
        one.ids + other.ids,
        one.lookups + other.lookups,
        one.marks + other.marks,
    )
