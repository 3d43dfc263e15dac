"""What a watcher tells an observer about each track: what it saw, and which gate refused it, with the figure.

Nobody listens while an edge runs: `UNHEARD` forgets everything. `edge.replay` listens, to say why a pass was missed.
Figures and plate texts only; a face's pixels and vectors are never told.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class What(StrEnum):
    """What can be noted of a track. In brackets: ``value`` and, after the stroke, ``limit``."""

    # on the way to a decision
    FACE = "face"  # in the zone (width, px)
    SHOT = "shot"  # good enough to compare (quality, 0..1)
    COMPARED = "compared"  # with the lists, or with a pass's holder (cosine / threshold)
    CODE = "code"  # a code was held up
    PLATE = "plate"  # found in the zone (width, px)
    READ = "read"  # well-formed (lowest character's confidence); text: what was read
    DECIDED = "decided"  # text: what was seen, in a word

    # refused by a gate
    TOO_SMALL = "too_small"  # a face (width, px / min_face_px)
    TURNED = "turned"  # (yaw, eye distances / limit)
    DARK = "dark"  # (mean grey / limit)
    BRIGHT = "bright"
    BLURRED = "blurred"  # (sharpness / limit)
    LOW_QUALITY = "low_quality"  # (quality, 0..1 / limit)
    CROWDED = "crowded"  # more than one person in the zone (further people / 0)
    TOO_BRIEF = "too_brief"  # gone before it was there for long enough (looks / looks wanted)
    LISTS_OLD = "lists_old"  # nobody may be recognised with lists that old
    ATTACK = "attack"  # a picture or screen instead of a face (score / threshold)
    UNCHECKED = "unchecked"  # presentation attacks can't be told here, and the gate asks for it
    BELOW_THRESHOLD = "below_threshold"  # like nobody enough (cosine / threshold)
    TOO_ALIKE = "too_alike"  # like two people (margin / least margin)
    PASS_REFUSED = "pass_refused"  # noqa: S105 - of a code: not ours, revoked, outside its time or place
    NOT_ENROLLED = "not_enrolled"  # a pass's holder has no template
    PLATE_TOO_SMALL = "plate_too_small"  # (width, px / min_plate_px)
    PLATE_CUT_OFF = "plate_cut_off"  # by the zone's edge
    PLATE_SHAPELESS = "plate_shapeless"  # no four corners
    PLATE_GRAMMAR = "plate_grammar"  # what was read is no plate; text: what was read
    PLATE_UNSURE = "plate_unsure"  # (lowest character's confidence / limit); text: what was read


REFUSALS = frozenset(list(What)[list(What).index(What.TOO_SMALL) :])
"""Those by which a gate refuses something; the others only tell how far it came."""


class Trace(Protocol):
    """Told by one thread, the one that looks."""

    def note(
        self,
        at_s: float,
        track: int | None,
        what: What,
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
        what: What,
        *,
        value: float | None = None,
        limit: float | None = None,
        text: str = "",
    ) -> None:
        pass


UNHEARD: Trace = _Unheard()
"""Forgets everything: what watchers talk to by default."""
