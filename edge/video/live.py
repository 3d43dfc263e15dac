"""One viewer's live picture out of what a camera sends: MP4 from the newest keyframe on, as it comes."""

from __future__ import annotations

from edge.capture.packets import PacketRing, StreamPacket
from edge.video.footage import Footage
from edge.video.remux import Remuxer, RemuxError

_BEHIND_S = 5.0
"""A viewer who is farther behind goes on at the newest keyframe: live is now."""


class LiveView:
    """See `edge.video.footage.View`. Of a camera that is read in this process."""

    def __init__(self, footage: Footage) -> None:
        self._footage = footage
        self._remuxer: Remuxer | None = None
        self._shown_s = float("-inf")

    def begin(self) -> str:
        packets = self._footage.ring.from_keyframe_before(float("inf"))
        if not packets:
            raise RemuxError("no keyframe yet")
        self._remuxer = Remuxer(self._footage.head, packets[0])
        return self._remuxer.mime

    def take(self) -> bytes:
        assert self._remuxer is not None
        parts = []
        for packet in newer(self._footage.ring, self._shown_s):
            self._shown_s = packet.pts_s
            parts.append(self._remuxer.add(packet))
        return b"".join(parts)


def newer(ring: PacketRing, shown_s: float) -> tuple[StreamPacket, ...]:
    """The packets after stream time ``shown_s``; for who is far behind, or new, those from the newest keyframe on."""
    newest = ring.from_keyframe_before(float("inf"))
    if not newest or newest[0].pts_s - shown_s > _BEHIND_S:
        return newest
    run = newest if newest[0].pts_s <= shown_s else ring.from_keyframe_before(shown_s)
    return tuple(packet for packet in run if packet.pts_s > shown_s)
