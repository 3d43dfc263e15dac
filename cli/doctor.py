"""`anju doctor`: what is missing on this machine, whether it matters, and how to get it."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.pages.render import MissingVendorError, check_vendor
from cli.estate_files import named_files
from cli.estate_models import chosen, model_problems
from cli.output import FAILED
from core.clock.judge import RELEASED_AT
from core.contract.config_file import ConfigError, LoadedConfig, load_config
from models.directory import ModelDirectory, State
from models.errors import ModelError
from models.manifest import load_manifest

OLDEST_PYTHON = (3, 11)
NEEDED_FREE_BYTES = 1_000_000_000
_PACKAGES = ("av", "cv2", "faiss", "onnxruntime", "insightface", "cryptography", "zxingcpp", "aiomqtt", "amqtt")
_ANYWHERE = "apt-get install "
_NAMED = "file"
_PARTS = {
    "mosquitto": ("a broker for an estate, and for the tests", _ANYWHERE + "mosquitto"),
    "postgres": ("the database of a large estate, and of the tests", _ANYWHERE + "postgresql"),
    "chromium": ("the tests of the pages", _ANYWHERE + "chromium"),
    "ffmpeg": ("looking at a camera's stream by hand", _ANYWHERE + "ffmpeg"),
}


class Finding(StrEnum):
    """``MISSING`` keeps Anju from running; ``NOTE`` is worth knowing and keeps it from nothing."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and what to do where it is not right."""

    name: str
    finding: Finding
    detail: str
    remedy: str = ""


def doctor(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Look at what this estate's file needs, too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output, for scripts.")] = False,
) -> None:
    """Say what is missing on this machine and how to get it. Exit code 1 when something that is needed is missing."""
    checks = list(examine(config))
    ok = all(check.finding is not Finding.MISSING for check in checks)
    if as_json:
        typer.echo(json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}, ensure_ascii=False, indent=1))
    else:
        for check in checks:
            remedy = f"\n{'':10}-> {check.remedy}" if check.remedy else ""
            typer.echo(f"{check.finding.value:<8}  {check.name}: {check.detail}{remedy}")
        typer.echo(summary(checks))
    if not ok:
        raise typer.Exit(FAILED)


def summary(checks: Sequence[Check]) -> str:
    """The last line."""
    if any(check.finding is Finding.MISSING for check in checks):
        return "Something that is needed is missing, see above."
    if any(check.name == _NAMED and check.finding is Finding.NOTE for check in checks):
        return "Everything every machine needs is here. The notes say what is still wanted where such a process runs."
    return "Everything that is needed is here."


def examine(config: Path | None) -> Iterator[Check]:
    """Every check, in the order a person would repair things."""
    yield check_python(sys.version_info[:3])
    yield from (check_package(name) for name in _PACKAGES)
    yield check_processor(platform.machine(), Path("/proc/cpuinfo"))
    yield check_clock(time.time())
    yield from check_models(ModelDirectory(), load_manifest().defaults)
    yield check_browser_libraries()
    yield from (check_part(name) for name in _PARTS)
    if config is None:
        yield check_space(Path.cwd(), shutil.disk_usage(Path.cwd()).free)
        return
    try:
        loaded = load_config(config)
    except ConfigError as error:
        yield Check("configuration", Finding.MISSING, str(error), f"change {config}, then: anju config check {config}")
        return
    if unknown := model_problems(loaded.config):
        yield Check("configuration", Finding.MISSING, str(ConfigError(config, unknown)), "anju models list")
        return
    yield Check("configuration", Finding.OK, f"{config} is right")
    yield from check_models(ModelDirectory(), further_models(loaded))
    yield from check_files(loaded)
    yield check_state_dir(loaded.state_dir)
    existing = next(folder for folder in (loaded.state_dir, *loaded.state_dir.parents) if folder.exists())
    yield check_space(existing, shutil.disk_usage(existing).free)
    yield from check_addresses(loaded)


def check_python(version: tuple[int, ...]) -> Check:
    text = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return Check("Python", Finding.MISSING, f"{text} is too old", "install Python 3.11 or newer")
    return Check("Python", Finding.OK, text)


def check_package(name: str) -> Check:
    """Imported, not only looked for: a package can be there and lack a library of the system."""
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:
        return Check(name, Finding.MISSING, f"can't be loaded: {error}", "make setup (or pip install anju)")
    return Check(name, Finding.OK, "can be loaded")


def check_processor(machine: str, cpuinfo: Path) -> Check:
    """Without AVX2 an x86 computer runs the models several times slower."""
    cores = len(os.sched_getaffinity(0))
    detail = f"{machine}, {cores} core{'s' if cores != 1 else ''}"
    if machine == "x86_64" and cpuinfo.is_file() and " avx2 " not in cpuinfo.read_text(errors="replace"):
        return Check("processor", Finding.NOTE, f"{detail}, no AVX2", "expect fewer cameras per box")
    return Check("processor", Finding.OK, detail)


def check_clock(now: float) -> Check:
    """``now`` in Unix seconds. A clock that is behind makes valid passes look early and certificates invalid."""
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    if now < RELEASED_AT.timestamp():
        return Check("clock", Finding.MISSING, f"shows {shown}, before Anju was made", "timedatectl set-ntp true")
    return Check("clock", Finding.OK, shown)


def further_models(loaded: LoadedConfig) -> tuple[str, ...]:
    """Names of the models the estate's edges run besides those of the default configuration."""
    named = {name: None for edge in loaded.config.edges for _, name in chosen(edge.models)}
    return tuple(name for name in named if name not in load_manifest().defaults)


def check_models(directory: ModelDirectory, names: Iterable[str]) -> Iterator[Check]:
    """Each model: fetched, and still what was fetched."""
    for model in map(load_manifest().model, names):
        remedy = f"anju models fetch {model.name}"
        try:
            wrong = [found for found in directory.verify(model) if found.state is not State.READY]
        except ModelError as error:
            yield Check(f"model {model.name}", Finding.MISSING, str(error), remedy)
            continue
        if wrong:
            yield Check(f"model {model.name}", Finding.MISSING, f"{wrong[0].file} is {wrong[0].state}", remedy)
        else:
            yield Check(f"model {model.name}", Finding.OK, f"whole, in {directory.root}")


def check_browser_libraries() -> Check:
    try:
        check_vendor()
    except MissingVendorError as error:
        return Check("browser libraries", Finding.MISSING, str(error), "make setup")
    return Check("browser libraries", Finding.OK, "where the pages load them from")


def check_part(name: str) -> Check:
    """A program Anju can do without."""
    purpose, remedy = _PARTS[name]
    hidden = ["/usr/sbin", *map(str, Path("/usr/lib").glob("postgresql/*/bin"))]
    folders = os.pathsep.join([os.environ.get("PATH", ""), *hidden])
    found = shutil.which(name, path=folders)
    if found is None:
        return Check(name, Finding.NOTE, f"not here; only for {purpose}", remedy)
    return Check(name, Finding.OK, found)


def check_space(folder: Path, free_bytes: int) -> Check:
    detail = f"{free_bytes / 1e9:.1f} GB free in {folder}"
    if free_bytes < NEEDED_FREE_BYTES:
        return Check("disk", Finding.MISSING, detail, "make room: events are kept here until the core has them")
    return Check("disk", Finding.OK, detail)


def check_state_dir(folder: Path) -> Check:
    """Its owner's alone, and writable; where it does not exist yet, it can be made."""
    if not folder.exists():
        parent = next(one for one in folder.parents if one.exists())
        if not os.access(parent, os.W_OK):
            return Check("state folder", Finding.MISSING, f"{parent} is not writable", f"create {folder}, mode 0700")
        return Check("state folder", Finding.OK, f"{folder} will be made at the first start")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("state folder", Finding.MISSING, f"{folder} is not writable", f"chown it to {_user()}")
    if folder.stat().st_mode & 0o077:
        return Check("state folder", Finding.NOTE, f"{folder} is open to others", f"chmod 700 {folder}")
    return Check("state folder", Finding.OK, str(folder))


def check_files(loaded: LoadedConfig) -> Iterator[Check]:
    """Files the estate's file names. Only notes: which of its processes this machine runs is not known."""
    for file in named_files(loaded):
        try:
            mode = file.path.stat().st_mode
        except OSError as error:
            detail = f"{file.setting}: {file.path}: {error.strerror}; needed by {file.needed_by}"
            yield Check(_NAMED, Finding.NOTE, detail, file.remedy)
            continue
        if file.secret and mode & 0o077:
            yield Check(
                _NAMED, Finding.NOTE, f"{file.setting}: {file.path} is open to others", f"chmod 600 {file.path}"
            )
        else:
            yield Check(_NAMED, Finding.OK, f"{file.setting}: {file.path}")


def _user() -> str:
    return os.environ.get("USER", "the user Anju runs as")


def check_addresses(loaded: LoadedConfig) -> Iterator[Check]:
    """Ports Anju would listen on. A taken one is only a note: it may well be Anju that is running."""
    config = loaded.config
    wanted = [("api", config.api.host, config.api.port, "api.port")]
    wanted += [(edge.id, edge.enrol_host, edge.enrol_port, f"enrol_port of edge {edge.id}") for edge in config.edges]
    if config.broker.embedded:
        wanted.append(("embedded broker", config.broker.host, config.broker.port, "broker.port"))
    for name, host, port, setting in wanted:
        problem = why_not_listen(host, port)
        if problem is None:
            yield Check(f"port of {name}", Finding.OK, f"{host}:{port} is free")
        else:
            detail = f"{host}:{port}: {problem}"
            yield Check(
                f"port of {name}", Finding.NOTE, detail, f"nothing, where Anju is running; else change {setting}"
            )


def why_not_listen(host: str, port: int) -> str | None:
    """Why nobody could listen there now, or None."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None
