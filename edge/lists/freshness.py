"""Whether these lists may be used to recognise faces: as the core's rolls say, and nothing else does.

A roll is the core's signed statement of which templates this edge holds at a number (I2 of the consent rules). A
snapshot or a delta says nothing about what an edge should not have.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from core.contract.lists import ListRollV1

CLOCK_TOLERANCE = timedelta(minutes=10)
"""A roll further in the future than this means that a clock is wrong: how old the lists are, nobody knows then."""


class Doubt(StrEnum):
    """Why nobody may be searched for in these lists, until a roll agrees with them."""

    RESTORED = "restored"  # older than their anchor, or another edge's file: put back from somewhere
    DIFFERS = "differs"  # the core's roll of the same number says otherwise: only a snapshot helps
    REWOUND = "rewound"  # a snapshot took their place that is older than they were, or came while they were in doubt


class RollSays(StrEnum):
    """What a roll, signed by the core for this edge, means."""

    SAME = "same"  # the edge holds just what the core says, as of the roll's time
    DIFFERS = "differs"
    OTHER_NUMBER = "other_number"  # the core has not caught up with us, or we with the core: nothing follows
    OLD = "old"  # older than one that was heard before: sent again by whoever
    CLOCK_WRONG = "clock_wrong"  # from the future


def judge(roll: ListRollV1, *, version: int, digest: str, last: datetime | None, now: datetime) -> RollSays:
    """What ``roll`` says about lists at ``version`` with ``digest``.

    last: time of the newest roll heard so far, or when these lists were begun or put back: a roll of before that, sent
    again by whoever, may agree with them and knows nothing of what was erased since.
    """
    if roll.at - now > CLOCK_TOLERANCE:
        return RollSays.CLOCK_WRONG
    # A last roll from the future is no measure: the clock was wrong then.
    if last is not None and last - now <= CLOCK_TOLERANCE and roll.at < last:
        return RollSays.OLD
    if roll.version != version:
        return RollSays.OTHER_NUMBER
    return RollSays.SAME if roll.digest == digest else RollSays.DIFFERS


def is_fresh(contact: datetime | None, now: datetime, fresh_for: timedelta) -> bool:
    """Whether a roll of ``contact`` is recent enough; not when a clock has jumped, either."""
    return contact is not None and -CLOCK_TOLERANCE <= now - contact <= fresh_for


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two times, of which either may be missing."""
    return max((time for time in (one, other) if time is not None), default=None)


def doubt_after_snapshot(doubt: Doubt | None, held: int, version: int) -> Doubt | None:
    """Where lists stand once a snapshot of ``version`` replaced those of ``held``."""
    return Doubt.REWOUND if doubt is not None or version < held else None
