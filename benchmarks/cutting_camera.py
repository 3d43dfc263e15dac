"""A camera that hangs up: RTSP over TCP, one clip's packets at once to whoever asks, then the line is cut.

    python -m benchmarks.cutting_camera CLIP PORT

It shows what a thousand reconnects leave behind in a few minutes; a real camera would take hours.
"""

from __future__ import annotations

import base64
import socket
import socketserver
import struct
import sys
from itertools import islice
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext

_MTU = 1400
_CLOCK = 90_000
_FRAMES = 8
_FU_A = 28
_METHODS = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"


def nal_units(path: Path, frames: int) -> list[list[bytes]]:
    """The NAL units of a clip's first frames (H.264), without start codes."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
        packets = (packet for packet in container.demux(stream) if packet.size)
        found = [bytes(out) for packet in islice(packets, frames) for out in annex_b.filter(packet)]
    return [[unit.rstrip(b"\0") for unit in data.split(b"\0\0\1") if unit.strip(b"\0")] for data in found]


def rtp_stream(frames: list[list[bytes]], fps: int = 25) -> bytes:
    """RTP packets (RFC 6184), each framed for RTSP's own connection (RFC 2326, 10.12)."""
    parts, sequence = bytearray(), 0
    for number, units in enumerate(frames):
        payloads = [payload for unit in units for payload in _payloads(unit)]
        for index, payload in enumerate(payloads):
            marker = 0x80 if index == len(payloads) - 1 else 0
            header = struct.pack(">BBHII", 0x80, 96 | marker, sequence & 0xFFFF, number * _CLOCK // fps, 7)
            parts += struct.pack(">BBH", 0x24, 0, len(header) + len(payload)) + header + payload
            sequence += 1
    return bytes(parts)


def _payloads(unit: bytes) -> list[bytes]:
    if len(unit) <= _MTU:
        return [unit]
    indicator, kind, body = (unit[0] & 0xE0) | _FU_A, unit[0] & 0x1F, unit[1:]
    pieces = [body[start : start + _MTU] for start in range(0, len(body), _MTU)]
    last = len(pieces) - 1
    edges = [(0x80 if index == 0 else 0) | (0x40 if index == last else 0) for index in range(len(pieces))]
    return [bytes((indicator, edge | kind)) + piece for edge, piece in zip(edges, pieces, strict=True)]


class Viewer(socketserver.StreamRequestHandler):
    """One viewer, from its first request to being cut off."""

    server: CuttingCamera

    def handle(self) -> None:
        request: list[str] = []
        for raw in self.rfile:
            line = raw.decode(errors="replace").strip()
            if line:
                request.append(line)
            elif request and self._answer(request):
                return
            else:
                request = []

    def _answer(self, request: list[str]) -> bool:
        """Reply; True when that was the last of it."""
        method = request[0].split(" ")[0]
        sequence = next((line for line in request if line.lower().startswith("cseq")), "CSeq: 0")
        extra, body = {"OPTIONS": _METHODS, "PLAY": "Session: 1"}.get(method, ""), ""
        if method == "DESCRIBE":
            body = self.server.description
            extra = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}"
        elif method == "SETUP":
            extra = "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1"
        self.wfile.write(f"RTSP/1.0 200 OK\r\n{sequence}\r\n{extra}\r\n\r\n{body}".encode())
        if method != "PLAY":
            return False
        self.wfile.write(self.server.stream)
        self.connection.shutdown(socket.SHUT_WR)
        return True


class CuttingCamera(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, clip: Path, port: int) -> None:
        super().__init__(("127.0.0.1", port), Viewer)
        frames = nal_units(clip, _FRAMES)
        self.stream = rtp_stream(frames)
        sets = ",".join(base64.b64encode(unit).decode() for unit in frames[0] if unit[0] & 0x1F in (7, 8))
        self.description = (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            f"a=rtpmap:96 H264/{_CLOCK}\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n"
            "a=control:track1\r\n"
        )


def main() -> None:
    with CuttingCamera(Path(sys.argv[1]), int(sys.argv[2])) as camera:
        camera.serve_forever()


if __name__ == "__main__":
    main()
