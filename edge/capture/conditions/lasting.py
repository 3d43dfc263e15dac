"""What has lasted is told, once: begun after it was there long enough, ended after it was away long enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from edge.capture.conditions.finding import NOTHING, Finding, Grade


@dataclass(frozen=True, slots=True)
class Patience:
    """begin_s: how long something lasts before it is told; end_s: how long it is away before that is told."""

    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which everything found was worse, or everything was better, than what was last told.

    since_s: monotonic; since: wall clock; mildest: the least bad (of worse ones), or the worst (of better ones).
    """

    since_s: float
    since: datetime
    mildest: Finding


@dataclass(frozen=True, slots=True)
class Lasting:
    """told: what was last told, its words kept up to date; since: since when it is there (None: it is not)."""

    told: Finding = NOTHING
    since: datetime | None = None
    stretch: Stretch | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be told now. since: since when the condition is (or was) there; until: since when it no longer is."""

    found: Finding
    since: datetime
    until: datetime | None = None


def last(
    lasting: Lasting, found: Finding | None, patience: Patience, at_s: float, at: datetime
) -> tuple[Lasting, Change | None]:
    """The next ``lasting``, and what is to be told now that ``found`` was found at ``at_s`` (monotonic) and ``at``.

    None, what could not be looked for, lets nothing begin or end: whatever was about to starts over.
    """
    if found is None:
        return replace(lasting, stretch=None), None
    if found.grade is lasting.told.grade:
        return Lasting(found, lasting.since), None
    worse = found.grade > lasting.told.grade
    stretch = lasting.stretch
    if stretch is None or (stretch.mildest.grade > lasting.told.grade) is not worse:
        stretch = Stretch(at_s, at, found)
    elif (found.grade <= stretch.mildest.grade) if worse else (found.grade >= stretch.mildest.grade):
        stretch = replace(stretch, mildest=found)
    needed_s = max(patience.begin_s, stretch.mildest.after_s) if worse else patience.end_s
    if at_s - stretch.since_s < needed_s:
        return replace(lasting, stretch=stretch), None
    return _told(lasting, stretch)


def _told(lasting: Lasting, stretch: Stretch) -> tuple[Lasting, Change]:
    now = stretch.mildest
    if now.grade is Grade.NONE:
        assert lasting.since is not None, "what ends was told as begun"
        # The wall clock may have been set back meanwhile: nothing ends before it began.
        return Lasting(), Change(lasting.told, lasting.since, max(lasting.since, stretch.since))
    since = lasting.since or stretch.since
    return Lasting(now, since), Change(now, since)
