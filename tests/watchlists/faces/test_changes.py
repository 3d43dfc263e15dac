"""Changes are whole, at once, and go on behind searches that never wait for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import structlog

from core.contract.ids import ConsentId, new_id
from tests.support.consents import standing_consent
from tests.watchlists.faces.crowds import (
    MODEL,
    TINY,
    WAIT_S,
    Shelf,
    crowd,
    in_background,
    near,
    one,
    people,
    person,
    relocated,
    template,
    unit,
)
from watchlists.faces import upkeep
from watchlists.faces.change import Change, Selection, Tuning
from watchlists.faces.gallery import Rewritten
from watchlists.faces.index import FaceIndex
from watchlists.faces.segments import CodedSegment, FlatSegment
from watchlists.faces.template import Template, TemplateBlock

DIMENSION = 32
CODED = Tuning(flat_limit=20, fresh_rows=8, segment_rows=4096, load_rows=64, first_look=4, seed=1)


class Held:
    """Stops the background work just before its result is put in place, until let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        rewrite = upkeep.rewrite

        def held(*args: object, **kwargs: object) -> Rewritten:
            done = rewrite(*args, **kwargs)  # type: ignore[arg-type]
            self.reached.set()
            assert self.go.wait(WAIT_S)
            return done

        monkeypatch.setattr(upkeep, "rewrite", held)


def found(index: FaceIndex, row: Template, threshold: float = 0.99) -> bool:
    (match,) = index.search(MODEL, [row.vector[None]], threshold=threshold)
    return match is not None and match.subject == row.subject


def coded(index: FaceIndex) -> list[CodedSegment]:
    return [view.segment for view in index._gallery.snapshot.views if isinstance(view.segment, CodedSegment)]


def test_an_enrolled_face_is_found_at_once_and_an_erased_one_never_again() -> None:
    index, shelf = crowd(200, DIMENSION, 1, tuning=CODED)
    newcomer = template(unit(np.random.default_rng(1).normal(size=DIMENSION)))
    assert not found(index, newcomer)

    index.enrol(newcomer)

    assert found(index, newcomer)
    assert index.erase(newcomer.subject) == 1
    assert not found(index, newcomer)
    old = next(iter(shelf.templates.values()))
    assert found(index, old)
    assert index.erase(old.subject) == 2
    assert not found(index, old)
    assert index.erase(old.subject) == 0
    assert len(index) == 198
    index.close()


def test_a_subject_erased_while_the_gallery_is_coded_is_not_in_what_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    draw = np.random.default_rng(2)
    rows = [template(face) for face in people(60, DIMENSION, draw)]
    shelf = Shelf({row.template_id: row for row in rows})
    index = FaceIndex(MODEL, DIMENSION, exact=shelf, tuning=CODED)
    index.load(shelf.block())
    assert held.reached.wait(WAIT_S)

    index.erase(rows[3].subject)
    index.suspend(rows[4].subject, rows[4].consent)
    index.enrol(newcomer := template(unit(draw.normal(size=DIMENSION))))

    assert not found(index, rows[3])
    held.go.set()
    assert index.settled(WAIT_S)
    assert coded(index)
    assert not found(index, rows[3])
    assert not found(index, rows[4])
    assert found(index, rows[5])
    assert found(index, newcomer)
    assert not any(segment.refine.codes[3].any() for segment in coded(index))
    index.close()


def test_searches_and_changes_go_on_while_the_background_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    draw = np.random.default_rng(3)
    index = FaceIndex(MODEL, DIMENSION, tuning=CODED)
    rows = [template(face) for face in people(100, DIMENSION, draw, alike=0.1)]
    for row in rows:
        index.enrol(row)
    assert held.reached.wait(WAIT_S)
    stuck = index.state
    assert (stuck.phase, stuck.waiting) == ("exact", 100)
    assert all(found(index, row) for row in rows)
    held.go.set()
    assert index.settled(WAIT_S)
    assert (index.state.phase, index.state.waiting) == ("fast", 0)
    assert all(found(index, row) for row in rows)
    index.close()


def test_what_was_erased_is_overwritten_once_no_search_that_began_before_goes_on() -> None:
    index, shelf = crowd(200, DIMENSION, 4, tuning=CODED, keep=True)
    row = next(iter(shelf.templates.values()))
    (segment,) = coded(index)
    at = int(segment.rows_of_template(bytes.fromhex(row.template_id.replace("-", "")), 200)[0])
    assert segment.originals is not None
    assert segment.refine.codes[at].any()
    still_searching = index._gallery.snapshot

    index.erase(row.subject)

    assert segment.refine.codes[at].any()
    assert not index.settled(0.2)
    del still_searching
    assert index.settled(WAIT_S)
    assert not segment.refine.codes[at].any()
    assert not segment.originals[at].any()
    index.close()


def test_a_fresh_template_is_overwritten_too() -> None:
    index = FaceIndex(MODEL, DIMENSION)
    row = template(unit(np.ones(DIMENSION)))
    index.enrol(row)
    segment = index._gallery.snapshot.views[-1].segment
    assert isinstance(segment, FlatSegment)
    assert segment.stored[0].any()
    index.erase(row.subject)
    assert index.settled(WAIT_S)
    assert not segment.stored.any()
    index.close()


def test_readers_see_whole_changes_while_a_writer_and_the_background_work() -> None:
    """A pair of twins comes and goes as one change: no reader ever sees one of them alone."""
    index, _ = crowd(300, DIMENSION, 5, tuning=CODED)
    face = unit(np.full(DIMENSION, 1.0))
    stop, seen, errors = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            (match,) = index.search(MODEL, [face[None]], threshold=0.98, margin=0.5)
            seen.append(0 if match is None else 1 + (match.runner_up is not None))
            if match is not None and match.clear:
                errors.append(match)

    readers = [in_background(read) for _ in range(2)]
    for _ in range(150):
        twins = (template(face), template(face))
        index.update(Change(enrol=twins))
        index.update(Change(erase=Selection(subjects=frozenset(twin.subject for twin in twins))))
    stop.set()
    for reader in readers:
        reader.join(WAIT_S)

    assert not errors
    assert set(seen) <= {0, 2}
    assert index.settled(WAIT_S)
    assert index.state.failures == 0
    index.close()


def test_replacing_is_one_step() -> None:
    index = FaceIndex(MODEL, DIMENSION)
    draw = np.random.default_rng(6)
    proof = standing_consent()
    faces = [unit(draw.normal(size=DIMENSION)) for _ in range(4)]
    index.replace(proof.subject, [template(face, proof.subject) for face in faces[:2]])

    assert index.replace(proof.subject, [template(face, proof.subject) for face in faces[2:]]) == 2

    assert len(index) == 2
    likeness = index.compare(MODEL, proof.subject, faces[3][None])
    assert likeness is not None
    assert likeness.score == pytest.approx(1.0, abs=1e-6)
    index.close()


def test_the_same_template_id_again_takes_its_place_and_is_no_erasure() -> None:
    index, shelf = crowd(60, DIMENSION, 7, tuning=CODED)
    before = next(iter(shelf.templates.values()))
    after = relocated(before, unit(np.random.default_rng(7).normal(size=DIMENSION)))

    assert index.update(Change(enrol=(after,))) == 0

    assert len(index) == 60
    assert found(index, after)
    assert index.update(Change(erase=one(template_id=before.template_id))) == 1
    assert index.update(Change(erase=one(template_id=before.template_id))) == 0
    index.close()


def test_erasing_one_consent_leaves_what_rests_on_another() -> None:
    index = FaceIndex(MODEL, DIMENSION)
    who, old, new = person(), ConsentId(new_id()), ConsentId(new_id())
    index.replace(who, [template(face, who, consent) for face, consent in zip(_two(), (old, new), strict=True)])

    assert index.update(Change(erase=Selection(consents=frozenset({(who, old)})))) == 1

    assert [entry.consent for entry in index.entries()] == [new]
    index.close()


def test_holes_are_closed_and_segments_stay_few() -> None:
    index, shelf = crowd(2000, DIMENSION, 8, tuning=CODED)
    draw = np.random.default_rng(8)
    keys = sorted({row.subject for row in shelf.templates.values()})
    for start in range(0, 600, 60):
        index.update(Change(erase=Selection(subjects=frozenset(keys[start : start + 60]))))
        index.update(Change(enrol=tuple(template(face) for face in people(90, DIMENSION, draw))))
        assert index.settled(WAIT_S)
    held = index.memory()
    assert held.templates == len(index) == 2000 - 1200 + 900
    assert held.total < 1.5 * 1700 * (16 * 3 + DIMENSION * 2 + 60)
    assert len(index._gallery.snapshot.views) < 12
    index.close()


def test_when_everybody_is_gone_nothing_is_left() -> None:
    index, shelf = crowd(200, DIMENSION, 9, tuning=CODED)
    index.update(Change(erase=Selection(subjects=frozenset(row.subject for row in shelf.templates.values()))))
    assert index.settled(WAIT_S)
    assert (len(index), index.subjects(), list(index.entries())) == (0, 0, [])
    assert not coded(index)
    assert index.search(MODEL, [_two()[:1]], threshold=-1.0) == [None]
    index.close()


def test_what_is_changed_while_the_gallery_loads_holds_for_blocks_yet_to_come() -> None:
    draw = np.random.default_rng(10)
    rows = [template(face) for face in people(40, DIMENSION, draw, alike=0.1)]
    shelf = Shelf({row.template_id: row for row in rows})
    index = FaceIndex(MODEL, DIMENSION, exact=shelf, tuning=TINY)
    again = relocated(rows[38], near(rows[38].vector, 0.2, draw))

    def blocks() -> Iterator[TemplateBlock]:
        everything = list(shelf.block(10))
        yield from everything[:2]
        index.erase(rows[0].subject)
        index.erase(rows[39].subject)
        index.update(Change(enrol=(again,)))
        index.suspend(rows[37].subject, rows[37].consent)
        index.suspend(rows[36].subject, rows[36].consent)
        index.resume(rows[36].subject, rows[36].consent)
        yield from everything[2:]

    index.load(blocks())

    assert len(index) == 38
    assert not any(found(index, row) for row in (rows[0], rows[37], rows[38], rows[39]))
    assert all(found(index, row) for row in (*rows[1:37], again))
    index.close()


def test_answers_are_there_right_after_loading() -> None:
    _, shelf = crowd(150, DIMENSION, 11)
    index = FaceIndex(MODEL, DIMENSION, exact=shelf, tuning=CODED)
    index.load(shelf.block())
    assert all(found(index, row) for row in list(shelf.templates.values())[::10])
    assert index.settled(WAIT_S)
    assert all(found(index, row) for row in list(shelf.templates.values())[::10])
    index.close()


def test_a_failure_behind_is_told_and_counted_and_answers_stay_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Rewritten:
        raise MemoryError("not for anybody's eyes")

    monkeypatch.setattr(upkeep, "rewrite", broken)
    draw = np.random.default_rng(12)
    index = FaceIndex(MODEL, DIMENSION, tuning=CODED)
    rows = tuple(template(face) for face in people(100, DIMENSION, draw, alike=0.1))
    with structlog.testing.capture_logs() as logs:
        for row in rows:
            index.enrol(row)
        assert index.settled(WAIT_S)
    assert (index.state.failures, index.state.last_failure, index.state.phase) == (1, "MemoryError", "exact")
    assert [entry["event"] for entry in logs] == ["faces.upkeep_failed"]
    assert "anybody" not in repr(logs)
    assert all(found(index, row) for row in rows)
    index.close()


def test_a_template_that_the_store_lost_is_nobody() -> None:
    """The store erases first: between its erasure and the index', a search may ask for what is gone."""
    draw = np.random.default_rng(13)
    index, shelf = crowd(200, DIMENSION, 13, tuning=CODED)
    row = next(iter(shelf.templates.values()))
    twin = template(near(row.vector, 0.999999, draw))
    index.enrol(twin)
    shelf.apply(Change(enrol=(twin,), erase=one(subject=row.subject)))

    (match,) = index.search(MODEL, [row.vector[None]], threshold=0.99, margin=0.01)

    assert match is not None
    assert match.subject == twin.subject
    assert index.compare(MODEL, row.subject, row.vector[None]) is None
    index.close()


def _two() -> np.ndarray:
    return np.stack([unit(np.ones(DIMENSION)), unit(np.arange(DIMENSION) + 1.0)])


def test_of_who_is_erased_while_the_gallery_loads_nothing_stays_in_memory() -> None:
    index, shelf = crowd(0, DIMENSION, 1, tuning=CODED)
    rows = [template(unit(face)) for face in people(10, DIMENSION, np.random.default_rng(3))]
    shelf.apply(Change(enrol=tuple(rows)))

    def read() -> Iterator[TemplateBlock]:
        blocks = list(shelf.block(5))
        index.erase(rows[7].subject)
        yield from blocks

    index.load(read())

    assert not found(index, rows[7])
    assert found(index, rows[6])
    for view in index._gallery.snapshot.views:
        assert isinstance(view.segment, FlatSegment)
        assert not (view.segment.stored == rows[7].vector).all(axis=1).any()
    index.close()
