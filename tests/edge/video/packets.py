"""Packets as a camera sends them: Annex B with times of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import av

from edge.capture.packets import PacketRing, StreamPacket
from tests.support.clips import Codec, encode_clip

BORN = datetime(2026, 3, 1, 8, tzinfo=UTC)
START_S = 1000.0
"""Stream time of the first packet on the monotonic clock."""


def camera_packets(folder: Path, codec: Codec = "h264", *, seconds: float = 4.0) -> list[StreamPacket]:
    """A numbered clip's packets at 25 a second, a keyframe each second; MPEG-TS carries them as RTSP does."""
    path = encode_clip(folder / f"{codec}.ts", codec, seconds=seconds)
    packets: list[StreamPacket] = []
    with av.open(str(path)) as container:
        for data in container.demux(container.streams.video[0]):
            if data.size:
                at_s = len(packets) / 25
                packets.append(
                    StreamPacket(
                        data,
                        data.is_keyframe,
                        data.size,
                        START_S + at_s,
                        START_S + at_s,
                        BORN + timedelta(seconds=at_s),
                    )
                )
    return packets


def ring_of(packets: list[StreamPacket]) -> PacketRing:
    ring = PacketRing(60.0, 50_000_000)
    for packet in packets:
        ring.add(packet)
    return ring
