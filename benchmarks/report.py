"""Results of benchmarks: one JSON file each in `results/`, and `README.md` made of all of them.

python -m benchmarks.report     makes benchmarks/README.md anew
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import faiss
import numpy as np
import onnxruntime
from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"
LIBRARIES = {"onnxruntime": onnxruntime, "OpenCV": cv2, "FAISS": faiss, "NumPy": np, "PyAV": av}
_KEYS = ("what", "ours", "peer", "ratio", "goal", "met")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its rival or limit.

    what: the figure, its unit, and who the peer is; ours, peer: in that unit (ours None where nothing came to be
    measured, peer None where a limit is kept); ratio: how many times better than the peer, or than the limit, None
    where there is nothing to compare with;
    goal: in words; met: whether it is reached, None where there is no goal.
    """

    what: str
    ours: float | None
    peer: float | None
    ratio: float | None
    goal: str
    met: bool | None


def against_peer(what: str, *, ours: float, peer: float, goal: float, lower_is_better: bool = True) -> Row:
    """A figure that should be ``goal`` times better than a named peer's."""
    ratio = peer / ours if lower_is_better else ours / peer
    return Row(
        what, _rounded(ours), _rounded(peer), _rounded(ratio), f"at least {goal:g} times the peer", ratio >= goal
    )


def against_limit(what: str, *, ours: float, limit: float, lower_is_better: bool = True) -> Row:
    """A figure that has a limit and no peer."""
    ratio = limit / ours if lower_is_better else ours / limit
    goal = f"at {'most' if lower_is_better else 'least'} {limit:g}"
    return Row(what, _rounded(ours), None, _rounded(ratio), goal, ratio >= 1)


def write(name: str, rows: Sequence[Row | Mapping[str, Any]], *, quick: bool) -> Path:
    """Write ``results/<name>.json``, print the table, and make the README anew.

    quick: what was measured on less than all; it goes to ``results/quick`` instead, and into no README.
    Rows may be mappings with exactly the keys of `Row`. Raises ValueError for others.
    """
    plain = [_plain(row) for row in rows]
    folder = RESULTS / "quick" if quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    text = json.dumps({"machine": machine(), "rows": plain}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    _print(f"{name}, quick run" if quick else name, plain)
    if not quick:
        (FOLDER / "README.md").write_text(readme(RESULTS), encoding="utf-8")
    return path


def machine() -> str:
    """What it was measured on: processor, cores, memory, how busy (load of the last minute, ours too), libraries."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    except OSError:
        names = []
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = [f"{name} {module.__version__}" for name, module in LIBRARIES.items()]
    parts = [
        names[0] if names else platform.machine(),
        f"{os.cpu_count()} cores",
        f"{memory:.0f} GiB",
        f"load {os.getloadavg()[0]:.1f}",
        f"Python {platform.python_version()}",
        *libraries,
    ]
    return ", ".join(parts)


def readme(results: Path) -> str:
    """Text of `README.md`: every table of ``results``, ratio first."""
    parts = [
        "# Benchmarks\n",
        "Made from `results/*.json` by `python -m benchmarks.report`; each table by `python -m benchmarks.<name>`\n"
        "(`--quick` measures less, and leaves this page alone).\n"
        "Ratio: how many times better than the named peer, or than the limit. Steps and idle cameras: both sides take "
        "turns, medians.\nRuns of minutes (cameras, endurance) are made once a side, shares of people and plates are "
        "counted once.\nWhere the load is above the number of cores the machine was busy with something else: trust "
        "the ratios, not the milliseconds.\n",
    ]
    for path in sorted(results.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        parts.append(f"## {path.stem}\n")
        parts.append(f"{found['machine']}\n")
        lines = ["| ratio | what | ours | peer | goal | met |", "|---:|---|---:|---:|---|---|"]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |" for row in found["rows"]]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _plain(row: Row | Mapping[str, Any]) -> dict[str, Any]:
    plain = asdict(row) if isinstance(row, Row) else dict(row)
    if set(plain) != set(_KEYS):
        raise ValueError(f"a row has the keys {', '.join(_KEYS)}, not {', '.join(plain)}")
    return {key: plain[key] for key in _KEYS}


def _cells(row: Mapping[str, Any]) -> list[str]:
    met = {True: "yes", False: "**no**", None: "–"}[row["met"]]
    return [
        _number(row["ratio"]),
        str(row["what"]),
        _number(row["ours"]),
        _number(row["peer"]),
        _number(row["goal"]),
        met,
    ]


def _number(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _rounded(value: float) -> float:
    """Three significant digits: more would claim more than was measured."""
    return float(f"{value:.3g}")


def _print(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table("ratio", "what", "ours", "peer", "goal", "met", title=f"{name}: {machine()}")
    for row in rows:
        table.add_row(*_cells(row))
    Console().print(table)


def main() -> None:
    """Make `README.md` anew."""
    (FOLDER / "README.md").write_text(readme(RESULTS), encoding="utf-8")


if __name__ == "__main__":
    main()
