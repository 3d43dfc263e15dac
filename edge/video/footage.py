"""Where the packets of a camera are had from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from core.contract.ids import CameraId
from edge.capture.packets import PacketRing
from edge.capture.stream import Sent
from edge.video.remux import StreamHead

Which = Literal["main", "sub"]


@dataclass(frozen=True, slots=True)
class Footage:
    """One stream of a camera while its connection lasts: after a reconnect there is another."""

    head: StreamHead
    ring: PacketRing


FindFootage = Callable[[CameraId, Which], Footage | None]
"""None while the camera is away, or has no such stream. ``sub`` of a camera without one gives its main stream."""


class View(Protocol):
    """One viewer's live picture, wherever the camera's packets are. Used by one thread at a time; never for long."""

    def begin(self) -> str:
        """The content type. Raises RemuxError while there is nothing to show."""
        ...

    def take(self) -> bytes:
        """MP4 of what came since it was last asked; empty when nothing did. Raises RemuxError: the view is over."""
        ...


FindView = Callable[[CameraId, Which], View | None]
"""As `FindFootage`, for who watches."""


def footage_of(sent: Sent) -> Footage | None:
    """What a camera sends now; None before it has sent anything that can be shown."""
    if sent.form is None or not sent.ring.held_bytes:
        return None
    extradata = sent.form.extradata or b""
    # MP4 files' own form of the parameter sets (a replayed clip) begins with a version, not with a start code.
    sets = extradata if extradata.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01")) else b""
    return Footage(StreamHead("hevc" if sent.form.codec == "hevc" else "h264", sets), sent.ring)
