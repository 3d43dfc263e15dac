"""Debian's Chromium for Playwright: which program, with which arguments."""

from __future__ import annotations

import os

from tests.support.system import program

_QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str:
    """The installed Chromium; skips or fails where there is none."""
    return program("chromium")


def chromium_arguments() -> list[str]:
    """Calls nobody by itself. Without its sandbox only where it runs as root, which the sandbox refuses."""
    return [*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
