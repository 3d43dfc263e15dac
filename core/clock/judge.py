"""Whether the wall clock can be right, decided from how much time has passed for those who count it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

RELEASED_AT = datetime.fromtimestamp(1_780_000_000, UTC)
"""A day in 2026, before this version was made: no clock that shows an earlier one is right."""
WRONG_BY = timedelta(minutes=10)
"""What a clock may be corrected by without a question. As much as edges allow for (``edge.lists.freshness``)."""
OFF_AT_MOST = timedelta(days=45)
"""A core that was off for longer has to be told that so much time has passed. Our choice: longer than any holiday, and
short beside the year a consent lasts."""


class Doubt(StrEnum):
    """Why the wall clock is not believed."""

    AHEAD = "ahead"  # of the time that can have passed
    BEHIND = "behind"  # the time that has passed already


def doubt_about(
    wall: datetime, counted: datetime | None, *, off_before: bool, borne_out: Iterable[datetime] = ()
) -> Doubt | None:
    """What speaks against ``wall``; None when it is believed.

    counted: the time last believed, and what this core has counted since; None where it never worked before.
    off_before: it may have been off, and counted nothing meanwhile; borne_out: the time as each edge counted it.
    """
    if counted is None:
        return Doubt.BEHIND if wall < RELEASED_AT else None
    if abs(wall - counted) <= WRONG_BY or any(abs(wall - one) <= WRONG_BY for one in borne_out):
        return None
    if wall < counted:
        return Doubt.BEHIND
    return None if off_before and wall - counted <= OFF_AT_MOST else Doubt.AHEAD


def earlier(wall: datetime, counted: datetime | None) -> datetime:
    """The time by which something may end for good: where the two differ, both have to say that it is over."""
    if counted is None or abs(wall - counted) <= WRONG_BY:
        return wall
    return min(wall, counted)
