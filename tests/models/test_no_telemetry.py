"""ONNX Runtime's wheels measure how they are used and send it to their maker; not from here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OPEN = "from models.store import open_body_detector; import time; open_body_detector('nanodet-g'); time.sleep(0.5)"


def test_opening_a_model_begins_no_telemetry(tmp_path: Path) -> None:
    """It would first give this machine a number and keep it, with what waits to be sent, in the user's cache."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", OPEN], env=environment, check=True, timeout=60, capture_output=True)
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in str(path).lower()]
