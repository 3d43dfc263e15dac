"""The face index: exact, per subject, unmoved by filters, and closed to what does not belong."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId, new_id
from watchlists.errors import (
    ForeignModelError,
    NoConsentError,
    NotFiniteError,
    NotUnitLengthError,
    WrongDimensionError,
)
from watchlists.face_index import NO_RUNNER_UP_MARGIN, Erasure, FaceIndex, Float, Template

MODEL = ModelId("toy@000000000000")
DIMENSION = 8


def unit(vector: object) -> Float:
    array = np.asarray(vector, np.float32)
    return np.asarray(array / np.linalg.norm(array, axis=-1, keepdims=True), np.float32)


def random_units(count: int, seed: int, dimension: int = DIMENSION) -> Float:
    return unit(np.random.default_rng(seed).normal(size=(count, dimension)))


def template(subject: SubjectKey, vector: Float, *, model: ModelId = MODEL, consent: str | None = None) -> Template:
    return Template(TemplateId(new_id()), subject, ConsentId(new_id() if consent is None else consent), model, vector)


def person() -> SubjectKey:
    return SubjectKey(new_id())


def gallery(people: int, per_person: int, seed: int) -> tuple[FaceIndex, list[Template]]:
    vectors = random_units(people * per_person, seed)
    keys = [person() for _ in range(people)]
    templates = [template(keys[row % people], vector) for row, vector in enumerate(vectors)]
    index = FaceIndex(MODEL, DIMENSION)
    index.update(enrol=templates)
    return index, templates


def brute_force(templates: list[Template], probes: Float, allowed: frozenset[SubjectKey]) -> dict[SubjectKey, float]:
    best: dict[SubjectKey, float] = {}
    for one in templates:
        if one.subject in allowed:
            best[one.subject] = max(best.get(one.subject, -2.0), float((probes @ one.vector).max()))
    return best


@settings(max_examples=80, deadline=None)
@given(
    people=st.integers(1, 60),
    per_person=st.integers(1, 12),
    probes=st.integers(1, 5),
    share_allowed=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_the_answer_is_that_of_comparing_everybody_allowed_with_every_probe(
    people: int, per_person: int, probes: int, share_allowed: float, seed: int
) -> None:
    index, templates = gallery(people, per_person, seed)
    asked = random_units(probes, seed + 1)
    draw = np.random.default_rng(seed + 2)
    allowed = frozenset(one.subject for one in templates if draw.random() < share_allowed)
    expected = sorted(brute_force(templates, asked, allowed).items(), key=lambda item: -item[1])

    match = index.search(MODEL, asked, allowed)

    if not expected:
        assert match is None
        return
    assert match is not None
    assert match.score == pytest.approx(expected[0][1], abs=1e-5)
    assert match.subject in {subject for subject, score in expected if score > expected[0][1] - 1e-5}
    assert match.model == MODEL
    assert match.searched == sum(one.subject in allowed for one in templates)
    reference = next(one for one in templates if one.template_id == match.template_id)
    assert reference.subject == match.subject
    if len(expected) == 1:
        assert match.runner_up is None
        assert match.margin == NO_RUNNER_UP_MARGIN
    else:
        assert match.runner_up != match.subject
        assert match.margin == pytest.approx(expected[0][1] - expected[1][1], abs=2e-5)


def test_ninety_percent_filtered_never_hide_a_valid_subject() -> None:
    index, templates = gallery(people=500, per_person=2, seed=3)
    keys = sorted({one.subject for one in templates})
    allowed = frozenset(keys[::10])
    for wanted in sorted(allowed)[:20]:
        enrolled = next(one for one in templates if one.subject == wanted)
        crowd = [template(key, enrolled.vector) for key in keys if key not in allowed]
        index.update(enrol=crowd)  # everybody who may not pass looks exactly like the one who may

        match = index.search(MODEL, enrolled.vector[None], allowed)

        assert match is not None
        assert match.subject == wanted
        assert match.score == pytest.approx(1.0, abs=1e-5)
        assert match.runner_up in allowed
        index.update(Erasure(templates=frozenset(one.template_id for one in crowd)))


def test_the_runner_up_is_another_subject_even_behind_many_templates_of_the_best() -> None:
    index = FaceIndex(MODEL, DIMENSION)
    best, second = person(), person()
    probe = unit(np.eye(DIMENSION)[0])
    index.update(enrol=[template(best, unit(probe + 0.01 * row)) for row in random_units(100, 4)])
    index.enrol(template(second, unit([0.5, 1, 0, 0, 0, 0, 0, 0])))

    match = index.search(MODEL, probe[None])

    assert match is not None
    assert (match.subject, match.runner_up) == (best, second)
    assert match.margin == pytest.approx(match.score - 0.5 / np.sqrt(1.25), abs=1e-5)


def test_an_empty_index_knows_nobody() -> None:
    assert FaceIndex(MODEL, DIMENSION).search(MODEL, random_units(1, 0)) is None


def test_an_enrolled_template_is_found_and_an_erased_subject_never_again() -> None:
    index, templates = gallery(people=30, per_person=3, seed=5)
    gone = templates[7].subject

    assert index.erase(gone) == 3

    for one in templates:
        match = index.search(MODEL, one.vector[None])
        assert match is not None
        assert gone not in {match.subject, match.runner_up}
        if one.subject == gone:
            assert index.compare(MODEL, gone, one.vector[None]) is None
        else:
            assert match.subject == one.subject


def test_erasing_one_consent_leaves_templates_of_another_consent_of_the_same_person() -> None:
    index = FaceIndex(MODEL, DIMENSION)
    someone, old, new = person(), ConsentId(new_id()), ConsentId(new_id())
    first, second = random_units(2, 6)
    index.update(enrol=[template(someone, first, consent=old), template(someone, second, consent=new)])

    assert index.update(Erasure(consents=frozenset({(someone, old)}))) == 1

    assert [entry.consent for entry in index.entries] == [new]


def test_enrolling_the_same_template_id_again_replaces_it() -> None:
    index = FaceIndex(MODEL, DIMENSION)
    first, second = random_units(2, 7)
    before = template(person(), first)
    after = Template(before.template_id, before.subject, before.consent, MODEL, second)
    index.enrol(before)

    index.enrol(after)

    assert len(index) == 1
    assert index.compare(MODEL, before.subject, second[None]) == pytest.approx(1.0, abs=1e-5)
    one = Erasure(templates=frozenset((before.template_id,)))
    assert index.update(one) == 1
    assert index.update(one) == 0


def test_readers_see_whole_changes_while_a_writer_works() -> None:
    """A pair of twins comes and goes as one change: no reader ever sees one of them alone."""
    index, _ = gallery(people=200, per_person=1, seed=8)
    probe = unit(np.full(DIMENSION, 1.0))
    twins = [template(person(), probe), template(person(), probe)]
    keys = frozenset(one.subject for one in twins)
    stop, seen = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            match = index.search(MODEL, probe[None])
            assert match is not None
            seen.append(len(keys & {match.subject, match.runner_up}))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(150):
        index.update(enrol=twins)
        index.update(Erasure(subjects=keys))
    stop.set()
    for reader in readers:
        reader.join(10)

    assert seen
    assert set(seen) <= {0, 2}


@pytest.mark.parametrize("consent", ["", "yes", "0190-not-a-consent"])
def test_no_template_without_a_consent(consent: str) -> None:
    with pytest.raises(NoConsentError, match="consent"):
        template(person(), random_units(1, 9)[0], consent=consent)


@pytest.mark.parametrize(
    ("vector", "error"),
    [
        (np.zeros(DIMENSION, np.float32), NotUnitLengthError),
        (np.full(DIMENSION, 1.0, np.float32), NotUnitLengthError),
        (np.full(DIMENSION, np.nan, np.float32), NotFiniteError),
        (np.full(DIMENSION, np.inf, np.float32), NotFiniteError),
        (np.eye(DIMENSION, dtype=np.float32), WrongDimensionError),
    ],
)
def test_no_template_of_a_broken_vector(vector: Float, error: type[Exception]) -> None:
    with pytest.raises(error):
        template(person(), vector)


def test_a_refused_batch_changes_nothing() -> None:
    index, templates = gallery(people=3, per_person=1, seed=10)
    good = template(person(), random_units(1, 11)[0])
    for bad, error in (
        (template(person(), random_units(1, 12)[0], model=ModelId("other@111111111111")), ForeignModelError),
        (template(person(), random_units(1, 12, dimension=4)[0]), WrongDimensionError),
    ):
        with pytest.raises(error):
            index.update(Erasure(subjects=frozenset({templates[0].subject})), [good, bad])
    assert {entry.template_id for entry in index.entries} == {one.template_id for one in templates}


@pytest.mark.parametrize(
    ("model", "probes", "error"),
    [
        (ModelId("other@111111111111"), random_units(1, 13), ForeignModelError),
        (MODEL, random_units(1, 13)[0], WrongDimensionError),
        (MODEL, random_units(1, 13, dimension=4), WrongDimensionError),
        (MODEL, np.zeros((0, DIMENSION), np.float32), WrongDimensionError),
        (MODEL, random_units(1, 13).astype(np.float64), WrongDimensionError),
        (MODEL, np.zeros((1, DIMENSION), np.float32), NotUnitLengthError),
        (MODEL, np.full((1, DIMENSION), np.nan, np.float32), NotFiniteError),
    ],
)
def test_a_probe_that_does_not_belong_is_refused(model: ModelId, probes: Float, error: type[Exception]) -> None:
    index, templates = gallery(people=3, per_person=1, seed=14)
    with pytest.raises(error):
        index.search(model, probes)
    with pytest.raises(error):
        index.compare(model, templates[0].subject, probes)


def test_a_template_shows_no_vector_when_printed() -> None:
    assert "vector" not in repr(template(person(), random_units(1, 15)[0]))
