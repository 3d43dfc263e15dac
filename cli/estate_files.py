"""Which files an estate's file names that somebody has to put there, and which processes need them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.contract.config_file import LoadedConfig

_WRITE = "write the password into it, then: chmod 600 {}"
_COPY = "put it there, readable by the user Anju runs as"
_FROM_CORE = "made at the core's first start; copy it from there"


@dataclass(frozen=True, slots=True)
class NamedFile:
    """setting: where it is named; needed_by: the process that reads it; secret: its owner's alone."""

    setting: str
    path: Path
    needed_by: str
    remedy: str
    secret: bool


def named_files(loaded: LoadedConfig) -> Iterator[NamedFile]:
    """Every file that Anju does not make by itself where it is needed."""
    config = loaded.config
    if config.broker.tls_ca_file is not None:
        yield _plain(loaded, "broker.tls_ca_file", config.broker.tls_ca_file, "core and edges")
    if not config.broker.embedded:
        yield _secret(loaded, "core.broker_login", config.core.broker_login.password_file, "core")
    if config.database.password_file is not None:
        yield _secret(loaded, "database.password_file", config.database.password_file, "core and pages")
    for edge in config.edges:
        place = f"edge {edge.id}"
        if not config.broker.embedded:
            yield _secret(loaded, f"broker_login of {place}", edge.broker_login.password_file, place)
        yield _plain(loaded, f"core_public_key_file of {place}", edge.core_public_key_file, place, _FROM_CORE)
        for setting in ("enrol_tls_cert_file", "enrol_tls_key_file", "calibration_file"):
            path: Path | None = getattr(edge, setting)
            if path is not None:
                yield _plain(loaded, f"{setting} of {place}", path, place)
    for camera in config.cameras:
        if camera.password_file is not None:
            yield _secret(loaded, f"password_file of camera {camera.id}", camera.password_file, f"edge {camera.edge}")


def _secret(loaded: LoadedConfig, setting: str, named: Path, needed_by: str) -> NamedFile:
    path = loaded.file(named)
    return NamedFile(setting, path, needed_by, _WRITE.format(path), secret=True)


def _plain(loaded: LoadedConfig, setting: str, named: Path, needed_by: str, remedy: str = _COPY) -> NamedFile:
    return NamedFile(setting, loaded.file(named), needed_by, remedy, secret=setting.startswith("enrol_tls_key_file"))
