"""Who may go through a door now: each admitted credential lets one person through, once.

Pure: states go in, states come out, and the caller brings the clock. What counts is the number of people, not whose
face or body it was: nobody is followed here.

- A credential admitted leaves one *leave* behind. It is good while the gate says it is open, and in any case for the
  controller's hold time plus ``GRACE_S`` (somebody on the threshold when the bolt falls is still coming through).
- The same credential admitted again before its leave was used renews that leave: who shows a pass twice is one person.
- A crossing takes the oldest leave. It completes the passage that was decided before, so it is no passage of its own.
- A crossing that finds no leave is a passage without a credential (``Reason.FOLLOWED``): on somebody else's opening, or
  through a door that was held or forced. From inside the wall these look alike and mean the same: somebody went through
  without any credential, and a person should look.
- The same track over the line again within ``SAME_TRACK_S`` is somebody dithering on the line, not one more person.
- When two go through on one leave, which of them was let in is not known, and not asked: the second one counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from core.contract.ids import PassId

GRACE_S = 2.0
SAME_TRACK_S = 10.0
MAX_LEAVES = 32
"""More credentials than this in one opening are not counted: the door stays as strict as before."""
MAX_TRACKS = 64


class Crossed(StrEnum):
    COMPLETES = "completes"  # the passage of a credential admitted before
    FOLLOWED = "followed"  # went through without any
    SAME = "same"  # a track that was counted already


@dataclass(frozen=True, slots=True)
class Leave:
    """credential: whose it is; until_s: how long it is good at least."""

    credential: PassId | None
    until_s: float


@dataclass(frozen=True, slots=True)
class Openings:
    """A door's memory. Times are seconds of one monotonic clock.

    leaves: those not used yet, in the order of admission; tracks: (track, when it crossed), oldest
    first.
    """

    leaves: tuple[Leave, ...] = ()
    tracks: tuple[tuple[int, float], ...] = ()


def admitted(openings: Openings, credential: PassId | None, at_s: float, hold_s: float, *, gate_open: bool) -> Openings:
    """``credential`` was admitted at ``at_s`` and its gate will be held open for ``hold_s``."""
    standing = _standing(openings, at_s, gate_open=gate_open)
    others = (leave for leave in standing if credential is None or leave.credential != credential)
    return replace(openings, leaves=(*others, Leave(credential, at_s + hold_s + GRACE_S))[:MAX_LEAVES])


def crossed(openings: Openings, track: int, at_s: float, *, gate_open: bool) -> tuple[Openings, Crossed]:
    """Somebody's ``track`` crossed the threshold at ``at_s``, the controller saying whether the gate is open."""
    recent = tuple((known, when) for known, when in openings.tracks if at_s - when < SAME_TRACK_S)
    if any(known == track for known, _ in recent):
        return replace(openings, tracks=recent), Crossed.SAME
    tracks = (*recent, (track, at_s))[-MAX_TRACKS:]
    leaves = _standing(openings, at_s, gate_open=gate_open)
    if leaves:
        return Openings(leaves[1:], tracks), Crossed.COMPLETES
    return Openings((), tracks), Crossed.FOLLOWED


def _standing(openings: Openings, at_s: float, *, gate_open: bool) -> tuple[Leave, ...]:
    return openings.leaves if gate_open else tuple(leave for leave in openings.leaves if at_s <= leave.until_s)
