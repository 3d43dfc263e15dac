"""Cameras for capture tests."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from core.contract.config import CameraConfig, Name
from core.contract.ids import CameraId, EdgeId
from edge.capture.pace import Backoff
from edge.capture.stream import CameraStream

WAIT_S = 30.0

MakeCamera = Callable[..., CameraConfig]


def camera(
    url: str,
    *,
    kind: Literal["gate", "plate", "overview"] = "gate",
    user: str | None = None,
    password_file: Path | None = None,
    sub_url: str | None = None,
) -> CameraConfig:
    return CameraConfig(
        id=CameraId("cam-1"),
        edge=EdgeId("edge-1"),
        name=Name(zh="相机", en="Camera"),
        kind=kind,
        url=url,
        sub_url=sub_url,
        user=user,
        password_file=password_file,
    )


def impatient() -> Backoff:
    """Tries again at once: what is tested is that it tries."""
    return Backoff(first_s=0.05, longest_s=0.1, random=random.Random(1))


def until(what: Callable[[], bool], stream: CameraStream) -> None:
    """Wait for ``what``, or fail with what the camera says of itself."""
    deadline = time.monotonic() + WAIT_S
    while not what():
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen in {WAIT_S} s: {stream.health()} {stream.counters()}")
        time.sleep(0.02)
