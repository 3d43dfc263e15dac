"""Many cameras in one process that take almost nothing: clips cut into RTP packets beforehand, sent frame by frame.

    python -m benchmarks.paced_cameras --folder DIR --port N --served FILE

``rtsp://127.0.0.1:N/<clip>.mp4?from=0.25`` plays a clip of the folder for ever, first from a quarter of it on (from
the run of frames that begins there), 25 frames a second. What was sent, and when, goes to FILE (`demo.served`); a
session is called ``<name>@<its first frame>``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.rtp import CLOCK, description, nal_units, payloads, reply
from core.contract.ids import CameraId
from demo.script import FPS, GOP
from demo.served import ServedLog, ServedV1

_HOST = "127.0.0.1"
_CHANGING = struct.Struct(">HI")
"""Sequence number and time, the only parts of a packet's header that differ from one loop to the next."""
_CHANGING_AT = 2
_SOURCE = 7
_FIRST_TIME = CLOCK
"""A stream whose times begin at 0 has none for its first frame, to FFmpeg."""
_LONGEST_REQUEST = 8192


@dataclass(frozen=True, slots=True)
class Reel:
    """A clip cut into packets. frames: the bytes of each; changing: where in them the `_CHANGING` parts are."""

    description: str
    frames: tuple[bytes, ...]
    changing: tuple[tuple[int, ...], ...]


def cut(units_of: list[list[bytes]]) -> Reel:
    """A clip's frames, as NAL units each, as packets."""
    frames: list[bytes] = []
    changing: list[tuple[int, ...]] = []
    for units in units_of:
        packed, places = bytearray(), []
        pieces = [piece for unit in units for piece in payloads(unit)]
        for number, piece in enumerate(pieces, 1):
            marker = 0x80 if number == len(pieces) else 0
            packed += struct.pack(">BBH", 0x24, 0, 12 + len(piece))
            places.append(len(packed) + _CHANGING_AT)
            packed += struct.pack(">BBHII", 0x80, 96 | marker, 0, 0, _SOURCE) + piece
        frames.append(bytes(packed))
        changing.append(tuple(places))
    return Reel(description(units_of[0]), tuple(frames), tuple(changing))


def first_frame(reel: Reel, share: float) -> int:
    """Where ``share`` of a clip is over, at the beginning of a run of frames."""
    return round(share * len(reel.frames) / GOP) * GOP % len(reel.frames)


class Shelf:
    """The reels of a folder's clips, each cut once: several cameras may show one clip, by names of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_inode: dict[int, Reel] = {}

    def reel(self, name: str) -> Reel:
        """Raises OSError when there is no such clip."""
        path = self._folder / name
        inode = path.stat().st_ino
        if inode not in self._by_inode:
            self._by_inode[inode] = cut(nal_units(path))
        return self._by_inode[inode]


class Session:
    """One client, from its first request to its going away."""

    def __init__(self, shelf: Shelf, served: ServedLog, writer: asyncio.StreamWriter) -> None:
        self._shelf, self._served, self._writer = shelf, served, writer
        self._playing: asyncio.Task[None] | None = None

    async def run(self, reader: asyncio.StreamReader) -> None:
        request: list[str] = []
        try:
            async for raw in reader:
                line = raw.decode(errors="replace").strip()
                if line:
                    request.append(line)
                elif request:
                    self._answer(request)
                    request = []
        except ConnectionError:
            pass
        finally:
            if self._playing is not None:
                self._playing.cancel()
            self._writer.close()

    def _answer(self, request: list[str]) -> None:
        method, url = request[0].split(" ")[:2]
        asked = urlsplit(url)
        name = asked.path.split("/")[1]
        reel = self._shelf.reel(name)
        self._writer.write(reply(request, reel.description))
        if method == "PLAY" and self._playing is None:
            share = float(parse_qs(asked.query).get("from", ["0"])[0].split("/")[0])
            self._playing = asyncio.create_task(self._play(reel, CameraId(Path(name).stem), first_frame(reel, share)))

    async def _play(self, reel: Reel, camera: CameraId, first: int) -> None:
        name, sequence = f"{uuid.uuid4().hex[:12]}@{first}", 0
        began_s, began_at = asyncio.get_running_loop().time(), datetime.now(UTC)
        with contextlib.suppress(ConnectionError):
            for number in itertools.count():
                await asyncio.sleep(max(0.0, began_s + number / FPS - asyncio.get_running_loop().time()))
                at = (first + number) % len(reel.frames)
                frame, stamp = bytearray(reel.frames[at]), _FIRST_TIME + number * CLOCK // FPS & 0xFFFFFFFF
                for place in reel.changing[at]:
                    _CHANGING.pack_into(frame, place, sequence, stamp)
                    sequence = sequence + 1 & 0xFFFF
                self._writer.write(frame)
                await self._writer.drain()
                if number % FPS == 0:
                    self._tell(camera, name, began_at, number + 1)

    def _tell(self, camera: CameraId, name: str, began_at: datetime, sent: int) -> None:
        now = datetime.now(UTC)
        self._served.write(ServedV1(camera=camera, session=name, first_sent_at=began_at, frame=sent, at=now))


async def serve(folder: Path, port: int, log: Path) -> None:
    """Serve for as long as the process lives. Raises OSError when the port is taken."""
    served, shelf = ServedLog(log), Shelf(folder)

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Session(shelf, served, writer).run(reader)

    server = await asyncio.start_server(met, _HOST, port, limit=_LONGEST_REQUEST)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served", type=Path, required=True)
    asked = parser.parse_args()
    # A camera has a processor of its own; where there is just one machine, cameras at least go first.
    with contextlib.suppress(PermissionError):
        os.nice(-5)
    asyncio.run(serve(asked.folder, asked.port, asked.served))


if __name__ == "__main__":
    main()
