"""Evaluation data: measured with where it is, never shipped, never copied into the project.

``ANJU_EVAL_DATA`` names the folder; else ``shared/data`` beside the checkout is looked at.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest


def evaluation_folder(part: str) -> Path | None:
    """The folder ``part`` ("plates", "faces") of the evaluation data, or None where there is none."""
    chosen = os.environ.get("ANJU_EVAL_DATA")
    root = Path(chosen) if chosen else Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = root / part
    return folder if folder.is_dir() else None


def require_evaluation(part: str) -> Path:
    """The folder ``part``; skips the test where it is absent."""
    folder = evaluation_folder(part)
    if folder is None:
        pytest.skip(f"no evaluation data {part!r} here; name their folder in ANJU_EVAL_DATA")
    return folder


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    """The lines of a CSV table in ``folder``."""
    with (folder / table).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
