"""What can happen to a gallery in one step, and what a search answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId
from watchlists.faces.template import Template

NO_RUNNER_UP_MARGIN = 2.0
"""Margin when nobody else came near: the widest two cosines can lie apart."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which templates: of whole subjects, resting on a consent of a subject, single ones. Unknown ids select none."""

    subjects: frozenset[SubjectKey] = frozenset()
    consents: frozenset[tuple[SubjectKey, ConsentId]] = frozenset()
    templates: frozenset[TemplateId] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.subjects or self.consents or self.templates)


NOTHING = Selection()


@dataclass(frozen=True, slots=True)
class Change:
    """One atomic change, carried out in this order: erase, enrol, lock, unlock.

    enrol: templates to add; one with the id of an enrolled template takes its place. lock: templates to keep but not to
    find (consent suspended); unlock: to find again.
    """

    erase: Selection = NOTHING
    enrol: tuple[Template, ...] = ()
    lock: Selection = NOTHING
    unlock: Selection = NOTHING


@dataclass(frozen=True, slots=True)
class Match:
    """The one admitted subject who reaches the threshold best.

    Exact, as if every template had been compared in float32: that somebody reaches the threshold, who is best
    (cosines closer than 1e-6 are ties), and ``clear``: whether nobody else comes as near as the margin asked.
    score: cosine in [-1, 1], off by at most 0.03 where the decision did not need it exact (0.001 as a rule).
    template_id: the reference that matched. runner_up: the next best subject among those looked at closely, None when
    nobody came within the margin asked; margin: score minus the runner-up's, ``NO_RUNNER_UP_MARGIN`` without one;
    ``margin >= asked`` says the same as ``clear``. searched: templates compared, what a threshold is calibrated for.
    """

    subject: SubjectKey
    score: float
    template_id: TemplateId
    runner_up: SubjectKey | None
    margin: float
    clear: bool
    model: ModelId
    searched: int


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like one subject's references somebody is. score: exact cosine in [-1, 1] with the one they are most like."""

    score: float
    template_id: TemplateId


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index knows of a template besides its vector."""

    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    locked: bool


@dataclass(frozen=True, slots=True)
class State:
    """How the index is. Answers are exact in either phase; ``exact`` means slower.

    waiting: templates that are not in the fast structure and should be; failures: background work given up since the
    start, last_failure: the kind of the last error.
    """

    phase: Literal["exact", "fast"]
    templates: int
    waiting: int
    failures: int
    last_failure: str | None


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes held, by structure. ``total`` is all of it."""

    templates: int
    vectors: int = 0
    scan_codes: int = 0
    refine_codes: int = 0
    ids: int = 0
    lookups: int = 0
    marks: int = 0

    @property
    def total(self) -> int:
        return self.vectors + self.scan_codes + self.refine_codes + self.ids + self.lookups + self.marks


@dataclass(frozen=True, slots=True)
class Tuning:
    """Sizes that trade speed for memory and background work; none of them changes an answer.

    flat_limit: galleries up to this stay float32; fresh_rows: templates that wait in float32 before they are coded;
    segment_rows: most rows of one coded segment; load_rows: rows per buffer while loading; first_look: least candidates
    per scan; fan_out: segments up to so many times as large are written anew together; dead_share: share of erased rows
    from which a segment is written anew; overlooked: at most how probable it may be that a template which decides an
    answer is overlooked (see ``codes``); seed: of the rotation, None: drawn anew, so that no data can be made to fit.
    """

    flat_limit: int = 4096
    fresh_rows: int = 1024
    segment_rows: int = 1 << 20
    load_rows: int = 1 << 16
    first_look: int = 32
    fan_out: int = 4
    dead_share: float = 0.2
    overlooked: float = 1e-9
    seed: int | None = field(default=None, repr=False)
