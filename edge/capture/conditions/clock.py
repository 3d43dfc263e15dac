"""What time it is by the camera's own clock, and whether that is the right one.

An RTSP camera tells it in its RTCP sender reports (RFC 3550, 6.4.1), every few seconds; FFmpeg puts it on each packet
as its producer reference time. Before the first report, and from cameras that send none, it is unknown. So it is from
cameras that count from their own start instead, which FFmpeg shows as a time before 1970.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import av

from edge.capture.conditions.finding import NOTHING, Finding, Grade

RIGHT_WITHIN_S = 10.0
MEDIAN_OF = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRODUCER_REFERENCE_TIME = struct.Struct("<q")
_LATEST_S = 4_102_444_800.0
"""The year 2100: the camera means nothing by it."""


def camera_clock(packet: av.Packet[Any]) -> datetime | None:
    """When the picture in ``packet`` was made by the camera's clock; None where it does not tell."""
    if not packet.has_sidedata("prft"):
        return None
    (microseconds,) = _PRODUCER_REFERENCE_TIME.unpack_from(bytes(packet.get_sidedata("prft")))
    return _EPOCH + timedelta(microseconds=microseconds) if 0 < microseconds < _LATEST_S * 1e6 else None


def judge_clock(ahead_s: tuple[float, ...]) -> Finding | None:
    """``ahead_s``: by how much the camera's clock was ahead of ours, the last few times; None where it never told."""
    if not ahead_s:
        return None
    middle_s = median(ahead_s)
    if abs(middle_s) <= RIGHT_WITHIN_S:
        return NOTHING
    side = "ahead of" if middle_s > 0 else "behind"
    detail = f"the camera's clock is {_spoken(abs(middle_s))} {side} this edge's: set its time server (NTP) and zone"
    return Finding(Grade.THERE, detail)


def _spoken(seconds: float) -> str:
    for unit, length_s in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"
