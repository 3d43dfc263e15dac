"""What of the estate's file concerns one edge."""

from __future__ import annotations

from core.contract.config import CameraConfig, Door, EdgeConfig, FaceGate, PlateLane
from core.contract.config_file import ConfigError, LoadedConfig, Problem
from core.contract.ids import EdgeId


def edge_settings(loaded: LoadedConfig, edge: EdgeId) -> EdgeConfig:
    """The edge's part of the configuration. Raises ConfigError for an edge it does not name."""
    try:
        return loaded.config.edge(edge)
    except KeyError:
        known = ", ".join(one.id for one in loaded.config.edges) or "none"
        raise ConfigError(loaded.path, [Problem("edges", None, f"no edge {edge!r} (known: {known})")]) from None


def own_cameras(loaded: LoadedConfig, edge: EdgeId) -> tuple[CameraConfig, ...]:
    """This edge's cameras, their password files found."""
    return tuple(
        camera
        if camera.password_file is None
        else camera.model_copy(update={"password_file": loaded.file(camera.password_file)})
        for camera in loaded.config.cameras
        if camera.edge == edge
    )


def own_checkpoints(loaded: LoadedConfig, edge: EdgeId) -> tuple[FaceGate | Door | PlateLane, ...]:
    """The checkpoints this edge decides at."""
    return tuple(one for one in loaded.config.checkpoints if loaded.config.edge_of(one.id) == edge)
