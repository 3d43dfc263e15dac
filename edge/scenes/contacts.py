"""A door's contact: was it opened by somebody who may, and is it shut again in time? Pure; the caller brings the clock.

- *Forced*: it opens although nothing unlocked it. The contact is often quicker than the relay's answer or the exit
  button's message, so that is said only ``UNLOCK_MAY_COME_LATE_S`` later, if nothing has unlocked it until then.
- *Held*: it is open for longer than the gate's hold time and the grace that the configuration gives. Told when it
  begins, and again when the door is shut. A forced door that stays open is held, too.
- A retained message tells how the door is, not that it has just changed: it forces nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from core.contract.events_scenes import Happening
from core.contract.ids import HappeningId, new_id

UNLOCK_MAY_COME_LATE_S = 3.0
STILL_UNLOCKED_S = 5.0
"""After the bolt has fallen: a door that was opened at the last moment, and a message that was slow."""


@dataclass(frozen=True, slots=True)
class DoorState:
    """What is known of one door. Times ending in ``_s`` are seconds of one monotonic clock.

    open: None while nothing was heard, since ``since``; unlocked_until_s: when the last unlocking ends at the latest;
    suspect: when it opened without one, until that is settled; held: the happening that was told and lasts.
    """

    open: bool | None = None
    since_s: float = 0.0
    since: datetime | None = None
    unlocked_until_s: float = float("-inf")
    suspect: tuple[float, datetime] | None = None
    held: HappeningId | None = None


@dataclass(frozen=True, slots=True)
class DoorNews:
    """Something to tell. until: once it has ended."""

    what: Happening
    happening: HappeningId
    since: datetime
    until: datetime | None = None


def unlocked(state: DoorState, at_s: float, for_s: float = 0.0) -> DoorState:
    """A credential, a guard or the exit button unlocks the door at ``at_s``, for ``for_s`` at least."""
    until_s = max(state.unlocked_until_s, at_s + for_s + STILL_UNLOCKED_S)
    return replace(state, unlocked_until_s=until_s, suspect=None)


def opened(state: DoorState, at_s: float, at: datetime, *, retained: bool = False) -> DoorState:
    """The contact says that the door is open."""
    if state.open:
        return state
    # Only a door that was known to be shut was opened now.
    forced = state.open is False and not retained and at_s > state.unlocked_until_s
    return replace(state, open=True, since_s=at_s, since=at, suspect=(at_s, at) if forced else state.suspect)


def closed(state: DoorState, at_s: float, at: datetime) -> tuple[DoorState, list[DoorNews]]:
    """The contact says that the door is shut. Whether it had been forced is still open until `settled` says so."""
    if state.open is False:
        return state, []
    news = []
    if state.held is not None and state.since is not None:
        news.append(DoorNews(Happening.DOOR_HELD, state.held, state.since, max(at, state.since)))
    return replace(state, open=False, since_s=at_s, since=at, held=None), news


def settled(state: DoorState, at_s: float, may_be_open_s: float) -> tuple[DoorState, list[DoorNews]]:
    """What is certain at ``at_s``: to be asked a few times a second.

    may_be_open_s: the gate's hold time and the configured grace.
    """
    news: list[DoorNews] = []
    if state.suspect is not None and at_s - state.suspect[0] >= UNLOCK_MAY_COME_LATE_S:
        news.append(DoorNews(Happening.DOOR_FORCED, HappeningId(new_id()), state.suspect[1]))
        state = replace(state, suspect=None)
    if state.open and state.since is not None and state.held is None and at_s - state.since_s >= may_be_open_s:
        held = HappeningId(new_id())
        news.append(DoorNews(Happening.DOOR_HELD, held, state.since))
        state = replace(state, held=held)
    return state, news


def finished(state: DoorState, at: datetime) -> tuple[DoorState, list[DoorNews]]:
    """Nobody listens any more from ``at`` on: a door told to be held open is so no longer, as far as anybody knows."""
    if state.held is None or state.since is None:
        return state, []
    news = DoorNews(Happening.DOOR_HELD, state.held, state.since, max(at, state.since))
    return replace(state, held=None), [news]
