"""Whether pictures come ever later than they were made, or are lost: a network or a machine that is too slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.capture.conditions.finding import NOTHING, Finding, Grade

LATE_S = 2.0
_DRIFT = 0.002
"""Two clocks drift apart by less than 2 ms a second, cheap cameras' too; what comes later still is queueing."""
_LEAP_S = 2.0
_WINDOW_S = 60.0
_DROPPED_PER_S = 2.0
_DAMAGED_PER_S = 1.0
_LATE_ADVICE = "check the network, lower the camera's bit rate, and set its frame rate to what it sends"


@dataclass(frozen=True, slots=True)
class Lateness:
    """How much later a stream's packets come than the quickest of them lately.

    pts_s, received_s: of the last packet; offset_s: quickest packet's ``received_s - pts_s``; late_s: at least 0.
    """

    pts_s: float
    received_s: float
    offset_s: float
    late_s: float = 0.0


def later(lateness: Lateness | None, pts_s: float, received_s: float) -> Lateness:
    """The next ``lateness`` after a packet with stream time ``pts_s``, read at ``received_s`` (monotonic).

    A stream whose own time runs back or leaps ahead has begun anew. One that merely stalls has not: what comes
    afterwards is late until it has caught up.
    """
    offset_s = received_s - pts_s
    if lateness is None:
        return Lateness(pts_s, received_s, offset_s)
    made_s, took_s = pts_s - lateness.pts_s, received_s - lateness.received_s
    if made_s < -_LEAP_S or made_s - took_s > _LEAP_S:
        return Lateness(pts_s, received_s, offset_s)
    quickest_s = min(lateness.offset_s + _DRIFT * max(0.0, took_s), offset_s)
    return Lateness(pts_s, received_s, quickest_s, offset_s - quickest_s)


@dataclass(frozen=True, slots=True)
class Losses:
    """What was lost so far, by ``at_s`` (monotonic): pictures nobody had time for, packets that came damaged."""

    at_s: float
    dropped: int
    damaged: int


def keep_losses(before: Sequence[Losses], now: Losses) -> tuple[Losses, ...]:
    """The losses of the last minute, ``now`` the newest; counters that were reset begin anew."""
    if before and (now.dropped < before[-1].dropped or now.damaged < before[-1].damaged):
        before = ()
    return (*(one for one in before if now.at_s - one.at_s <= _WINDOW_S), now)


def judge_lateness(late_s: float | None, losses: Sequence[Losses]) -> Finding:
    """Whether the camera's pictures come late or are lost. ``losses``: of the last minute, oldest first."""
    if late_s is not None and late_s > LATE_S:
        detail = f"pictures come {late_s:.0f} s late, or their time stamps are wrong: {_LATE_ADVICE}"
        return Finding(Grade.THERE, detail)
    if len(losses) < 2:
        return NOTHING
    first, now = losses[0], losses[-1]
    passed_s = max(_WINDOW_S / 2, now.at_s - first.at_s)
    damaged, dropped = (now.damaged - first.damaged) / passed_s, (now.dropped - first.dropped) / passed_s
    if damaged > _DAMAGED_PER_S:
        return Finding(Grade.THERE, f"{damaged:.0f} packets a second are damaged: check cable, switch and radio link")
    if dropped > _DROPPED_PER_S:
        return Finding(Grade.THERE, f"{dropped:.0f} pictures a second dropped: this machine has too many cameras")
    return NOTHING
