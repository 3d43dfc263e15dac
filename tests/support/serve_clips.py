"""Serves the clips of a folder over RTSP/TCP on loopback: ``python serve_clips.py FOLDER PORT``."""

from __future__ import annotations

import asyncio
import sys

from aio_rtsp_toolkit.server import RtspServer


def main() -> None:
    folder, port = sys.argv[1:]
    asyncio.run(RtspServer(folder, host="127.0.0.1", port=int(port)).serve_forever())


if __name__ == "__main__":
    main()
