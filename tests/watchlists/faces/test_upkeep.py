"""What goes on behind searches comes to an end, costs little, and outlives its own failures."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import structlog

from tests.watchlists.faces.crowds import WAIT_S, crowd
from watchlists.faces import upkeep
from watchlists.faces.change import Tuning
from watchlists.faces.gallery import Rewritten
from watchlists.faces.segments import ERASED, CodedSegment, FlatSegment, Segment
from watchlists.faces.snapshot import View
from watchlists.faces.upkeep import plan

TUNING = Tuning()
NO_MARKS = np.zeros(0, np.uint8)
FLAT = FlatSegment(0, 4)
CODED = cast("Segment", None)


def view(segment: Segment, rows: int) -> View:
    return View(segment, rows, NO_MARKS, rows, rows)


def put_in_order(views: list[View]) -> int:
    """Do all that ``plan`` says; how many rows were written anew."""
    written = 0
    for _ in range(100):
        job = plan(views, TUNING, loading=False)
        if job is None:
            return written
        rows = sum(views[place].held for place in job.places)
        written += rows
        views[job.places[0]] = view(CODED if job.into == "coded" else FLAT, rows)
        for place in reversed(job.places[1:]):
            del views[place]
    raise AssertionError("there is always something left to do")


@pytest.mark.parametrize("pieces", [16, 17, 20, 40, 80])
def test_pieces_of_a_load_end_up_in_few_segments_also_when_they_fit_in_no_single_one(pieces: int) -> None:
    views = [view(CODED, TUNING.load_rows) for _ in range(pieces)] + [view(FLAT, 0)]
    put_in_order(views)
    assert len(views) - 1 <= pieces * TUNING.load_rows // TUNING.segment_rows + 1


@pytest.mark.parametrize("enrolled", [0, 10_000, 300_000, 1_000_000])
def test_steady_enrolment_writes_no_template_anew_again_and_again(enrolled: int) -> None:
    views = [view(CODED, enrolled), view(FLAT, 0)] if enrolled else [view(FLAT, 0)]
    written = 0
    for _ in range(300):
        views[-1:] = [view(FLAT, TUNING.fresh_rows), view(FLAT, 0)]
        written += put_in_order(views)
        assert len(views) <= 10
    assert written <= 10 * 300 * TUNING.fresh_rows


def test_what_is_erased_is_overwritten_while_coding_fails_and_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    index, shelf = crowd(60, 32, 3, tuning=Tuning(flat_limit=20, fresh_rows=8, segment_rows=64, load_rows=64, seed=1))
    monkeypatch.setattr(upkeep, "_WIPE_PAUSE_S", 0.001)

    def fails(*_: object, **__: object) -> Rewritten:
        raise MemoryError

    monkeypatch.setattr(upkeep, "rewrite", fails)
    index._upkeep.failures = 5_000  # a week of them
    rows = list(shelf.templates.values())
    with structlog.testing.capture_logs():
        for row in rows[:20]:
            index.erase(row.subject)
        assert index.settled(WAIT_S)
        assert index.state.failures > 5_000
        index.erase(rows[-1].subject)
        for _ in range(3000):
            if not index._gallery.has_to_wipe:
                break
            index._upkeep._stop.wait(0.01)
    for one in index._gallery.snapshot.views:
        if isinstance(one.segment, CodedSegment):
            assert not one.segment.refine.codes[np.flatnonzero(one.marks & ERASED)].any()
    assert not index._gallery.has_to_wipe
    index.close()
