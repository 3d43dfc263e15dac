"""How long people wait: the whole demo is run, and its own report gives the time from frame to gate, and to the page.

    python -m benchmarks.latency [--quick]

Four 1080p25 cameras, broker, core, pages and edge share this machine with the RTSP server that feeds them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report import Row, against_limit, write

GATE_LIMIT_MS = 300.0
"""Feature row S4: a gate opens within 300 ms."""
PAGE_LIMIT_MS = 1000.0
"""A control room should see an alert within a second."""
STEP_LIMITS_MS = {"capture": 100.0, "detect": 300.0, "embed": 100.0, "match": 5.0, "read": 150.0}
"""What each step may take of a whole pass (detect: every look of it) for the gate to be in time."""


def measure(seconds: int) -> dict[str, Any]:
    """The report of one run of the demo. Raises SystemExit with its output when the demo went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = ["demo", "--for", str(seconds), "--no-browser", "--report", str(report)]
        done = subprocess.run([sys.executable, "-m", "cli", *command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(
                f"the demo went wrong, its figures don't count:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            )
        return dict(json.loads(report.read_text(encoding="utf-8")))


def rows(report: dict[str, Any]) -> list[Row]:
    """The table: the two waits people notice, then the steps they are made of."""
    latency = report["latency_ms"]
    whole = [
        against_limit("frame received to gate command, p50, ms", ours=latency["decision"]["p50"], limit=GATE_LIMIT_MS),
        against_limit("frame received to gate command, p95, ms", ours=latency["decision"]["p95"], limit=GATE_LIMIT_MS),
        against_limit(
            "frame received to alert on the page's stream, p95, ms", ours=latency["page"]["p95"], limit=PAGE_LIMIT_MS
        ),
    ]
    steps = [
        against_limit(f"{step} of a passage, p50, ms", ours=latency[step]["p50"], limit=limit)
        for step, limit in STEP_LIMITS_MS.items()
        if step in latency
    ]
    return whole + steps


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="half a minute of the demo instead of two")
    quick = arguments.parse_args().quick
    write("latency", rows(measure(30 if quick else 120)), quick=quick)


if __name__ == "__main__":
    main()
