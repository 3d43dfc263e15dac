"""The three ways a model file comes to us: an address, a member of a package, a member of a zip file.

Each function writes one file and raises SourceError with one line of why when it can't. What arrives is not trusted:
the caller compares its sha256, and nothing here reads more than the announced size.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from models.errors import SourceError
from models.manifest import WheelSource

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
ATTEMPTS = 3
"""Tries of one address; each goes on where the last one stopped."""
WHEEL_TIMEOUT_S = 900.0
MAX_REDIRECTS = 5
_BLOCK = 1 << 18
_PIP_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)$", re.MULTILINE)

Progress = Callable[[int, int], None]
"""Told (bytes so far, bytes in all); in all is 0 while unknown."""


class UnreachableError(SourceError):
    """Nobody answers there; asking again for the next file would only cost another timeout."""


def timeouts() -> httpx.Timeout:
    return httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)


def download(client: httpx.Client, url: str, part: Path, size: int, progress: Progress, *, exact: bool = True) -> None:
    """Load ``url`` into ``part``, going on after the bytes that are already there.

    size: what the whole file has, or with ``exact`` False the most it may have; more is never written.
    Raises SourceError; OSError when writing fails.
    """
    for attempt in range(ATTEMPTS):
        have = part.stat().st_size if part.exists() else 0
        if have == size:
            progress(size, size)
            return
        try:
            done = _download_rest(client, url, part, size, progress)
            if exact and done < size:
                raise httpx.ReadError(f"{done} of {size} bytes")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            raise UnreachableError(f"{_host(url)}: can't be reached ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            if attempt == ATTEMPTS - 1:
                raise SourceError(f"{_host(url)}: broke off ({type(error).__name__})") from error


def _download_rest(client: httpx.Client, url: str, part: Path, size: int, progress: Progress) -> int:
    """Bytes that are there now."""
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        part.unlink()
        have = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code not in {200, 206}:
            raise SourceError(f"{_host(url)}: answered {response.status_code}")
        resumed = response.status_code == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise SourceError(f"{_host(url)}: sent another part than asked for")
        done = have if resumed else 0
        with part.open("ab" if resumed else "wb") as stream:
            for block in response.iter_raw():
                done += len(block)
                if done > size:
                    raise SourceError(f"{_host(url)}: sends more than the {size} bytes of the file")
                stream.write(block)
                progress(done, size)
    return done


def _host(url: str) -> str:
    return urlsplit(url).hostname or "?"


def fetch_wheel(source: WheelSource, folder: Path, progress: Progress) -> Path:
    """Load the package of ``source`` into ``folder`` with pip, as this machine is configured for it (mirrors too).

    Nothing of the package is installed or run. Raises SourceError.
    """
    if found := find_wheel(source, folder):
        return found
    wanted = f"package {source.package} {source.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "raw" if _pip_tells_bytes() else "off"]
    command += ["--dest", str(folder), f"{source.package}=={source.version}"]
    log = folder / "pip.log"
    progress(0, 0)
    returned = _run_pip(command, log, progress)
    if returned is None:
        raise UnreachableError(f"{wanted}: not loaded within {WHEEL_TIMEOUT_S:.0f} s")
    if returned != 0:
        raise UnreachableError(f"{wanted}: {_complaint(log.read_text(encoding='utf-8', errors='replace'))}")
    if found := find_wheel(source, folder):
        return found
    raise SourceError(f"{wanted}: pip loaded something else than a wheel")


def _run_pip(command: list[str], log: Path, progress: Progress) -> int | None:
    """Exit status of ``command``, or None when it had to be ended for taking too long."""
    deadline = time.monotonic() + WHEEL_TIMEOUT_S
    with log.open("wb") as said, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as pip:
        while pip.poll() is None:
            if time.monotonic() > deadline:
                pip.kill()
                return None
            time.sleep(0.1)
            told = _PIP_PROGRESS.findall(log.read_text(encoding="utf-8", errors="replace"))
            if told:
                progress(int(told[-1][0]), int(told[-1][1]))
        return pip.returncode


def _complaint(log: str) -> str:
    """The line of pip's output that says what was wrong."""
    if "No module named pip" in log:
        return "this Python has no pip; install it, or use --from FOLDER"
    errors = [line.removeprefix("ERROR: ") for line in log.splitlines() if line.startswith("ERROR: ")]
    return errors[-1][:200] if errors else "pip failed without saying why"


def _pip_tells_bytes() -> bool:
    """Whether this pip knows ``--progress-bar raw`` (24.1 and later)."""
    try:
        major, minor = importlib.metadata.version("pip").split(".")[:2]
        return (int(major), int(minor)) >= (24, 1)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False


def find_wheel(source: WheelSource, folder: Path) -> Path | None:
    """The wheel of ``source`` in ``folder``, whatever its tags."""
    stem = re.sub(r"[-_.]+", "_", source.package)
    found = sorted(folder.glob(f"{stem}-{source.version}-*.whl"))
    return found[0] if found else None


def extract_member(archive: Path, member: str, size: int, target: Path) -> None:
    """Write ``member`` of a zip file to ``target``; nothing else of it is read.

    Raises SourceError when it isn't there, is damaged or hasn't ``size`` bytes; OSError when writing fails.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            announced = opened.getinfo(member).file_size
            if announced != size:
                raise SourceError(f"{archive.name}: {member} has {announced} bytes, not {size}")
            with opened.open(member) as stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out, _BLOCK)
    except KeyError:
        raise SourceError(f"{archive.name}: has no member {member}") from None
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise SourceError(f"{archive.name}: is damaged ({error})") from error
