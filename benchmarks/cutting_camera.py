"""A camera that hangs up: RTSP over TCP, one clip's packets at once to whoever asks, then the line is cut.

    python -m benchmarks.cutting_camera CLIP PORT

It shows what a thousand reconnects leave behind in a few minutes; a real camera would take hours.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
from pathlib import Path

from benchmarks.rtp import CLOCK, description, nal_units, payloads, reply

_FRAMES = 8


def rtp_stream(frames: list[list[bytes]], fps: int = 25) -> bytes:
    """RTP packets, each framed for RTSP's own connection."""
    parts, sequence = bytearray(), 0
    for number, units in enumerate(frames):
        cut = [payload for unit in units for payload in payloads(unit)]
        for index, payload in enumerate(cut):
            marker = 0x80 if index == len(cut) - 1 else 0
            header = struct.pack(">BBHII", 0x80, 96 | marker, sequence & 0xFFFF, number * CLOCK // fps, 7)
            parts += struct.pack(">BBH", 0x24, 0, len(header) + len(payload)) + header + payload
            sequence += 1
    return bytes(parts)


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
        self.wfile.write(reply(request, self.server.description))
        if not request[0].startswith("PLAY "):
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
        self.description = description(frames[0])


def main() -> None:
    with CuttingCamera(Path(sys.argv[1]), int(sys.argv[2])) as camera:
        camera.serve_forever()


if __name__ == "__main__":
    main()
