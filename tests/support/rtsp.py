"""Two kinds of cameras for tests: aio-rtsp-toolkit (clips, looping) and GStreamer's server (credentials)."""

from __future__ import annotations

import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.clips import Codec, repeat_clip
from tests.support.system import Child, free_port, missing, program

_CLIPS_SCRIPT = Path(__file__).with_name("serve_clips.py")
_GST_SCRIPT = Path(__file__).with_name("gst_rtsp.py")
_SYSTEM_PYTHON = Path("/usr/bin/python3")
_NEEDED_ELEMENTS = ("x264enc", "x265enc", "h264parse", "h265parse", "rtph264pay", "rtph265pay", "qtdemux")


class ClipServer:
    """Serves the clips of a folder. Without credentials: this server knows none."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._log = log
        self._child: Child | None = None

    def url(self, clip: str, *, loop: bool = True) -> str:
        """RTSP address of one clip; played for ever, or once and then hung up."""
        return f"rtsp://127.0.0.1:{self.port}/{clip}?play_count={0 if loop else 1}"

    def start(self) -> None:
        if self._child is None:
            command = [sys.executable, str(_CLIPS_SCRIPT), str(self._folder), str(self.port)]
            self._child = Child(command, log=self._log, port=self.port)

    def stop(self) -> None:
        """Cut every viewer off."""
        if self._child is not None:
            self._child.stop()
            self._child = None


@dataclass(frozen=True, slots=True)
class GstStream:
    """What a GStreamer server sends: a clip several times over (``clip``), or a moving ball; and to whom."""

    codec: Codec = "h264"
    clip: Path | None = None
    clip_times: int = 20
    user: str | None = None
    auth: Literal["basic", "digest"] = "digest"
    fps: int = 25


class GstServer:
    """GStreamer's RTSP server with one stream."""

    def __init__(self, stream: GstStream, folder: Path) -> None:
        self.port = free_port()
        self.stream = stream
        self.password_file = folder / "camera.password"
        self.password_file.write_text(secrets.token_urlsafe(12))
        self.password_file.chmod(0o600)
        self._folder = folder
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """RTSP address, without credentials."""
        return f"rtsp://127.0.0.1:{self.port}/stream"

    def start(self) -> None:
        if self._child is None:
            self._child = Child(self._command(), log=self._folder / "gst-rtsp.log", port=self.port)

    def stop(self) -> None:
        """Cut every viewer off."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def _command(self) -> list[str]:
        wanted = self.stream
        command = [str(_SYSTEM_PYTHON), "-I", str(_GST_SCRIPT), "--port", str(self.port), "--codec", wanted.codec]
        command += ["--fps", str(wanted.fps)]
        if wanted.clip is not None:
            looped = repeat_clip(wanted.clip, self._folder / "looped.mp4", wanted.clip_times)
            command += ["--clip", str(looped)]
        if wanted.user is not None:
            command += ["--user", wanted.user, "--password-file", str(self.password_file), "--auth", wanted.auth]
        return command


def require_gstreamer() -> None:
    """Skip or fail where the system's Python has no GStreamer RTSP server with the codecs the tests use."""
    probe = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; "
        "import sys; Gst.init(None); sys.exit(any(Gst.ElementFactory.find(n) is None for n in sys.argv[1:]))"
    )
    python = program("python3", "/usr/bin")
    found = subprocess.run([python, "-I", "-c", probe, *_NEEDED_ELEMENTS], capture_output=True, timeout=60, check=False)
    if found.returncode:
        missing("GStreamer's RTSP server with its plugins and python3-gi")
