"""What does not belong is refused with words that help, changes nothing, and shows no face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from core.contract.ids import ModelId
from tests.watchlists.faces.crowds import MODEL, TINY, Shelf, crowd, one, people, person, template, unit
from watchlists.errors import (
    ForeignModelError,
    IndexClosedError,
    MatchingError,
    NoExactVectorsError,
    NotFiniteError,
    NotUnitLengthError,
    WrongBlockError,
    WrongDimensionError,
    WrongThresholdError,
)
from watchlists.faces.change import Change, Tuning
from watchlists.faces.index import FaceIndex
from watchlists.faces.template import Float, Ids, TemplateBlock

DIMENSION = 8
OTHER = ModelId("other@111111111111")
GOOD = unit(np.eye(DIMENSION)[:2])


@pytest.mark.parametrize(
    ("model", "probes", "error"),
    [
        (OTHER, GOOD, ForeignModelError),
        (MODEL, GOOD[0], WrongDimensionError),
        (MODEL, unit(np.eye(4)), WrongDimensionError),
        (MODEL, np.zeros((0, DIMENSION), np.float32), WrongDimensionError),
        (MODEL, GOOD.astype(np.float64), WrongDimensionError),
        (MODEL, np.zeros((1, DIMENSION), np.float32), NotUnitLengthError),
        (MODEL, GOOD * np.float32(1.1), NotUnitLengthError),
        (MODEL, np.full((1, DIMENSION), np.nan, np.float32), NotFiniteError),
        (MODEL, np.full((1, DIMENSION), np.inf, np.float32), NotFiniteError),
    ],
)
def test_a_probe_that_does_not_belong_is_refused(model: ModelId, probes: Float, error: type[MatchingError]) -> None:
    index = FaceIndex(MODEL, DIMENSION)
    index.enrol(row := template(GOOD[0]))
    with pytest.raises(error):
        index.search(model, [GOOD, probes], threshold=0.5)
    with pytest.raises(error):
        index.compare(model, row.subject, probes)
    index.close()


@pytest.mark.parametrize(("threshold", "margin"), [(1.5, 0), (-1.1, 0), (float("nan"), 0), (0.5, -0.1), (0.5, np.nan)])
def test_a_threshold_that_is_none_is_refused(threshold: float, margin: float) -> None:
    with pytest.raises(WrongThresholdError, match="cosine"):
        FaceIndex(MODEL, DIMENSION).search(MODEL, [GOOD], threshold=threshold, margin=margin)


def test_a_refused_change_changes_nothing() -> None:
    index, shelf = crowd(10, DIMENSION, 1)
    row = next(iter(shelf.templates.values()))
    for bad, error in (
        (replace(template(GOOD[0]), model=OTHER), ForeignModelError),
        (template(unit(np.eye(4)[0])), WrongDimensionError),
    ):
        with pytest.raises(error):
            index.update(Change(erase=one(subject=row.subject), enrol=(template(GOOD[1]), bad)))
    assert {entry.template_id for entry in index.entries()} == set(shelf.templates)
    index.close()


def three_ids(count: int, draw: np.random.Generator) -> tuple[Ids, Ids, Ids]:
    templates, subjects, consents = draw.integers(0, 256, (3, count, 16), dtype=np.uint8)
    return templates, subjects, consents


def block_of(count: int) -> TemplateBlock:
    draw = np.random.default_rng(2)
    return TemplateBlock(MODEL, *three_ids(count, draw), np.zeros(count, bool), people(count, DIMENSION, draw))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"model": OTHER}, ForeignModelError),
        ({"vectors": np.zeros((5, 4), np.float32)}, WrongDimensionError),
        ({"vectors": np.zeros((5, DIMENSION))}, WrongDimensionError),
        ({"vectors": np.zeros((5, DIMENSION), np.float32)}, NotUnitLengthError),
        ({"vectors": np.full((5, DIMENSION), np.nan, np.float32)}, NotFiniteError),
        ({"vectors": unit(np.ones((4, DIMENSION)))}, WrongBlockError),
        ({"subjects": np.zeros((4, 16), np.uint8)}, WrongBlockError),
        ({"consents": np.zeros((5, 16), np.int64)}, WrongBlockError),
        ({"locked": np.zeros(4, bool)}, WrongBlockError),
    ],
)
def test_a_block_that_does_not_belong_ends_the_loading_and_what_came_before_stays(
    wrong: dict[str, object], error: type[MatchingError]
) -> None:
    good = block_of(5)

    def blocks() -> Iterator[TemplateBlock]:
        yield good
        yield replace(block_of(5), **wrong)  # type: ignore[arg-type]

    index = FaceIndex(MODEL, DIMENSION, tuning=TINY)
    with pytest.raises(error):
        index.load(blocks())
    assert len(index) == 5
    index.enrol(template(GOOD[0]))
    assert len(index) == 6
    index.close()


def test_a_store_that_gives_other_vectors_than_asked_is_told() -> None:
    class Broken(Shelf):
        def vectors(self, template_ids: object) -> Float:
            return np.zeros((1, 3), np.float32)

    shelf = crowd(50, DIMENSION, 3)[1]
    index = FaceIndex(MODEL, DIMENSION, exact=Broken(), tuning=TINY)
    index.load(shelf.block())
    assert index.settled(30)
    with pytest.raises(NoExactVectorsError, match="of one model"):
        index.compare(MODEL, next(iter(shelf.templates.values())).subject, GOOD)
    index.close()


def test_a_closed_index_says_so() -> None:
    index = FaceIndex(MODEL, DIMENSION)
    index.close()
    with pytest.raises(IndexClosedError):
        index.search(MODEL, [GOOD], threshold=0.5)
    with pytest.raises(IndexClosedError):
        index.enrol(template(GOOD[0]))
    with pytest.raises(IndexClosedError):
        index.compare(MODEL, person(), GOOD)
    with pytest.raises(IndexClosedError):
        index.load([])


def test_too_few_dimensions() -> None:
    with pytest.raises(WrongDimensionError, match="four"):
        FaceIndex(MODEL, 2)


def test_nothing_of_a_face_is_shown() -> None:
    index, shelf = crowd(60, DIMENSION, 4)
    row = next(iter(shelf.templates.values()))
    shown = [repr(part) for part in (index, Tuning(seed=3), row, block_of(3), Change(enrol=(row,)), index.state)]
    shown += [repr(part) for part in (index._codec, index._gallery, index._upkeep, index._gallery.snapshot.views[0])]
    numbers = [f"{value:.4f}"[:6] for value in row.vector.tolist()]
    for text in shown:
        assert not any(number in text for number in numbers)
    index.close()


def test_memory_per_template_stays_within_its_budget() -> None:
    draw = np.random.default_rng(5)
    count, dimension = 50_000, 128
    ids = three_ids(count, draw)
    vectors = unit(draw.normal(size=(count, dimension)))
    index = FaceIndex(MODEL, dimension, exact=Shelf())
    index.load([TemplateBlock(MODEL, *ids, np.zeros(count, bool), vectors)])
    assert index.settled(60)
    held = index.memory()
    assert index.state.phase == "fast"
    assert (held.templates, index.subjects()) == (count, count)
    assert held.total / count <= 340
    index.close()
