"""What a process of cameras may reach: files of the system, of Python, models; a few of the edge's; its cameras."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from core.contract.config import CameraConfig, EdgeConfig
from core.contract.config_file import LoadedConfig
from models.directory import ModelDirectory

_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys",
    "/sys",
    "/dev/null",
    "/dev/zero",
    "/dev/urandom",
    "/dev/dri",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/localtime",
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/OpenCL",
)
_GRAPHICS_CARDS = "nvidia*"
_PORTS = {"rtsp": 554, "rtsps": 322}
_ITSELF = Path("/proc/self")
"""Found when it is opened: by the process that is confined. What others of this user run with is not its business."""


def readable(loaded: LoadedConfig, edge: EdgeConfig, cameras: Iterable[CameraConfig]) -> tuple[Path, ...]:
    """Files and folders that exist; of ``state_dir``, wherever it lies, only what is named here singly.

    cameras: with their password files found (`edge.settings.own_cameras`).
    """
    cards = [str(one) for one in Path("/dev").glob(_GRAPHICS_CARDS)]
    python: list[str] = [sys.prefix, sys.base_prefix, *(one or "." for one in sys.path)]
    folders = dict.fromkeys(one.resolve() for one in map(Path, (*_SYSTEM, *cards, *python, str(ModelDirectory().root))))
    hidden = loaded.state_dir.resolve()
    named = [loaded.file(edge.core_public_key_file)]
    named += [] if edge.calibration_file is None else [loaded.file(edge.calibration_file)]
    named += [camera.password_file for camera in cameras if camera.password_file is not None]
    found = [one for folder in folders if folder.exists() for one in _without(folder, hidden)]
    return (_ITSELF, *found, *(one.resolve() for one in named if one.exists()))


def ports(cameras: Iterable[CameraConfig]) -> tuple[int, ...]:
    """Those that ``cameras`` listen at: no others need be reached."""
    urls = [urlsplit(url) for camera in cameras for url in (camera.url, camera.sub_url) if url is not None]
    return tuple(sorted({url.port or _PORTS[url.scheme] for url in urls}))


def _without(path: Path, hidden: Path) -> Iterator[Path]:
    """``path``, or where ``hidden`` lies in it, everything in it but that."""
    if path == hidden or hidden in path.parents:
        return
    if path not in hidden.parents:
        yield path
        return
    for one in sorted(path.iterdir()):
        if not one.is_symlink():
            yield from _without(one, hidden)
