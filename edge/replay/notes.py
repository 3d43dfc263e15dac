"""What the watchers of a replay said of each track, kept in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.checkpoint.trace import Noted
from edge.replay.clock import ReplayClock

MAX_NOTES = 500_000
"""A day of one busy checkpoint. What is noted after that is counted and lost."""


@dataclass(frozen=True, slots=True)
class Note:
    """See `edge.checkpoint.trace.Trace.note`. at_s: seconds from the clip's first frame."""

    at_s: float
    track: int | None
    what: Noted
    value: float | None
    limit: float | None
    text: str


@dataclass(slots=True)
class Notes:
    """A `Trace` that remembers."""

    clock: ReplayClock
    _notes: list[Note] = field(default_factory=list)
    lost: int = 0

    def note(
        self,
        at_s: float,
        track: int | None,
        what: Noted,
        *,
        value: float | None = None,
        limit: float | None = None,
        text: str = "",
    ) -> None:
        if len(self._notes) >= MAX_NOTES:
            self.lost += 1
            return
        self._notes.append(Note(at_s - self.clock.starts_s, track, what, value, limit, text))

    def between(self, from_s: float, to_s: float) -> tuple[Note, ...]:
        """Those of that part of the clip, both ends included."""
        return tuple(note for note in self._notes if from_s <= note.at_s <= to_s)

    @property
    def all(self) -> Sequence[Note]:
        return tuple(self._notes)
