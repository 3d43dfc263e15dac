"""Who of the consenting people is this? Open-set 1:N on FAISS, exact, answered per subject.

Readers never wait for writers: a change builds a new snapshot beside the old one and swaps one reference.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import faiss as faiss_stubs
import numpy as np
import numpy.typing as npt

from core.contract.ids import UUID_PATTERN, ConsentId, ModelId, SubjectKey, TemplateId
from watchlists.errors import (
    ForeignModelError,
    NoConsentError,
    NotFiniteError,
    NotUnitLengthError,
    WrongDimensionError,
)

Float = npt.NDArray[np.float32]
faiss: Any = faiss_stubs  # its type stubs describe the C++ signatures, not the Python ones

UNIT_TOLERANCE = 1e-3
"""How far from 1 the length of a vector may be: well above float32 rounding, well below what moves a decision."""
NO_RUNNER_UP_MARGIN = 2.0
"""Margin when nobody else was compared: the widest two cosines can lie apart."""
_FIRST_LOOK = 8
_SELECTIONS_KEPT = 32
_CONSENT = re.compile(UUID_PATTERN)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A face template. There is no way to make one without the consent it rests on.

    vector: float32 (d,), unit length; a read-only copy is kept.
    Raises NoConsentError, WrongDimensionError, NotFiniteError, NotUnitLengthError.
    """

    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    model: ModelId
    vector: Float = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.consent, str) or not _CONSENT.fullmatch(self.consent):
            raise NoConsentError("a template needs the id of the consent it rests on; enrol with a ticket of the core")
        if self.vector.ndim != 1:
            raise WrongDimensionError(f"a template's vector has shape (d,), not {self.vector.shape}")
        check_vectors(self.vector[None])
        own = self.vector.astype(np.float32)
        own.setflags(write=False)
        object.__setattr__(self, "vector", own)


@dataclass(frozen=True, slots=True)
class Match:
    """The best subject for a set of probes of one person. Whether it is good enough, a threshold says.

    score: cosine in [-1, 1]; runner_up: the next best subject, None when nobody else was compared;
    margin: score minus the runner-up's, ``NO_RUNNER_UP_MARGIN`` without one; template_id: the reference that matched;
    searched: number of templates compared, what a threshold has to be calibrated for.
    """

    subject: SubjectKey
    score: float
    template_id: TemplateId
    runner_up: SubjectKey | None
    margin: float
    model: ModelId
    searched: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """What to take out of an index: whole subjects, what rests on a consent of a subject, single templates."""

    subjects: frozenset[SubjectKey] = frozenset()
    consents: frozenset[tuple[SubjectKey, ConsentId]] = frozenset()
    templates: frozenset[TemplateId] = frozenset()

    def covers(self, entry: Entry) -> bool:
        return (
            entry.template_id in self.templates
            or entry.subject in self.subjects
            or (entry.subject, entry.consent) in self.consents
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index knows of a template besides its vector."""

    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId


class FaceIndex:
    """Templates of one model, searched exactly. Thread-safe.

    Several templates per subject; an answer is about subjects. A change costs a copy of the vectors, a search nothing.
    """

    def __init__(self, model: ModelId, dimension: int) -> None:
        if dimension < 1:
            raise WrongDimensionError(f"an index needs at least one dimension, not {dimension}")
        self.model = model
        self.dimension = dimension
        self._writer = threading.Lock()
        self._snapshot = _Snapshot((), np.zeros((0, dimension), np.float32))

    def __len__(self) -> int:
        return len(self._snapshot.entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every template in the index now, without its vector."""
        return self._snapshot.entries

    def enrol(self, template: Template) -> None:
        """Add ``template``, or put it in the place of the one with its id. Searchable on return."""
        self.update(enrol=(template,))

    def erase(self, subject: SubjectKey) -> int:
        """Take out every template of ``subject``; how many there were. Searches that start afterwards can't find it."""
        return self.update(Erasure(subjects=frozenset((subject,))))

    def update(self, erase: Erasure | None = None, enrol: Sequence[Template] = ()) -> int:
        """Erase, then enrol, as one change: no search sees half of it. How many templates were erased.

        Raises ForeignModelError or WrongDimensionError, and then nothing has changed.
        """
        for template in enrol:
            self._check_template(template)
        newest = {template.template_id: template for template in enrol}
        with self._writer:
            old = self._snapshot
            keep = [
                row
                for row, entry in enumerate(old.entries)
                if entry.template_id not in newest and not (erase is not None and erase.covers(entry))
            ]
            replaced = sum(entry.template_id in newest for entry in old.entries)
            vectors = [old.vectors[keep], *(template.vector[None] for template in newest.values())]
            entries = [old.entries[row] for row in keep]
            entries += [Entry(one.template_id, one.subject, one.consent) for one in newest.values()]
            self._snapshot = _Snapshot(tuple(entries), np.concatenate(vectors))
            return len(old.entries) - len(keep) - replaced

    def search(self, model: ModelId, probes: Float, allowed: frozenset[SubjectKey] | None = None) -> Match | None:
        """Best subject over ``probes`` among those ``allowed`` (None: all); None when there is no such template.

        probes: float32 (n, d), n at least 1, unit length, all of one person. Only allowed subjects are compared, so
        none can be hidden by one who is not. Pass the same ``allowed`` object again and it costs nothing.
        Raises ForeignModelError, WrongDimensionError, NotFiniteError, NotUnitLengthError.
        """
        self._check_probes(model, probes)
        snapshot = self._snapshot
        selection = snapshot.select(allowed)
        if selection.rows == 0:
            return None
        wanted = min(selection.rows, _FIRST_LOOK)
        while True:
            scores, rows = snapshot.nearest(probes, wanted, selection)
            if wanted == selection.rows or snapshot.shows_two_subjects(rows):
                return self._answer(snapshot, scores, rows, selection.rows)
            wanted = min(selection.rows, wanted * 8)

    def compare(self, model: ModelId, subject: SubjectKey, probes: Float) -> float | None:
        """Best cosine between ``probes`` (see ``search``) and the templates of ``subject``; None without a template."""
        self._check_probes(model, probes)
        snapshot = self._snapshot
        rows = snapshot.rows_of.get(subject)
        return None if rows is None else float((snapshot.vectors[rows] @ probes.T).max())

    def has(self, subject: SubjectKey) -> bool:
        """True when there is a template of ``subject``."""
        return subject in self._snapshot.rows_of

    def _answer(self, snapshot: _Snapshot, scores: Float, rows: npt.NDArray[np.int64], searched: int) -> Match:
        best: dict[SubjectKey, tuple[float, int]] = {}
        for score, row in zip(scores.ravel().tolist(), rows.ravel().tolist(), strict=True):
            subject = snapshot.entries[row].subject
            if subject not in best or score > best[subject][0]:
                best[subject] = (score, row)
        ranked = sorted(best.items(), key=lambda item: -item[1][0])
        subject, (score, row) = ranked[0]
        runner_up, margin = None, NO_RUNNER_UP_MARGIN
        if len(ranked) > 1:
            runner_up, margin = ranked[1][0], score - ranked[1][1][0]
        return Match(subject, score, snapshot.entries[row].template_id, runner_up, margin, self.model, searched)

    def _check_template(self, template: Template) -> None:
        if template.model != self.model:
            raise ForeignModelError(
                f"a template of {template.model} can't join a gallery of {self.model}: enrol the person again"
            )
        if template.vector.shape != (self.dimension,):
            raise WrongDimensionError(f"a template has {template.vector.shape[0]} numbers, not {self.dimension}")

    def _check_probes(self, model: ModelId, probes: Float) -> None:
        if model != self.model:
            raise ForeignModelError(f"probes of {model} can't be compared with a gallery of {self.model}")
        if probes.ndim != 2 or len(probes) == 0 or probes.shape[1] != self.dimension or probes.dtype != np.float32:
            raise WrongDimensionError(
                f"probes are float32 (n, {self.dimension}) with n at least 1, not {probes.dtype} {probes.shape}"
            )
        check_vectors(probes)


def check_vectors(vectors: Float) -> None:
    """Raise NotFiniteError or NotUnitLengthError unless every row of ``vectors`` (n, d) is finite and of length 1."""
    if not np.isfinite(vectors).all():
        raise NotFiniteError("a face vector holds NaN or infinity: look at the picture and the model it came from")
    lengths = np.linalg.norm(vectors, axis=1)
    if (np.abs(lengths - 1.0) > UNIT_TOLERANCE).any():
        raise NotUnitLengthError("a face vector is not of length 1: divide the embedding by its norm first")


@dataclass(frozen=True, slots=True)
class _Selection:
    """Rows that may be compared: FAISS search parameters, None for every row."""

    parameters: Any
    rows: int


class _Snapshot:
    """The index at one moment; never changes. The vectors exist once, inside the FAISS index."""

    def __init__(self, entries: tuple[Entry, ...], vectors: Float) -> None:
        self.entries = entries
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors))
        stored = faiss.rev_swig_ptr(self._index.get_xb(), vectors.size) if vectors.size else vectors
        self.vectors: Float = stored.reshape(vectors.shape)
        self._selections: dict[frozenset[SubjectKey], _Selection] = {}

    @cached_property
    def rows_of(self) -> dict[SubjectKey, list[int]]:
        rows: dict[SubjectKey, list[int]] = {}
        for row, entry in enumerate(self.entries):
            rows.setdefault(entry.subject, []).append(row)
        return rows

    def select(self, allowed: frozenset[SubjectKey] | None) -> _Selection:
        """The rows of ``allowed``. Remembered: checkpoints ask with the same few sets again and again."""
        if allowed is None:
            return _Selection(None, len(self.entries))
        known = self._selections.get(allowed)
        if known is None:
            known = self._make_selection(allowed)
            if len(self._selections) >= _SELECTIONS_KEPT:
                self._selections = {}
            self._selections[allowed] = known
        return known

    def _make_selection(self, allowed: Collection[SubjectKey]) -> _Selection:
        rows = [row for subject in allowed for row in self.rows_of.get(subject, ())]
        if len(rows) == len(self.entries):
            return _Selection(None, len(rows))
        mask = np.zeros(len(self.entries), bool)
        mask[rows] = True
        bitmap = np.packbits(mask, bitorder="little")
        return _Selection(faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bitmap)), len(rows))

    def nearest(self, probes: Float, wanted: int, selection: _Selection) -> tuple[Float, npt.NDArray[np.int64]]:
        """Scores and rows, each (n, wanted), best first; ``wanted`` is at most ``selection.rows``."""
        scores, rows = self._index.search(np.ascontiguousarray(probes), wanted, params=selection.parameters)
        return scores, rows

    def shows_two_subjects(self, rows: npt.NDArray[np.int64]) -> bool:
        """True when each probe has seen two subjects: then the two best over all probes are among them.

        Proof: let R be the runner-up, best at probe p. Whoever beats R at p beats it overall, so only the winner can.
        """
        return all(_distinct(self.entries[row].subject for row in seen) >= 2 for seen in rows.tolist())


def _distinct(subjects: Iterable[SubjectKey]) -> int:
    return len(set(subjects))
