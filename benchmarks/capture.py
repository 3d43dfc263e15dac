"""What watching a camera costs, over real RTSP: processor, memory, and the wait until somebody who comes is seen.

    python -m benchmarks.capture [--quick]

The server is a process of its own and is not counted; so is each measured side (`benchmarks.capture_side`), which
counts its own processor time. Rivals: every frame decoded and motion looked for in five a second, in one thread per
camera, which is what `benchmarks.baseline` does while nobody is there; and receiving alone, which nobody can go below.
Of what an idle camera takes, the sides are measured in turns, and medians told.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.capture_scenes import EMPTY_RUNS, FPS, GOP, WALK_RUNS, Scenes
from benchmarks.report import Row, against_limit, against_peer, write

_SERVER = Path(__file__).parents[1] / "tests" / "support" / "serve_clips.py"
_STARTS_S = 20.0
IDLE_GOAL = 5.0
"""An idle camera takes at most a fifth of the rival's."""
MEMORY_LIMIT_MB = 40.0
GROWTH_LIMIT_MB = 5.0
DELAY_LIMIT_MS = 600.0
WALK_S = (EMPTY_RUNS + WALK_RUNS) * GOP / FPS


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often. settle_s: until a stream is learnt and left alone; cameras: watched at once.

    rounds: of what an idle camera takes.
    """

    cameras: int
    rounds: int
    settle_s: float
    measure_s: float
    walk_s: float
    reconnects: int


FULL = Effort(cameras=4, rounds=3, settle_s=30.0, measure_s=25.0, walk_s=86.0, reconnects=1000)
QUICK = Effort(cameras=2, rounds=1, settle_s=30.0, measure_s=15.0, walk_s=60.0, reconnects=150)


@contextmanager
def served(command: Sequence[str]) -> Iterator[int]:
    """A server process on a free port, which is given to it last."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, *command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline_s = time.monotonic() + _STARTS_S
        while not _listens(port):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{command[0]} did not answer on port {port}")
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(0.5)
        return caller.connect_ex(("127.0.0.1", port)) == 0


def side(mode: str, urls: Sequence[str], seconds: float, settle_s: float = 5.0) -> Mapping[str, Any]:
    """What one process tells of itself. Raises RuntimeError when it fails."""
    command = [sys.executable, "-m", "benchmarks.capture_side", mode, ";".join(urls), str(seconds), str(settle_s)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        raise RuntimeError(f"{mode} failed: {done.stderr[-2000:]}")
    found: Mapping[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def idle(root: str, effort: Effort) -> list[Row | Mapping[str, Any]]:
    """Per cent of a core for a camera with nobody in front of it."""
    rounds = [_round(root, effort) for _ in range(effort.rounds)]
    ours, plain, two, receive = (median(one[number] for one in rounds) for number in range(4))
    peer = "peer: every frame decoded, motion looked for in 5 a second"
    return [
        against_peer(
            f"idle 1080p25 camera, % of a core ({peer}); rounds: {_told(rounds, 0)}, the peer {_told(rounds, 1)}",
            ours=ours,
            peer=plain,
            goal=IDLE_GOAL,
        ),
        _beside(f"idle camera with a 640x360 sub stream beside it, % of a core ({peer}, main stream only)", two, plain),
        _beside("idle 1080p25 camera, % of a core (peer: packet by packet received, nothing done)", ours, receive),
    ]


def _round(root: str, effort: Effort) -> tuple[float, float, float, float]:
    """Once each: ours, the rival, ours with a sub stream, receiving alone. Raises RuntimeError."""
    main, sub = f"{root}/empty.mp4?play_count=0", f"{root}/empty-small.mp4?play_count=0"
    ours = side("ours", [main] * effort.cameras, effort.measure_s, effort.settle_s)
    plain = side("plain", [main] * effort.cameras, effort.measure_s)["core_share"]
    two = side("ours", [f"{main},{sub}"] * effort.cameras, effort.measure_s, effort.settle_s)
    receive = side("receive", [main] * effort.cameras, effort.measure_s)["core_share"]
    for told in (ours, two):
        if set(told["watching"]) != {"packets"}:
            raise RuntimeError(f"a quiet camera was not left alone: {told}")
    return ours["core_share"], plain, two["core_share"], receive


def _told(rounds: Sequence[tuple[float, ...]], number: int) -> str:
    return ", ".join(f"{one[number]:.2f}" for one in rounds)


def _beside(what: str, ours: float, peer: float) -> Mapping[str, Any]:
    """A row without a goal."""
    figures = {"ours": ours, "peer": peer, "ratio": peer / ours}
    rounded = {name: float(f"{figure:.3g}") for name, figure in figures.items()}
    return {"what": what, **rounded, "goal": "told beside it", "met": None}


def walking(root: str, effort: Effort) -> list[Row]:
    """Memory for each camera more, and the wait for the first picture, with somebody walking up every half minute.

    Raises RuntimeError where not everybody was seen.
    """
    url = f"{root}/walk.mp4?play_count=0"
    # Beside each other: neither their memory nor a wait of half a second is changed by it.
    with ThreadPoolExecutor(2) as together:
        cameras = ([url], [url] * effort.cameras)
        one, many = together.map(lambda urls: side("ours", urls, effort.walk_s, effort.settle_s), cameras)
    more_mb = (many["rss_mb"] - one["rss_mb"]) / (effort.cameras - 1)
    delays_ms = sorted([*one["delays_ms"], *many["delays_ms"]])
    walks = (effort.cameras + 1) * int(effort.walk_s / WALK_S)
    if len(delays_ms) < walks:
        raise RuntimeError(f"of {walks} who came {len(delays_ms)} were seen: {many}")
    return [
        against_limit("memory for each camera more, somebody walking in each, MB", ours=more_mb, limit=MEMORY_LIMIT_MB),
        against_limit(
            f"first moving frame made to first picture in hand, ms, median of {len(delays_ms)}",
            ours=median(delays_ms),
            limit=DELAY_LIMIT_MS,
        ),
        against_limit(
            "first moving frame made to first picture in hand, ms, longest",
            ours=delays_ms[-1],
            limit=2 * DELAY_LIMIT_MS,
        ),
    ]


def reconnects(folder: Path, effort: Effort) -> list[Row]:
    """What a camera leaves behind that hangs up again and again."""
    clip = folder / "walk-small.mp4"
    with served(["-m", "benchmarks.cutting_camera", str(clip)]) as port:
        told = side("reconnect", [f"rtsp://127.0.0.1:{port}/stream"], effort.reconnects)
    grown_mb = max(0.1, told["rss_late_mb"] - told["rss_early_mb"])
    what = f"memory after {told['connections']} connections, MB more than after 50"
    return [against_limit(what, ours=grown_mb, limit=GROWTH_LIMIT_MB)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    effort = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Scenes(folder).record()
        rows: list[Row | Mapping[str, Any]] = []
        with served([str(_SERVER), str(folder)]) as port:
            root = f"rtsp://127.0.0.1:{port}"
            rows += idle(root, effort)
            rows += walking(root, effort)
        rows += reconnects(folder, effort)
    write("capture", rows, quick=quick)


if __name__ == "__main__":
    main()
