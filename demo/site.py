"""One run's own place: a fresh state folder, a configuration with free ports, and what is cached between runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from core.keys import load_or_create_signing_key, public_key_path
from demo.processes import free_port

CONFIG = Path(__file__).parent.parent / "configs" / "demo.yaml"


def cache_folder() -> Path:
    """Where clips and the demo's signing key are kept between runs: ``ANJU_DEMO_CACHE``, or the user's cache."""
    return Path(os.environ.get("ANJU_DEMO_CACHE") or Path.home() / ".cache" / "anju" / "demo")


@dataclass(frozen=True, slots=True)
class Site:
    """A prepared place. Everything in ``folder`` belongs to this run alone."""

    folder: Path
    config: Path
    state_dir: Path
    logs: Path
    served: Path
    broker_port: int
    api_port: int
    rtsp_port: int
    enrol_port: int
    edge: str

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def anju(self, *arguments: str) -> list[str]:
        """Command line of an ``anju`` sub-command of this very installation."""
        return [sys.executable, "-m", "cli", *arguments]

    def forget(self) -> None:
        """Delete the run's database, templates and keys; the logs stay, they hold nothing personal."""
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def remove(self) -> None:
        """Delete everything of the run."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def one_at_a_time(cache: Path) -> Iterator[None]:
    """Two demos that start together would choose the same free ports: the second waits until the first has them."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (cache / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(cache: Path) -> Site:
    """A fresh place with the demo's configuration; other ports only where the usual ones are taken.

    The signing key comes from the cache: the passes in the clips were signed with it.
    """
    folder = Path(tempfile.mkdtemp(prefix="anju-demo-"))
    state_dir, logs = folder / "state", folder / "logs"
    for place in (state_dir, logs):
        place.mkdir(mode=0o700)
    content = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    ports = _move_ports(content)
    content["state_dir"] = str(state_dir)
    config = folder / "demo.yaml"
    config.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    _install_signing_key(cache, state_dir / content["core"].get("signing_key_file", "core-signing.key"))
    return Site(
        folder=folder,
        config=config,
        state_dir=state_dir,
        logs=logs,
        served=folder / "served.jsonl",
        broker_port=ports["broker"],
        api_port=ports["api"],
        rtsp_port=ports["rtsp"],
        enrol_port=ports["enrol"],
        edge=content["edges"][0]["id"],
    )


def _move_ports(content: dict[str, Any]) -> Mapping[str, int]:
    """Put free ports into the configuration; the usual ones where nobody has them."""
    usual_rtsp = urlsplit(content["cameras"][0]["url"]).port or 554
    ports = {
        "broker": free_port(content["broker"]["port"]),
        "api": free_port(content["api"]["port"]),
        "enrol": free_port(content["edges"][0]["enrol_port"]),
        "rtsp": free_port(usual_rtsp),
    }
    content["broker"]["port"] = ports["broker"]
    content["api"]["port"] = ports["api"]
    content["edges"][0]["enrol_port"] = ports["enrol"]
    for camera in content["cameras"]:
        camera["url"] = camera["url"].replace(f":{usual_rtsp}/", f":{ports['rtsp']}/")
    return ports


def _install_signing_key(cache: Path, target: Path) -> None:
    kept = cache / "signing.key"
    load_or_create_signing_key(kept)
    for source, copy in ((kept, target), (public_key_path(kept), public_key_path(target))):
        shutil.copyfile(source, copy)
        copy.chmod(source.stat().st_mode & 0o777)
