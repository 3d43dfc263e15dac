"""Crowds to search, the store they are kept in, and the answer that comparing everybody would give."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId, new_id
from tests.support.consents import standing_consent
from watchlists.faces.change import Change, Match, Selection, Tuning
from watchlists.faces.ids import pack
from watchlists.faces.index import FaceIndex
from watchlists.faces.template import Float, Template, TemplateBlock

MODEL = ModelId("toy@000000000000")
TINY = Tuning(flat_limit=12, fresh_rows=4, segment_rows=64, load_rows=16, first_look=2, fan_out=2, seed=7)
"""Everything that takes a million templates, with a few dozen."""
TIE = 2e-6
WAIT_S = 30.0


def unit(vector: object) -> Float:
    array = np.asarray(vector, np.float32)
    return np.asarray(array / np.linalg.norm(array, axis=-1, keepdims=True), np.float32)


def people(count: int, dimension: int, draw: np.random.Generator, *, alike: float = 0.4) -> Float:
    """``count`` faces in a few families: ``alike`` is the cosine within one, about."""
    families = unit(draw.normal(size=(max(count // 20, 2), dimension)))
    own = unit(draw.normal(size=(count, dimension)))
    return unit(alike**0.5 * families[draw.integers(0, len(families), count)] + (1 - alike) ** 0.5 * own)


def near(vector: Float, cosine: float, draw: np.random.Generator) -> Float:
    """A unit vector with just this cosine to ``vector`` (d,)."""
    aside = draw.normal(size=vector.shape)
    aside -= (aside @ vector) * vector
    return unit(cosine * vector.astype(np.float64) + (1 - cosine**2) ** 0.5 * unit(aside))


def person() -> SubjectKey:
    return SubjectKey(new_id())


def template(vector: Float, subject: SubjectKey | None = None, consent: str | None = None) -> Template:
    return Template(TemplateId(new_id()), standing_consent(subject, consent), MODEL, vector)


def one(*, subject: SubjectKey | None = None, template_id: TemplateId | None = None) -> Selection:
    return Selection(
        subjects=frozenset(() if subject is None else (subject,)),
        templates=frozenset(() if template_id is None else (template_id,)),
    )


@dataclass
class Shelf:
    """What is enrolled, as plain as it gets: the index's store, and the truth that its answers are held against."""

    templates: dict[TemplateId, Template] = field(default_factory=dict)
    locked: set[TemplateId] = field(default_factory=set)
    asked: int = 0

    def vectors(self, template_ids: Sequence[TemplateId]) -> Float:
        self.asked += len(template_ids)
        return np.stack([self._vector(template_id) for template_id in template_ids])

    def _vector(self, template_id: TemplateId) -> Float:
        found = self.templates.get(template_id)
        return np.full_like(next(iter(self.templates.values())).vector, np.nan) if found is None else found.vector

    def block(self, size: int = 7) -> Iterator[TemplateBlock]:
        rows = list(self.templates.values())
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield TemplateBlock(
                MODEL,
                pack(row.template_id for row in part),
                pack(row.subject for row in part),
                pack(row.consent for row in part),
                np.array([row.template_id in self.locked for row in part]),
                np.stack([row.vector for row in part]),
            )

    def apply(self, change: Change) -> int:
        gone = [key for key in self.templates if self._covers(change.erase, key)]
        for key in gone:
            del self.templates[key]
            self.locked.discard(key)
        for row in change.enrol:
            self.templates[row.template_id] = row
            self.locked.discard(row.template_id)
        self.locked |= {key for key in self.templates if self._covers(change.lock, key)}
        self.locked -= {key for key in self.templates if self._covers(change.unlock, key)}
        return len(gone)

    def _covers(self, selection: Selection, key: TemplateId) -> bool:
        row = self.templates[key]
        return (
            key in selection.templates
            or row.subject in selection.subjects
            or (row.subject, row.consent) in selection.consents
        )

    def ranked(self, probes: Float, admits: Callable[[SubjectKey], bool]) -> list[tuple[float, SubjectKey]]:
        """Every admitted subject that is not locked, best first, by comparing everybody with every probe."""
        rows = [row for key, row in self.templates.items() if key not in self.locked and admits(row.subject)]
        if not rows:
            return []
        scores = np.stack([row.vector for row in rows]).astype(np.float64) @ probes.T.astype(np.float64)
        best: dict[SubjectKey, float] = {}
        for row, score in zip(rows, scores.max(axis=1).tolist(), strict=True):
            best[row.subject] = max(best.get(row.subject, -2.0), score)
        return sorted(((score, subject) for subject, score in best.items()), reverse=True)


def assert_answer_is_that_of_comparing_everybody(
    match: Match | None,
    shelf: Shelf,
    probes: Float,
    threshold: float,
    margin: float,
    admits: Callable[[SubjectKey], bool] = lambda _: True,
) -> None:
    ranked = shelf.ranked(probes, admits)
    if not ranked or ranked[0][0] < threshold - TIE:
        assert match is None
        return
    if match is None:
        assert ranked[0][0] < threshold + TIE
        return
    best = ranked[0][0]
    assert match.subject in {subject for score, subject in ranked if score > best - TIE}
    assert shelf.templates[match.template_id].subject == match.subject
    assert match.template_id not in shelf.locked
    assert match.score <= best + 0.03
    assert match.score >= best - 0.03
    assert match.searched == len(shelf.templates) - len(shelf.locked)
    assert match.clear == (match.margin >= margin)
    second = max((score for score, subject in ranked if subject != match.subject), default=-2.0)
    if abs(best - second - margin) > TIE:
        assert match.clear == (best - second >= margin)
    if match.runner_up is not None:
        assert match.runner_up != match.subject
        assert match.runner_up in {subject for _, subject in ranked}


def crowd(
    count: int, dimension: int, seed: int, *, per_person: int = 2, tuning: Tuning = TINY, keep: bool = False
) -> tuple[FaceIndex, Shelf]:
    """An index of ``count`` templates that was loaded and has settled; ``keep``: it has no store to ask."""
    draw = np.random.default_rng(seed)
    faces = people(-(-count // per_person), dimension, draw)
    keys = [person() for _ in faces]
    consents = [ConsentId(new_id()) for _ in faces]
    shelf = Shelf()
    rows = [
        template(near(faces[row % len(faces)], 0.9, draw), keys[row % len(faces)], consents[row % len(faces)])
        for row in range(count)
    ]
    shelf.apply(Change(enrol=tuple(rows)))
    index = FaceIndex(MODEL, dimension, exact=None if keep else shelf, tuning=tuning)
    index.load(shelf.block())
    assert index.settled(WAIT_S)
    return index, shelf


def relocated(row: Template, vector: Float) -> Template:
    return replace(row, vector=vector)


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
