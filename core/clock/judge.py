"""Whether the wall clock can be right, decided from how much time has passed for those who count it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import StrEnum

RELEASED_AT = datetime.fromtimestamp(1_780_000_000, UTC)
"""A day in 2026, before this version was made: no clock that shows an earlier one is right."""
WRONG_BY = timedelta(minutes=10)
"""What a clock may be corrected by without a question. As much as edges allow for (``edge.lists.freshness``)."""
OFF_AT_MOST = timedelta(days=45)
"""A core that was off for longer has to be told that so much time has passed. Our choice: longer than any holiday, and
short beside the year a consent lasts."""
OFF_FOR_SHORT = timedelta(days=1)
"""A core that was off for at most so long asks nobody. Our choice: as long as edges go on without it."""
WAIT_FOR_EDGES_S = 300.0
"""After that it goes on without an edge's word. Our choice: edges come back within seconds, where there are any."""


class Doubt(StrEnum):
    """Why the wall clock is not believed."""

    AHEAD = "ahead"
    BEHIND = "behind"

    @property
    def told(self) -> str:
        """For people, after "the clock is"."""
        return "ahead of the time that can have passed" if self is Doubt.AHEAD else "behind the time that has passed"


def doubt_about(
    wall: datetime,
    counted: datetime | None,
    *,
    off_before: bool,
    by_edges: Collection[datetime] = (),
    waited: bool = True,
) -> Doubt | None:
    """What speaks against ``wall``; None when it is believed.

    counted: the time last believed, and what this core has counted since; None where it never worked before.
    off_before: it may have been off, and counted nothing meanwhile; by_edges: the time as each edge counted it; waited:
    no edge is likely to tell any more.
    """
    if counted is None:
        return Doubt.BEHIND if wall < RELEASED_AT else None
    if abs(wall - counted) <= WRONG_BY or any(abs(wall - one) <= WRONG_BY for one in by_edges):
        return None
    if wall < counted:
        return Doubt.BEHIND
    if not off_before or by_edges:
        return Doubt.AHEAD
    return None if wall - counted <= (OFF_AT_MOST if waited else OFF_FOR_SHORT) else Doubt.AHEAD


def earlier(wall: datetime, counted: datetime | None) -> datetime:
    """The time by which something may end for good: where the two differ, both have to say that it is over."""
    if counted is None or abs(wall - counted) <= WRONG_BY:
        return wall
    return min(wall, counted)
