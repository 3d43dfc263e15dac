"""Who of the consenting people is this? Open-set 1:N at a million templates, exact in every decision.

Small galleries are float32. In larger ones 4-bit codes are scanned first, what they can't exclude is bounded by int8
codes, and where those bounds leave a decision open, float32 vectors are fetched from the encrypted store (``codes`` and
``settle`` say why nobody is overlooked). Readers never wait for writers: each search works on one snapshot
(``snapshot``, ``gallery``). Coding, compaction and overwriting go on behind them (``upkeep``).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId
from watchlists.errors import (
    ForeignModelError,
    IndexClosedError,
    NoExactVectorsError,
    NotFiniteError,
    NotUnitLengthError,
    WrongBlockError,
    WrongDimensionError,
    WrongThresholdError,
)
from watchlists.faces import kernels
from watchlists.faces.change import (
    NO_RUNNER_UP_MARGIN,
    Change,
    Entry,
    Likeness,
    Match,
    Memory,
    Selection,
    State,
    Tuning,
)
from watchlists.faces.codes import ROUNDING, Codec, bounds
from watchlists.faces.gallery import Gallery
from watchlists.faces.ids import to_text
from watchlists.faces.segments import FlatSegment
from watchlists.faces.settle import Answer, Candidate, settle
from watchlists.faces.snapshot import Found, Snapshot
from watchlists.faces.template import UNIT_TOLERANCE, Float, Template, TemplateBlock, check_vectors
from watchlists.faces.upkeep import Upkeep

_SURELY_UNIT = 1.9 * UNIT_TOLERANCE
"""How far from 1 the square of a length may be that needs no closer look."""
_CLOSE_TIMEOUT_S = 30.0
_FEW = 8
"""So few templates near a probe are looked at one by one."""
_FIRST = np.zeros(1, np.int64)


class ExactVectors(Protocol):
    """Where float32 templates are kept, encrypted."""

    def vectors(self, template_ids: Sequence[TemplateId]) -> Float:
        """float32 (n, d) in the order asked; a row of NaN for a template that is no longer there."""
        ...


class FaceIndex:
    """Templates of one model. Thread-safe; several templates per subject, answers are about subjects.

    exact: the store that has the float32 vectors. Without one the index keeps them itself, 4 d bytes each.
    """

    def __init__(
        self, model: ModelId, dimension: int, *, exact: ExactVectors | None = None, tuning: Tuning | None = None
    ) -> None:
        if dimension < 4:
            raise WrongDimensionError(f"an index needs at least four dimensions, not {dimension}")
        tuning = Tuning() if tuning is None else tuning
        self.model = model
        self.dimension = dimension
        self._exact = _Exact(exact, dimension)
        self._codec = Codec(dimension, tuning.overlooked, tuning.seed)
        self._gallery = Gallery(dimension, tuning)
        self._upkeep = Upkeep(self._gallery, self._codec, keep_originals=exact is None)
        self._closed = False

    def __len__(self) -> int:
        """Templates held, locked ones too."""
        return self._gallery.snapshot.held

    def __repr__(self) -> str:
        return f"FaceIndex(model={self.model!r}, dimension={self.dimension}, templates={len(self)})"

    def load(self, blocks: Iterable[TemplateBlock]) -> None:
        """Take in what the store holds, as it comes; for an index that is starting.

        Exact answers right after, fast ones when ``state`` says so. What is changed meanwhile holds for blocks that
        were read before and come after. When ``blocks`` or a check fails, what came before stays and the error goes on.
        Raises ForeignModelError, WrongDimensionError, WrongBlockError, NotFiniteError, NotUnitLengthError.
        """
        self._check_open()
        self._gallery.start_load()
        try:
            for block in blocks:
                self._gallery.add_block(block, self._checked_block(block))
                self._upkeep.wake()
        finally:
            self._gallery.end_load()
            self._upkeep.wake()

    def update(self, change: Change) -> int:
        """Carry out ``change`` as one: no search sees half of it. How many templates were erased.

        On return what was enrolled is found, and no search that starts afterwards finds what was erased or locked.
        Erased vectors and codes are overwritten in memory as soon as the last search that began earlier is over; ids,
        which say nothing about a face, when their segment is written anew.
        Raises ForeignModelError, WrongDimensionError, IndexClosedError, and then nothing has changed.
        """
        self._check_open()
        for template in change.enrol:
            self._check_template(template)
        erased = self._gallery.apply(change)
        self._upkeep.wake()
        return erased

    def enrol(self, template: Template) -> None:
        """Add ``template``, or put it in the place of the one with its id. Searchable on return."""
        self.update(Change(enrol=(template,)))

    def erase(self, subject: SubjectKey) -> int:
        """Take out every template of ``subject``; how many there were."""
        return self.update(Change(erase=Selection(subjects=frozenset((subject,)))))

    def replace(self, subject: SubjectKey, templates: Sequence[Template]) -> int:
        """Put ``templates`` in the place of all that ``subject`` has, in one step; how many there were."""
        return self.update(Change(erase=Selection(subjects=frozenset((subject,))), enrol=tuple(templates)))

    def suspend(self, subject: SubjectKey, consent: ConsentId) -> None:
        """Keep what rests on ``consent``, but let nobody find it until ``resume``."""
        self.update(Change(lock=Selection(consents=frozenset(((subject, consent),)))))

    def resume(self, subject: SubjectKey, consent: ConsentId) -> None:
        """Let what rests on ``consent`` be found again."""
        self.update(Change(unlock=Selection(consents=frozenset(((subject, consent),)))))

    def search(
        self,
        model: ModelId,
        people: Sequence[Float],
        *,
        threshold: float,
        margin: float = 0.0,
        admits: Callable[[SubjectKey], bool] | None = None,
    ) -> list[Match | None]:
        """For each of ``people`` the best admitted subject that reaches ``threshold``, None for unknown. See ``Match``.

        people: each float32 (n, d), n at least 1, unit length: probes of one person, whose best counts. threshold: a
        cosine; margin: how far everybody else has to stay below, 0 or more. admits: whether a subject counts here and
        now (list, validity, scope), asked only about those who may be the answer: who is filtered hides nobody.
        Raises ForeignModelError, WrongDimensionError, NotFiniteError, NotUnitLengthError, WrongThresholdError,
        NoExactVectorsError.
        """
        self._check_open()
        if not (-1 <= threshold <= 1 and 0 <= margin <= 2):
            raise WrongThresholdError("a threshold is a cosine in [-1, 1] and a margin in [0, 2]")
        if not people:
            return []
        plain = [self._checked_probes(model, probes) for probes in people]
        snapshot = self._gallery.snapshot
        if len(plain) == 1:
            found = snapshot.reaching(plain[0], threshold)
            if not len(found.row):  # what most people a gate sees are: nobody it knows
                return [None]
            if len(found.row) <= _FEW and (alone := _only_answer(snapshot, found, threshold + margin)) is not None:
                # All who come near are one subject, so far above that no rival can be within the margin.
                return [self._match(alone, snapshot.open) if _may(admits, alone.subject) else None]
            return [self._answer(_Person(self._exact, snapshot, plain[0], found, threshold), margin, admits)]
        found = snapshot.reaching(np.concatenate(plain), threshold)
        answers = []
        stop = 0
        for probes in plain:
            start, stop = stop, stop + len(probes)
            person = _Person(self._exact, snapshot, probes, _between(found, start, stop), threshold)
            answers.append(self._answer(person, margin, admits))
        return answers

    def compare(self, model: ModelId, subject: SubjectKey, probes: Float) -> Likeness | None:
        """How like the templates of ``subject`` that are not locked ``probes`` (see ``search``) are.

        None without one. Raises what ``search`` raises about probes.
        """
        self._check_open()
        plain = self._checked_probes(model, probes)
        snapshot = self._gallery.snapshot
        places = snapshot.open_rows_of(subject)
        scores = self._exact.scores(snapshot, plain, places) if places else []
        held = [(score, place) for score, place in zip(scores, places, strict=True) if score is not None]
        if not held:
            return None
        score, place = max(held)
        return Likeness(score, TemplateId(to_text(snapshot.ids_at(*place)[1])))

    def has(self, subject: SubjectKey) -> bool:
        """True when there is a template of ``subject``, locked or not."""
        return self._gallery.snapshot.has(subject)

    def finds(self, subject: SubjectKey) -> bool:
        """True when there is a template of ``subject`` that is not locked."""
        return bool(self._gallery.snapshot.open_rows_of(subject))

    def subjects(self) -> int:
        """How many subjects have a template. Some 0.2 s at a million: for a status page, not for a gate."""
        return self._gallery.snapshot.subjects()

    def entries(self) -> Iterator[Entry]:
        """Every template held at this moment, without its vector; to be reconciled with the store."""
        return self._gallery.snapshot.entries()

    def memory(self) -> Memory:
        """Bytes held, by structure."""
        held = self._gallery.snapshot.memory()
        return replace(held, lookups=held.lookups + self._codec.nbytes)

    @property
    def state(self) -> State:
        """How the index is: fast, or exact only and why."""
        views = self._gallery.snapshot.views
        waiting = sum(view.held for view in views if isinstance(view.segment, FlatSegment))
        fast = waiting <= 2 * self._gallery.tuning.flat_limit
        return State(
            "fast" if fast else "exact",
            sum(view.held for view in views),
            0 if fast else waiting,
            self._upkeep.failures,
            self._upkeep.last_failure,
        )

    def settled(self, timeout_s: float) -> bool:
        """Wait for the background work; True when there is none left, or what is left waits for a retry."""
        return self._upkeep.settled(timeout_s)

    def close(self) -> None:
        """Stop the background work. The index answers nothing any more."""
        self._closed = True
        self._upkeep.close(_CLOSE_TIMEOUT_S)

    def _answer(self, person: _Person, margin: float, admits: Callable[[SubjectKey], bool] | None) -> Match | None:
        while True:
            try:
                answer = settle(person.threshold, margin, person.reaching, partial(_may, admits), person.exactly)
            except _GoneError:
                # The store lost a template while this search went on: as if it had been erased before.
                continue
            return None if answer is None else self._match(answer, person.snapshot.open)

    def _match(self, answer: Answer, searched: int) -> Match:
        return Match(
            SubjectKey(to_text(answer.subject)),
            answer.score,
            TemplateId(to_text(answer.template)),
            None if answer.runner_up is None else SubjectKey(to_text(answer.runner_up)),
            answer.margin,
            answer.clear,
            self.model,
            searched,
        )

    def _checked_probes(self, model: ModelId, probes: Float) -> Float:
        """``probes``, contiguous and of length 1 as exactly as float32 can."""
        if model != self.model:
            raise ForeignModelError(f"probes of {model} can't be compared with a gallery of {self.model}")
        if probes.ndim != 2 or len(probes) == 0 or probes.shape[1] != self.dimension or probes.dtype != np.float32:
            raise WrongDimensionError(
                f"probes are float32 (n, {self.dimension}) with n at least 1, not {probes.dtype} {probes.shape}"
            )
        if probes.flags.c_contiguous and kernels.off_unit(probes) < ROUNDING:
            return probes
        squares = np.vecdot(probes, probes)
        if not all(abs(square - 1) < _SURELY_UNIT for square in squares.tolist()):
            check_vectors(probes)
        return np.ascontiguousarray(probes / np.sqrt(squares)[:, None])

    def _check_template(self, template: Template) -> None:
        if template.model != self.model:
            raise ForeignModelError(
                f"a template of {template.model} can't join a gallery of {self.model}: enrol the person again"
            )
        if template.vector.shape != (self.dimension,):
            raise WrongDimensionError(f"a template has {template.vector.shape[0]} numbers, not {self.dimension}")

    def _checked_block(self, block: TemplateBlock) -> Float:
        """The vectors of ``block``, of length 1 as exactly as float32 can."""
        count = len(block)
        if block.model != self.model:
            raise ForeignModelError(f"templates of {block.model} can't join a gallery of {self.model}")
        if block.vectors.ndim != 2 or block.vectors.shape[1] != self.dimension or block.vectors.dtype != np.float32:
            raise WrongDimensionError(
                f"templates are float32 (n, {self.dimension}), not {block.vectors.dtype} {block.vectors.shape}"
            )
        ids = (block.template_ids, block.subjects, block.consents)
        if any(one.shape != (count, 16) or one.dtype != np.uint8 for one in ids) or len(block.vectors) != count:
            raise WrongBlockError("ids and vectors of a block of templates have different lengths: check the store")
        if block.locked.shape != (count,) or block.locked.dtype != np.bool_:
            raise WrongBlockError("a block of templates doesn't say of each whether it is locked: check the store")
        squares = np.vecdot(block.vectors, block.vectors)
        if not np.isfinite(squares).all():
            raise NotFiniteError("a stored template holds NaN or infinity: restore the store from its last backup")
        if (np.abs(squares - 1) > _SURELY_UNIT).any():
            raise NotUnitLengthError("a stored template is not of length 1: restore the store from its last backup")
        if (np.abs(squares - 1) < ROUNDING).all():
            return block.vectors
        lengths: Float = np.sqrt(squares)
        return block.vectors / lengths[:, None]

    def _check_open(self) -> None:
        if self._closed:
            raise IndexClosedError("this face index was closed: open another one")


def _may(admits: Callable[[SubjectKey], bool] | None, subject: bytes) -> bool:
    return admits is None or admits(SubjectKey(to_text(subject)))


def _only_answer(snapshot: Snapshot, found: Found, least: float) -> Answer | None:
    """The answer that ``settle`` comes to, where bounds show it at a glance; None where it has to look.

    At a glance: whatever was found is of one subject, and surely reaches ``least``, threshold and margin together.
    """
    cosines = found.cosine.tolist()
    cosine = max(cosines)
    at = cosines.index(cosine)
    if cosine - float(found.angle[at]) - ROUNDING < least:
        return None
    places = list(zip(found.view.tolist(), found.row.tolist(), strict=True))
    subject, template = snapshot.ids_at(*places[at])
    if any(snapshot.ids_at(*place)[0] != subject for place in places if place != places[at]):
        return None
    return Answer(subject, template, cosine, None, NO_RUNNER_UP_MARGIN, clear=True)


class _GoneError(Exception):
    """The store no longer has a template that was to be compared."""


class _Exact:
    """Exact cosines, of vectors held here or fetched from the store."""

    def __init__(self, store: ExactVectors | None, dimension: int) -> None:
        self._store = store
        self._dimension = dimension

    def scores(self, snapshot: Snapshot, plain: Float, places: Sequence[tuple[int, int]]) -> list[float | None]:
        """Best exact cosine with each template at (view, row); None for one that the store no longer has."""
        vectors = np.empty((len(places), self._dimension), np.float32)
        missing = []
        for number, (view, row) in enumerate(places):
            held = snapshot.views[view].segment.vectors(np.array([row]))
            if held is None:
                missing.append(number)
            else:
                vectors[number] = held[0]
        if missing:
            ids = [TemplateId(to_text(snapshot.ids_at(*places[number])[1])) for number in missing]
            vectors[missing] = self._fetched(ids)
        exact = vectors.astype(np.float64)
        scores = (exact @ plain.T.astype(np.float64)).max(axis=1) / np.linalg.norm(exact, axis=1)
        return [None if np.isnan(score) else float(score) for score in scores]

    def _fetched(self, ids: Sequence[TemplateId]) -> Float:
        assert self._store is not None
        vectors = self._store.vectors(ids)
        if vectors.shape != (len(ids), self._dimension):
            raise NoExactVectorsError(
                f"the store gave vectors of shape {vectors.shape} for {len(ids)} templates of {self._dimension} "
                "numbers: check that index and store are of one model"
            )
        return vectors


class _Person:
    """What ``settle`` asks about one person."""

    def __init__(self, exact: _Exact, snapshot: Snapshot, probes: Float, found: Found, threshold: float) -> None:
        self.snapshot = snapshot
        self.threshold = threshold
        self._exact = exact
        self._probes = probes
        self._level = threshold
        self._gone: set[tuple[int, int]] = set()
        self._made: list[Candidate] = []
        self._rest = _candidates(snapshot, found, self._gone)

    def reaching(self, level: float) -> Iterator[Candidate]:
        if level < self._level:
            self._restart(level)
        at = 0
        while at < len(self._made) or self._make_one():
            yield self._made[at]
            at += 1

    def exactly(self, candidates: Sequence[Candidate]) -> list[float]:
        places = [one.place for one in candidates]
        scores = self._exact.scores(self.snapshot, self._probes, places)
        known = [score for score in scores if score is not None]
        if len(known) < len(scores):
            self._gone.update(place for place, score in zip(places, scores, strict=True) if score is None)
            self._restart(self._level)
            raise _GoneError
        return known

    def _restart(self, level: float) -> None:
        self._level = level
        self._made = []
        self._rest = _candidates(self.snapshot, self.snapshot.reaching(self._probes, level), self._gone)

    def _make_one(self) -> bool:
        for one in self._rest:
            self._made.append(one)
            return True
        return False


def _candidates(snapshot: Snapshot, found: Found, gone: Container[tuple[int, int]]) -> Iterator[Candidate]:
    """``found`` without ``gone``, highest limit first. Of a template that several probes came near, the nearest counts.

    No method of ``_Person``: one that holds it would keep a snapshot, and what was erased from it, until a collection.
    """
    limits = found.cosine + found.angle + np.float32(ROUNDING)
    order = _FIRST if len(limits) == 1 else np.argsort(-limits)
    seen: set[tuple[int, int]] = set()
    for at in order:
        place = int(found.view[at]), int(found.row[at])
        if place in seen or place in gone:
            continue
        seen.add(place)
        cosine, angle = float(found.cosine[at]), float(found.angle[at])
        low, high = bounds(cosine, angle) if angle else (cosine, cosine)
        yield Candidate(place, *snapshot.ids_at(*place), low, high, float(limits[at]))


def _between(found: Found, start: int, stop: int) -> Found:
    """What was found for the probes from ``start``, numbered from 0."""
    own = np.flatnonzero((found.probe >= start) & (found.probe < stop))
    return Found(found.probe[own] - start, found.view[own], found.row[own], found.cosine[own], found.angle[own])
