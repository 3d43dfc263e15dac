"""What a watcher tells an observer about each track: what it saw, and which gate refused it, with the figure.

Nobody listens while an edge runs: `UNHEARD` forgets everything. `edge.replay` listens, to say why a pass was missed.
Figures and plate texts only; a face's pixels and vectors are never told.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from edge.checkpoint.gate_counts import Gate


class What(StrEnum):
    """What can be noted of a track beside the gates of `gate_counts.Gate`. In brackets: ``value`` / ``limit``."""

    # on the way to a decision
    FACE = "face"  # in the zone (width, px)
    SHOT = "shot"  # good enough to compare (quality, 0..1)
    COMPARED = "compared"  # with the lists, or with a pass's holder (cosine / threshold)
    CODE = "code"  # a code was held up
    PLATE = "plate"  # found in the zone (width, px)
    READ = "read"  # well-formed (lowest character's confidence); text: what was read
    DECIDED = "decided"

    # what no gate counts, and ends a pass all the same
    TOO_BRIEF = "too_brief"  # gone before it was there for long enough (looks / looks wanted)
    LISTS_OLD = "lists_old"  # nobody may be recognised with lists that old
    PASS_REFUSED = "pass_refused"  # noqa: S105 - of a code: not ours, revoked, outside its time or place
    NOT_ENROLLED = "not_enrolled"  # a pass's holder has no template
    PLATE_CUT_OFF = "plate_cut_off"  # by the zone's edge
    PLATE_SHAPELESS = "plate_shapeless"  # no four corners


Noted = What | Gate
"""A gate is noted when it refuses, with the figure it asked (value) and the one it asks for (limit)."""

REFUSALS: frozenset[Noted] = frozenset(
    {
        *Gate,
        What.TOO_BRIEF,
        What.LISTS_OLD,
        What.PASS_REFUSED,
        What.NOT_ENROLLED,
        What.PLATE_CUT_OFF,
        What.PLATE_SHAPELESS,
    }
)
"""Those by which something is refused; the others only tell how far it came."""


class Trace(Protocol):
    """Told by one thread, the one that looks."""

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
        """Of ``track`` (None: of no track, or nobody knows whose), at stream time ``at_s``. Must not wait or fail."""
        ...


class _Unheard:
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
        pass


UNHEARD: Trace = _Unheard()
"""Forgets everything: what watchers talk to by default."""
