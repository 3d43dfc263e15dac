"""What happens behind the searches: coding what is new, writing anew what has holes, overwriting what was erased.

One thread per index, there only while there is something to do. When it fails, the index goes on, exact and slower.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import structlog

from watchlists.faces.change import Tuning
from watchlists.faces.codes import Codec, RefineCodes
from watchlists.faces.gallery import Gallery, Rewritten
from watchlists.faces.ids import Rows
from watchlists.faces.segments import ERASED, CodedSegment, FlatSegment, Segment, joined
from watchlists.faces.snapshot import View

log = structlog.get_logger()

_FEW_ROWS = 64
_WIPE_PAUSE_S = 0.02
_LONGEST_WIPE_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 600.0
_MOST_DOUBLINGS = 10
_POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Job:
    """Views to write anew as one segment, by their place in the snapshot."""

    into: Literal["flat", "coded"]
    places: tuple[int, ...]


def plan(views: Sequence[View], tuning: Tuning, *, loading: bool) -> Job | None:
    """What to do next; None when all is well. The last view still grows and is left alone."""
    flat = [place for place, view in enumerate(views[:-1]) if isinstance(view.segment, FlatSegment)]
    coded = [place for place, view in enumerate(views[:-1]) if not isinstance(view.segment, FlatSegment)]
    waiting = sum(views[place].held for place in flat)
    small = not coded and sum(view.held for view in views) <= tuning.flat_limit
    if small:
        rows = sum(views[place].count for place in flat)
        holes = rows - waiting
        wasteful = holes > max(_FEW_ROWS, tuning.dead_share * rows)
        return Job("flat", tuple(flat)) if not loading and (wasteful or len(flat) > tuning.fan_out) else None
    if loading:
        # Each as it fills up, on another core than the one that decrypts; they are put together at the end.
        return next((Job("coded", (place,)) for place in flat if views[place].count >= tuning.load_rows), None)
    if flat and (
        not coded or len(flat) > 2 * tuning.fan_out or waiting >= min(tuning.flat_limit, tuning.fresh_rows * 4)
    ):
        return Job("coded", _together(views, flat, coded, tuning))
    for place in coded:
        if views[place].count - views[place].held > tuning.dead_share * views[place].count:
            return Job("coded", (place,))
    return _alike(views, coded, tuning)


def _alike(views: Sequence[View], coded: Sequence[int], tuning: Tuning) -> Job | None:
    """The largest segments that fit into one, and the smaller ones with them: each costs every search something."""
    by_size = sorted(coded, key=lambda place: -views[place].held)
    for first, largest in enumerate(by_size):
        smaller = by_size[first:]
        alike = [place for place in smaller if views[place].held * tuning.fan_out >= views[largest].held]
        for chosen in (smaller, alike):
            if len(alike) > 1 and sum(views[place].held for place in chosen) <= tuning.segment_rows:
                return Job("coded", tuple(sorted(chosen)))
    return None


def _together(views: Sequence[View], flat: list[int], coded: list[int], tuning: Tuning) -> tuple[int, ...]:
    """Flat ones up to a segment's size, and coded ones that are not much larger than what is written anyway."""
    chosen = [flat[0]]
    rows = views[flat[0]].held
    for place in flat[1:]:
        if rows + views[place].held <= tuning.segment_rows:
            chosen.append(place)
            rows += views[place].held
    for place in sorted(coded, key=lambda one: views[one].held):
        held = views[place].held
        if held <= tuning.fan_out * rows and rows + held <= tuning.segment_rows:
            chosen.append(place)
            rows += held
    return tuple(sorted(chosen))


def rewrite(job: Job, views: Sequence[View], codec: Codec, tuning: Tuning, *, keep_originals: bool) -> Rewritten:
    """Write the views of ``job`` anew, without what was erased from them."""
    sources = tuple(views[place] for place in job.places)
    kept = tuple(np.flatnonzero((source.marks & ERASED) == 0) for source in sources)
    if not any(len(rows) for rows in kept):
        return Rewritten(None, sources, kept)
    ids = joined([source.segment.ids.take(rows) for source, rows in zip(sources, kept, strict=True)])
    segment: Segment
    if job.into == "flat":
        segment = FlatSegment(len(ids.templates), codec.dimension)
        segment.write(0, ids, _vectors(sources, kept))
    else:
        parts = [_refined(source, rows, codec) for source, rows in zip(sources, kept, strict=True)]
        refine = RefineCodes(
            np.concatenate([part.codes for part in parts]), np.concatenate([part.shapes for part in parts])
        )
        originals = _vectors(sources, kept) if keep_originals else None
        segment = CodedSegment(codec, ids, refine, originals, tuning.first_look)
    return Rewritten(segment, sources, kept)


def _vectors(sources: Sequence[View], kept: Sequence[Rows]) -> np.ndarray:
    found = [source.segment.vectors(rows) for source, rows in zip(sources, kept, strict=True)]
    return np.concatenate([vectors for vectors in found if vectors is not None])


def _refined(source: View, rows: Rows, codec: Codec) -> RefineCodes:
    if isinstance(source.segment, CodedSegment):
        return RefineCodes(source.segment.refine.codes[rows], source.segment.refine.shapes[rows])
    vectors = source.segment.vectors(rows)
    assert vectors is not None
    return codec.refine_codes(vectors)


class Upkeep:
    """Does what ``plan`` says, in the background. Thread-safe."""

    def __init__(self, gallery: Gallery, codec: Codec, *, keep_originals: bool) -> None:
        self._gallery = gallery
        self._codec = codec
        self._keep_originals = keep_originals
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._rests_until = 0.0
        self.failures = 0
        self.last_failure: str | None = None

    def wake(self) -> None:
        """See to it that somebody looks whether there is something to do. Cheap; never waits for the work."""
        with self._lock:
            if self._stop.is_set() or self._thread is not None or not self._has_work():
                return
            self._thread = threading.Thread(target=self._run, name="face-index-upkeep", daemon=True)
            self._thread.start()

    def settled(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do, or what is left rests until a retry; False when it took ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        self.wake()
        while self._thread is not None and not self._rests:
            if time.monotonic() >= deadline:
                return False
            self._stop.wait(_POLL_S)
            self.wake()
        return True

    def close(self, timeout_s: float) -> None:
        self._stop.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _has_work(self) -> bool:
        return self._gallery.has_to_wipe or self._next() is not None

    @property
    def _rests(self) -> bool:
        return time.monotonic() < self._rests_until

    def _next(self) -> Job | None:
        gallery = self._gallery
        return plan(gallery.snapshot.views, gallery.tuning, loading=gallery.loading)

    def _run(self) -> None:
        pause_s = _WIPE_PAUSE_S
        while True:
            try:
                self._gallery.wipe()
                worked = not self._rests and self._work()
            except Exception as error:  # noqa: BLE001 - the thread's outermost loop: said, counted, tried again later
                self._rest(error)
                worked = False
            with self._lock:
                if self._stop.is_set() or not (worked or self._has_work()):
                    self._thread = None
                    return
            if worked:
                pause_s = _WIPE_PAUSE_S
            else:
                # A search that began before an erasure still goes on.
                self._stop.wait(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_WIPE_PAUSE_S)

    def _work(self) -> bool:
        views = self._gallery.snapshot.views
        job = plan(views, self._gallery.tuning, loading=self._gallery.loading)
        if job is None:
            return False
        rewritten = rewrite(job, views, self._codec, self._gallery.tuning, keep_originals=self._keep_originals)
        self._gallery.install(rewritten)
        return True

    def _rest(self, error: Exception) -> None:
        self.failures += 1
        self.last_failure = type(error).__name__
        pause_s = min(2.0 ** min(self.failures, _MOST_DOUBLINGS), _LONGEST_PAUSE_S)
        # No text of the error: it may quote what it could not handle.
        log.error("faces.upkeep_failed", error=self.last_failure, failures=self.failures, retry_in_s=pause_s)
        self._rests_until = time.monotonic() + pause_s
