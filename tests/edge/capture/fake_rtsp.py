"""A camera that answers every viewer with one canned reply: for faults no real server can be made to show."""

from __future__ import annotations

import socket
import socketserver
import threading
from typing import Literal

Fault = Literal["unauthorized", "not_found", "no_video", "mjpeg", "not_rtsp", "stall"]

_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
_MJPEG = _SDP + "m=video 0 RTP/AVP 26\r\na=control:track1\r\n"
_METHODS = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"


class FaultyCamera:
    """Listens on ``port`` of loopback while used as a context manager."""

    def __init__(self, fault: Fault) -> None:
        camera = self
        self.fault = fault
        self._stop = threading.Event()

        class Viewer(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.connection.settimeout(0.2)
                camera.answer(self.connection)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = False
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Viewer)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> FaultyCamera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, connection: socket.socket) -> None:
        waiting = b""
        while not self._stop.is_set():
            try:
                read = connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if not read:
                return
            waiting += read
            while b"\r\n\r\n" in waiting:
                request, waiting = waiting.split(b"\r\n\r\n", 1)
                reply = self._reply(request.decode(errors="replace"))
                if reply:
                    connection.sendall(reply.encode())
                if self.fault == "not_rtsp":
                    return

    def _reply(self, request: str) -> str:
        if self.fault == "stall":
            return ""
        if self.fault == "not_rtsp":
            return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        sequence = next((line for line in request.split("\r\n") if line.lower().startswith("cseq")), "CSeq: 0")
        if request.startswith("OPTIONS"):
            return f"RTSP/1.0 200 OK\r\n{sequence}\r\n{_METHODS}\r\n"
        if self.fault == "unauthorized":
            return f'RTSP/1.0 401 Unauthorized\r\n{sequence}\r\nWWW-Authenticate: Basic realm="camera"\r\n\r\n'
        if self.fault == "not_found":
            return f"RTSP/1.0 404 Not Found\r\n{sequence}\r\n\r\n"
        if request.startswith("SETUP"):
            transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
            return f"RTSP/1.0 200 OK\r\n{sequence}\r\nSession: 1\r\n{transport}\r\n\r\n"
        if request.startswith("DESCRIBE"):
            body = _MJPEG if self.fault == "mjpeg" else _SDP
            kind = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}"
            return f"RTSP/1.0 200 OK\r\n{sequence}\r\n{kind}\r\n\r\n{body}"
        return f"RTSP/1.0 200 OK\r\n{sequence}\r\nSession: 1\r\n\r\n"
