"""H.264 clips as RTP packets (RFC 6184), framed for RTSP's own connection (RFC 2326, 10.12), and their description."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext

CLOCK = 90_000
_MTU = 1400
_FU_A = 28


def nal_units(path: Path, frames: int | None = None) -> list[list[bytes]]:
    """The NAL units of a clip's frames (of the first ``frames``), without start codes."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
        packets = (packet for packet in container.demux(stream) if packet.size)
        found = [bytes(out) for packet in islice(packets, frames) for out in annex_b.filter(packet)]
    return [[unit.rstrip(b"\0") for unit in data.split(b"\0\0\1") if unit.strip(b"\0")] for data in found]


def payloads(unit: bytes) -> list[bytes]:
    """A NAL unit as it is, or in fragments where it is too large for a packet."""
    if len(unit) <= _MTU:
        return [unit]
    indicator, kind, body = (unit[0] & 0xE0) | _FU_A, unit[0] & 0x1F, unit[1:]
    pieces = [body[start : start + _MTU] for start in range(0, len(body), _MTU)]
    last = len(pieces) - 1
    edges = [(0x80 if index == 0 else 0) | (0x40 if index == last else 0) for index in range(len(pieces))]
    return [bytes((indicator, edge | kind)) + piece for edge, piece in zip(edges, pieces, strict=True)]


def description(first_frame: Sequence[bytes]) -> str:
    """SDP of a stream that begins with these NAL units, its parameter sets among them."""
    sets = ",".join(base64.b64encode(unit).decode() for unit in first_frame if unit[0] & 0x1F in (7, 8))
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
        f"a=rtpmap:96 H264/{CLOCK}\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n"
        "a=control:track1\r\n"
    )


def reply(request: Sequence[str], described: str) -> bytes:
    """The answer to an RTSP request (its lines) of a client that wants the stream on this connection."""
    method = request[0].split(" ")[0]
    sequence = next((line for line in request if line.lower().startswith("cseq")), "CSeq: 0")
    extra, body = "Session: 1", ""
    if method == "OPTIONS":
        extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"
    elif method == "DESCRIBE":
        extra, body = f"Content-Type: application/sdp\r\nContent-Length: {len(described)}", described
    elif method == "SETUP":
        extra = "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1"
    return f"RTSP/1.0 200 OK\r\n{sequence}\r\n{extra}\r\n\r\n{body}".encode()
