"""Where the packets of a camera are had from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.contract.ids import CameraId
from edge.capture.packets import PacketRing
from edge.video.remux import StreamHead

Which = Literal["main", "sub"]


@dataclass(frozen=True, slots=True)
class Footage:
    """One stream of a camera while its connection lasts: after a reconnect there is another."""

    head: StreamHead
    ring: PacketRing


FindFootage = Callable[[CameraId, Which], Footage | None]
"""None while the camera is away, or has no such stream. ``sub`` of a camera without one gives its main stream."""
