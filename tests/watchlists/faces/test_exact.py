"""Whatever was enrolled, erased, replaced, locked and filtered: the answer is that of comparing everybody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.ids import SubjectKey
from tests.watchlists.faces.crowds import (
    MODEL,
    TINY,
    WAIT_S,
    Shelf,
    assert_answer_is_that_of_comparing_everybody,
    crowd,
    near,
    one,
    people,
    person,
    relocated,
    template,
    unit,
)
from watchlists.faces.change import NO_RUNNER_UP_MARGIN, Change, Selection, Tuning
from watchlists.faces.index import FaceIndex
from watchlists.faces.template import Float

DIMENSION = 32
THRESHOLDS = [-1.0, 0.0, 0.3, 0.5, 0.7, 0.9]
MARGINS = [0.0, 0.02, 0.1, 0.5]


def probes_near(shelf: Shelf, draw: np.random.Generator) -> Float:
    """Up to three probes of one person: somebody enrolled, or nobody."""
    rows = list(shelf.templates.values())
    if not rows or draw.random() < 0.3:
        return people(int(draw.integers(1, 4)), DIMENSION, draw)
    face = rows[draw.integers(len(rows))].vector
    return np.stack([near(face, draw.choice([0.5, 0.7, 0.9, 0.95, 1.0]), draw) for _ in range(draw.integers(1, 4))])


def assert_all_answers(index: FaceIndex, shelf: Shelf, draw: np.random.Generator, asked: int = 6) -> None:
    everybody = sorted({row.subject for row in shelf.templates.values()})
    assert len(index) == len(shelf.templates)
    for _ in range(asked):
        probes, threshold, margin = probes_near(shelf, draw), draw.choice(THRESHOLDS), draw.choice(MARGINS)
        share = draw.choice([0.1, 0.5, 1.0])
        admitted = {key for key in everybody if draw.random() < share}
        (match,) = index.search(
            MODEL,
            [probes],
            threshold=threshold,
            margin=margin,
            admits=lambda key: key in admitted,  # noqa: B023
        )
        assert_answer_is_that_of_comparing_everybody(
            match,
            shelf,
            probes,
            threshold,
            margin,
            admits=lambda key: key in admitted,  # noqa: B023
        )


def random_change(shelf: Shelf, draw: np.random.Generator) -> Change:
    """Somebody comes or goes, a template is replaced, a consent suspended or resumed; all at once at times."""
    rows = list(shelf.templates.values())
    faces = people(3, DIMENSION, draw)
    who = person()
    enrol = [template(face, who) for face in faces[: draw.integers(0, 4)]]
    if not rows:
        return Change(enrol=tuple(enrol))
    old, other, third = (rows[draw.integers(len(rows))] for _ in range(3))
    if draw.random() < 0.4:  # another picture, also one just like somebody else's
        enrol.append(relocated(old, near(old.vector, 0.8, draw) if draw.random() < 0.5 else other.vector))
    if draw.random() < 0.3:
        enrol.append(template(near(old.vector, 0.95, draw)))  # a twin
    if draw.random() < 0.2:
        enrol.append(template(old.vector))  # the same picture, of somebody else
    erase = [
        Selection(),
        one(subject=other.subject),
        one(template_id=other.template_id),
        Selection(consents=frozenset(((other.subject, other.consent),))),
    ][draw.integers(4)]
    consent = Selection(consents=frozenset(((third.subject, third.consent),)))
    lock, unlock = [(Selection(), Selection()), (consent, Selection()), (Selection(), consent)][draw.integers(3)]
    return Change(erase=erase, enrol=tuple(enrol), lock=lock, unlock=unlock)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    loaded=st.sampled_from([0, 5, 40, 150]),
    keep=st.booleans(),
    patient=st.booleans(),
)
def test_every_answer_over_any_sequence_of_changes_is_that_of_comparing_everybody(
    seed: int, loaded: int, keep: bool, patient: bool
) -> None:
    draw = np.random.default_rng(seed)
    index, shelf = crowd(loaded, DIMENSION, seed, keep=keep)
    assert_all_answers(index, shelf, draw)
    for _ in range(12):
        change = random_change(shelf, draw)

        assert index.update(change) == shelf.apply(change)

        assert_all_answers(index, shelf, draw, asked=3)
        if patient:
            assert index.settled(WAIT_S)
            assert_all_answers(index, shelf, draw, asked=2)
    assert {entry.template_id for entry in index.entries()} == set(shelf.templates)
    assert {entry.template_id for entry in index.entries() if entry.locked} == shelf.locked
    assert index.subjects() == len({row.subject for row in shelf.templates.values()})
    assert index.state.failures == 0
    index.close()


@pytest.mark.parametrize("dimension", [128, 512])
def test_a_coded_gallery_answers_as_if_it_compared_everybody_where_it_matters_most(dimension: int) -> None:
    """Twins at 0.95, duplicates, and probes just above and below the threshold, among 1,200."""
    draw = np.random.default_rng(dimension)
    index, shelf = crowd(1200, dimension, dimension, tuning=Tuning(flat_limit=100, fresh_rows=32, seed=1))
    rows = list(shelf.templates.values())
    twins = [template(near(row.vector, 0.95, draw)) for row in rows[:200]]
    twins += [template(row.vector) for row in rows[200:250]]
    index.update(Change(enrol=tuple(twins)))
    shelf.apply(Change(enrol=tuple(twins)))
    assert index.settled(WAIT_S)
    assert index.state.phase == "fast"
    threshold, margin = 0.6, 0.05
    asked = [near(row.vector, threshold + off, draw)[None] for row in rows[:30] for off in (-1e-3, -1e-5, 1e-5, 1e-3)]
    asked += [near(row.vector, 0.85, draw)[None] for row in rows[:50]]
    asked += [twin.vector[None] for twin in twins[190:]]
    asked += [face[None] for face in people(30, dimension, draw)]

    answers = index.search(MODEL, asked, threshold=threshold, margin=margin)

    for probes, match in zip(asked, answers, strict=True):
        assert_answer_is_that_of_comparing_everybody(match, shelf, probes, threshold, margin)
    assert sum(match is not None for match in answers) > 100
    # What was fetched and decrypted is what a decision hung on, not the crowd.
    assert shelf.asked < 10 * len(asked)
    index.close()


def test_a_batch_is_answered_like_one_after_the_other() -> None:
    draw = np.random.default_rng(3)
    index, shelf = crowd(400, 128, 3, tuning=Tuning(flat_limit=50, fresh_rows=16, seed=1))
    asked = [near(row.vector, 0.8, draw)[None] for row in list(shelf.templates.values())[:40]]
    asked += [np.concatenate([asked[0], asked[7], asked[9]]), *(face[None] for face in people(20, 128, draw))]

    together = index.search(MODEL, asked, threshold=0.5, margin=0.1)

    alone = [index.search(MODEL, [probes], threshold=0.5, margin=0.1)[0] for probes in asked]
    assert [match and (match.subject, match.clear) for match in together] == [
        match and (match.subject, match.clear) for match in alone
    ]
    assert index.search(MODEL, [], threshold=0.5) == []
    index.close()


@pytest.mark.parametrize("tuning", [Tuning(), TINY])
def test_ninety_percent_filtered_never_hide_a_valid_subject(tuning: Tuning) -> None:
    index, shelf = crowd(200, DIMENSION, 4, per_person=1, tuning=tuning)
    rows = list(shelf.templates.values())
    valid = {row.subject for row in rows[::10]}
    for wanted in rows[::50]:
        lookalikes = tuple(template(wanted.vector) for _ in range(90))
        index.update(Change(enrol=lookalikes))
        assert index.settled(WAIT_S)

        (match,) = index.search(
            MODEL, [wanted.vector[None]], threshold=0.6, margin=0.1, admits=lambda key: key in valid
        )

        assert match is not None
        assert match.subject == wanted.subject
        assert match.score == pytest.approx(1.0, abs=0.03)
        assert match.runner_up is None or match.runner_up in valid
        index.update(Change(erase=Selection(templates=frozenset(row.template_id for row in lookalikes))))
    index.close()


def test_the_filter_is_asked_only_about_those_who_may_be_the_answer() -> None:
    index, shelf = crowd(300, 128, 5, tuning=Tuning(flat_limit=50, fresh_rows=16, seed=1))
    wanted = next(iter(shelf.templates.values()))
    asked: list[SubjectKey] = []

    def admits(key: SubjectKey) -> bool:
        asked.append(key)
        return True

    (match,) = index.search(MODEL, [wanted.vector[None]], threshold=0.8, margin=0.05, admits=admits)

    assert match is not None
    assert asked == [wanted.subject]
    index.close()


def test_the_runner_up_is_another_subject_even_behind_many_templates_of_the_best() -> None:
    index = FaceIndex(MODEL, DIMENSION)
    best, second = person(), person()
    draw = np.random.default_rng(6)
    face = unit(draw.normal(size=DIMENSION))
    index.replace(best, [template(near(face, 0.98, draw), best) for _ in range(100)])
    index.enrol(template(near(face, 0.7, draw), second))

    (match,) = index.search(MODEL, [face[None]], threshold=0.5, margin=0.4)

    assert match is not None
    assert (match.subject, match.runner_up, match.clear) == (best, second, False)
    assert match.margin == pytest.approx(0.28, abs=1e-4)
    index.close()


def test_nobody_else_is_as_far_away_as_anybody_can_be() -> None:
    index = FaceIndex(MODEL, DIMENSION)
    alone = template(unit(np.ones(DIMENSION)))
    index.enrol(alone)

    (match,) = index.search(MODEL, [alone.vector[None]], threshold=0.5, margin=1.9)

    assert match is not None
    assert (match.runner_up, match.margin, match.clear) == (None, NO_RUNNER_UP_MARGIN, True)
    index.close()


def test_comparing_with_one_subject_is_exact_and_leaves_out_what_is_locked() -> None:
    index, shelf = crowd(300, DIMENSION, 8)
    draw = np.random.default_rng(8)
    row = next(iter(shelf.templates.values()))
    probes = np.stack([near(row.vector, 0.7, draw), near(row.vector, 0.4, draw)])
    own = [one for one in shelf.templates.values() if one.subject == row.subject]
    scores = {one.template_id: float((probes @ one.vector).max()) for one in own}

    likeness = index.compare(MODEL, row.subject, probes)

    assert likeness is not None
    assert likeness.score == pytest.approx(max(scores.values()), abs=1e-6)
    assert likeness.template_id == max(scores, key=scores.__getitem__)
    index.suspend(row.subject, row.consent)
    assert index.compare(MODEL, row.subject, probes) is None
    assert index.has(row.subject)
    assert index.search(MODEL, [row.vector[None]], threshold=0.99)[0] is None
    index.resume(row.subject, row.consent)
    assert index.compare(MODEL, row.subject, probes) == likeness
    assert index.compare(MODEL, person(), probes) is None
    assert not index.has(person())
    index.close()
