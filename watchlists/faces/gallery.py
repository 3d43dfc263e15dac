"""The templates of an index and how they change: one writer at a time, readers never wait.

A change marks rows in copies of the marks it touches, adds rows behind those that anybody sees, and swaps one
reference. What was erased is overwritten as soon as the last search that started before is over.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from watchlists.faces.change import Change, Selection, Tuning
from watchlists.faces.ids import Rows, pack
from watchlists.faces.segments import ERASED, LOCKED, Columns, FlatSegment, Marks, Segment
from watchlists.faces.snapshot import Snapshot, View
from watchlists.faces.template import Float, Template, TemplateBlock

_Wipes = list[tuple[Segment, Rows]]


@dataclass(frozen=True, slots=True, eq=False)
class Rewritten:
    """A segment written anew out of others: which rows of which views it holds, one after the other.

    segment: None when nothing was left to hold.
    """

    segment: Segment | None
    sources: tuple[View, ...]
    kept: tuple[Rows, ...]


class Gallery:
    """Thread-safe; ``snapshot`` is all a reader needs."""

    def __init__(self, dimension: int, tuning: Tuning) -> None:
        self.dimension = dimension
        self.tuning = tuning
        self.snapshot = Snapshot((self._room(tuning.fresh_rows),))
        self.loading = False
        self._writer = threading.Lock()
        self._since_load: list[Change] = []
        self._to_wipe: deque[tuple[weakref.ref[Snapshot], _Wipes]] = deque()

    def apply(self, change: Change) -> int:
        """Carry out a checked ``change``. How many templates were erased."""
        newest = {template.template_id: template for template in change.enrol}
        with self._writer:
            if self.loading:
                self._since_load.append(change)
            views = list(self.snapshot.views)
            wipes: _Wipes = []
            erased = self._erase(views, change.erase, wipes)
            self._erase(views, Selection(templates=frozenset(newest)), wipes)
            if newest:
                self._add_templates(views, list(newest.values()))
            self._lock(views, change)
            self._publish(views, wipes)
            return erased

    def start_load(self) -> None:
        with self._writer:
            self.loading = True
            self._publish([*self._filled(), self._room(self.tuning.load_rows)], [])

    def add_block(self, block: TemplateBlock, vectors: Float) -> None:
        """Take in ``block`` with its ``vectors`` (n, d) of length 1, less what was changed since the load started."""
        size = self.tuning.load_rows
        done = 0
        while done < len(block):
            with self._writer:
                views = list(self.snapshot.views)
                segment = views[-1].segment
                room = segment.capacity - views[-1].count if isinstance(segment, FlatSegment) else 0
                part = slice(done, done + (room or size))
                ids = Columns(block.template_ids[part], block.subjects[part], block.consents[part])
                self._append(views, ids, vectors[part], np.where(block.locked[part], LOCKED, 0).astype(np.uint8), size)
                added = len(ids.templates)
                self._catch_up(views, added)
                self._publish(views, [])
                done += added

    def end_load(self) -> None:
        with self._writer:
            self.loading = False
            self._since_load = []
            views = list(self.snapshot.views)
            if views[-1].count:
                views[-1] = _trimmed(views[-1])
            else:
                views.pop()
            self._publish([*views, self._room(self.tuning.fresh_rows)], [])

    def install(self, rewritten: Rewritten) -> None:
        """Put a segment in the place of those it was made of; marks are those of now."""
        with self._writer:
            now = {id(view.segment): view for view in self.snapshot.views}
            current = [now[id(source.segment)] for source in rewritten.sources]
            gone = {id(source.segment) for source in rewritten.sources}
            views: list[View] = []
            for view in self.snapshot.views:
                if id(view.segment) not in gone:
                    views.append(view)
                elif view is current[0] and rewritten.segment is not None:
                    marks = np.concatenate([one.marks[kept] for one, kept in zip(current, rewritten.kept, strict=True)])
                    # Erased since it was written: nobody has seen this segment yet, so at once.
                    rewritten.segment.wipe(np.flatnonzero(marks & ERASED))
                    views.append(View.of(rewritten.segment, marks))
            self._publish(views, [])

    def wipe(self) -> bool:
        """Overwrite what was erased before every search that now goes on. True when nothing is left to overwrite."""
        with self._writer:
            while self._to_wipe:
                seen_by, wipes = self._to_wipe[0]
                if seen_by() is not None:
                    return not self.has_to_wipe
                for segment, rows in wipes:
                    segment.wipe(rows)
                self._to_wipe.popleft()
        return True

    @property
    def has_to_wipe(self) -> bool:
        return any(wipes for _, wipes in tuple(self._to_wipe))

    def _filled(self) -> tuple[View, ...]:
        views = self.snapshot.views
        return views if views[-1].count else views[:-1]

    def _room(self, capacity: int) -> View:
        return View.of(FlatSegment(capacity, self.dimension), np.zeros(0, np.uint8))

    def _erase(self, views: list[View], selection: Selection, wipes: _Wipes) -> int:
        erased = 0
        if not selection:
            return erased
        for number, view in enumerate(views):
            rows = view.rows(selection)
            rows = rows[(view.marks[rows] & ERASED) == 0]
            if len(rows):
                views[number] = view.with_marks(rows, add=ERASED)
                wipes.append((view.segment, rows))
                erased += len(rows)
        return erased

    def _lock(self, views: list[View], change: Change) -> None:
        for number, view in enumerate(views):
            locked = view.with_marks(view.rows(change.lock), add=LOCKED) if change.lock else view
            views[number] = locked.with_marks(view.rows(change.unlock), take=LOCKED) if change.unlock else locked

    def _add_templates(self, views: list[View], templates: Sequence[Template]) -> None:
        ids = Columns(
            pack(one.template_id for one in templates),
            pack(one.subject for one in templates),
            pack(one.consent for one in templates),
        )
        vectors = np.stack([one.vector for one in templates])
        vectors /= np.sqrt(np.vecdot(vectors, vectors))[:, None]
        self._append(views, ids, vectors, np.zeros(len(templates), np.uint8), self.tuning.fresh_rows)

    def _append(self, views: list[View], ids: Columns, vectors: Float, marks: Marks, capacity: int) -> None:
        """Add rows to the last view; to a new one, of ``capacity`` or more, where they don't fit."""
        count = len(vectors)
        last = views[-1]
        segment = last.segment
        if not isinstance(segment, FlatSegment) or segment.capacity - last.count < count:
            if last.count == 0:
                views.pop()
            last = self._room(max(capacity, count))
            views.append(last)
            segment = last.segment
        assert isinstance(segment, FlatSegment)
        segment.write(last.count, ids, vectors)
        views[-1] = View.of(segment, np.concatenate([last.marks, marks]))
        if views[-1].count == segment.capacity:
            # The last view is left alone by those who code: a full one need not wait for the next template.
            views.append(self._room(capacity))

    def _catch_up(self, views: list[View], added: int) -> None:
        """Carry out on the ``added`` last rows what happened to the gallery since the load began."""
        at = len(views) - (1 if views[-1].count else 2)
        start = views[at].count - added
        for change in self._since_load:
            view = views[at]
            outdated = Selection(templates=frozenset(template.template_id for template in change.enrol))
            erased = np.concatenate([view.rows(change.erase), view.rows(outdated)])
            erased = erased[erased >= start]
            view.segment.wipe(erased)  # at once: nobody has seen these rows
            view = view.with_marks(erased, add=ERASED)
            locked, unlocked = view.rows(change.lock), view.rows(change.unlock)
            view = view.with_marks(locked[locked >= start], add=LOCKED)
            views[at] = view.with_marks(unlocked[unlocked >= start], take=LOCKED)

    def _publish(self, views: Sequence[View], wipes: _Wipes) -> None:
        old = self.snapshot
        self.snapshot = Snapshot(tuple(views))
        # In order and without gaps: an erasure waits for every search that began before it, however long ago.
        self._to_wipe.append((weakref.ref(old), wipes))
        del old
        while self._to_wipe and not self._to_wipe[0][1] and self._to_wipe[0][0]() is None:
            self._to_wipe.popleft()


def _trimmed(view: View) -> View:
    """The same view without the room behind it."""
    assert isinstance(view.segment, FlatSegment)
    segment = FlatSegment(view.count, view.segment.stored.shape[1])
    rows = np.arange(view.count)
    segment.write(0, view.segment.ids.take(rows), view.segment.stored[rows])
    return View.of(segment, view.marks)
