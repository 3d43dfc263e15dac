"""Serves the clips as cameras would: RTSP over TCP on loopback, each client from the first frame, round and round.

    python -m demo.stream --folder DIR --port N --served FILE

A client asks for ``rtsp://127.0.0.1:N/<camera>.mp4?play_count=0``; without ``play_count=0`` the clip plays once.
What was sent, and when, goes to FILE (see `served`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aio_rtsp_toolkit.server import RtspServer
from aio_rtsp_toolkit.server_session import RtspServerSession

from core.contract.ids import CameraId
from demo.served import ServedLog, ServedV1

HOST = "127.0.0.1"
ENDLESS = "play_count=0"
"""Query of a stream's address that makes it start again at its end, for ever."""
_LOG_EVERY_S = 1.0


class _Session(RtspServerSession):  # type: ignore[misc]
    """A client's session that counts the frames it has sent."""

    def __init__(self, server: _Server, sock: Any) -> None:
        super().__init__(server, sock)
        self._served = server.served
        self._name = uuid.uuid4().hex[:12]
        self._frames = self._told = 0
        self._first: datetime | None = None
        self._last = self._told_at = datetime.now(UTC)

    async def _send_video_packet(self, *packet: Any) -> None:
        await super()._send_video_packet(*packet)
        self._last = datetime.now(UTC)
        self._first = self._first or self._last
        self._frames += 1
        if (self._last - self._told_at).total_seconds() >= _LOG_EVERY_S:
            self._tell()

    async def close(self) -> None:
        self._tell()
        await super().close()

    def _tell(self) -> None:
        if self._first is None or self.media_source is None or self._frames == self._told:
            return
        camera = CameraId(Path(self.media_source.file_path).stem)
        line = ServedV1(camera=camera, session=self._name, first_sent_at=self._first, frame=self._frames, at=self._last)
        self._served.write(line)
        self._told, self._told_at = self._frames, self._last


class _Server(RtspServer):  # type: ignore[misc]
    def __init__(self, folder: Path, port: int, served: ServedLog) -> None:
        super().__init__(directory=str(folder), host=HOST, port=port, session_name="Anju demo")
        self.served = served
        self.logger = logging.getLogger("demo.stream")

    async def _handle_client(self, sock: Any) -> None:
        # A client that goes away in the middle of a frame is nothing to report.
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            await _Session(self, sock).run()


async def serve(folder: Path, port: int, served: ServedLog, stopped: asyncio.Event) -> None:
    """Serve ``folder`` until ``stopped`` is set. Raises OSError when the port is taken."""
    server = _Server(folder, port, served)
    await server.start()
    try:
        await stopped.wait()
    finally:
        # Closing the server waits for its clients, who never leave of their own accord: end their sessions first.
        clients = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.close(), 3.0)


async def _run(folder: Path, port: int, log_path: Path) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    served = ServedLog(log_path)
    try:
        await serve(folder, port, served, stopped)
    finally:
        served.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.stream", description="serve the demo's clips over RTSP")
    parser.add_argument("--folder", type=Path, required=True, help="folder with the clips")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--served", type=Path, required=True, help="file to log served frames to")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"--folder {options.folder} is not a folder: render the clips first")
    logging.basicConfig(level=logging.ERROR)
    try:
        asyncio.run(_run(options.folder, options.port, options.served))
    except OSError as error:
        parser.exit(1, f"can't listen on {HOST}:{options.port}: {error}; choose another --port\n")


if __name__ == "__main__":
    main()
