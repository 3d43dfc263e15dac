"""How many cameras two cores carry, each busy a tenth of the time, and how long people wait while they do.

    python -m benchmarks.cameras [--quick] [--few N] [--more N] [--seconds S] [--fill]

Cameras are drawn scenes (`benchmarks.scenes`) over RTSP from servers of their own, whose processor time is told apart,
gates and lanes in turn, each at another place of its loop. Ours runs beside `benchmarks.baseline`, which needs the main
stream wherever it is to recognise anybody; with a sub stream ours is compared with that, and the rival's own attempt on
the small stream is told beside it, with what it misses there. ``--fill``: also run as many cameras as fill two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.camera_side import Camera, Measured, Plan, ToldLive
from benchmarks.report import Row, against_limit, against_peer, write
from benchmarks.scene_films import Kind, Place
from benchmarks.scenes import Filmed, Scene, filmed, scenes_folder
from core.contract.ids import CheckpointId
from demo.processes import Child, free_port, listens, wait_until
from demo.script import FPS
from demo.served import ServedSession, read_served
from edge.replay.score import LATE_S, Result, Score, Told, score
from edge.replay.truth import TruePass

CORES = 2
ONE_STREAM_GOAL, SUB_STREAM_GOAL = 3.5, 6.0
MEMORY_LIMIT_MB = 40.0
FACE_LIMIT_MS, PLATE_LIMIT_MS = 300.0, 500.0
IDLE_OVERVIEWS, ACTIVE_GATES = 6, 2
_PER_SERVER = 6
"""Streams one server process sends: more of them would wait for each other, not for the edge."""
_UP_S = 20.0
_PATIENCE_S = 120.0
_SUB = "-sub"
_PLACES = {Place.GATE: "north-gate", Place.LANE: "east-lane"}
Mode = Literal["ours", "rival"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a camera shows. sub: served as a second stream; decides: something is decided there."""

    clip: Filmed
    sub: bool = False
    only_sub: bool = False
    decides: bool = True


@dataclass(frozen=True, slots=True)
class Timing:
    learning_s: float
    settle_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """What one process did at its cameras, and what the servers took meanwhile."""

    shown: tuple[Shown, ...]
    measured: Measured
    server_cpu_s: float
    video_s: float
    scores: tuple[Score, ...]

    @property
    def share(self) -> float:
        """Processor time per second of a camera's video: what a server on a busy machine did not send cost nobody."""
        return self.measured.cpu_s / self.video_s

    @property
    def kept_up(self) -> float:
        """How much of what the cameras should have sent was sent, [0, 1]; below 0.98 the machine was too busy."""
        window_s = self.measured.ended - self.measured.began
        return self.video_s / (window_s * len(self.shown))

    def count(self, result: Result) -> int:
        return sum(len(one.of(result)) for one in self.scores)

    @property
    def passes(self) -> int:
        return sum(len(one.passes) for one in self.scores)

    @property
    def missed(self) -> int:
        return self.passes - self.count(Result.CAUGHT)


class Servers:
    """RTSP servers over one folder, as few as can keep up."""

    def __init__(self, folder: Path, streams: int) -> None:
        self._folder = folder
        self.served = folder / "served.jsonl"
        self._ports = [free_port(0) for _ in range(-(-streams // _PER_SERVER))]
        command = [sys.executable, "-m", "demo.stream", "--folder", str(folder), "--served", str(self.served)]
        self._children = [
            Child(f"rtsp-{port}", [*command, "--port", str(port)], folder / f"rtsp-{port}.log") for port in self._ports
        ]
        self._given = 0

    def __enter__(self) -> Servers:
        for child, port in zip(self._children, self._ports, strict=True):
            child.start()
            wait_until(child.name, functools.partial(listens, port), _UP_S, child.check)
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.stop()

    def url(self, name: str) -> str:
        """Address of a clip in the folder, played for ever; the next server's turn."""
        port = self._ports[self._given // _PER_SERVER % len(self._ports)]
        self._given += 1
        return f"rtsp://127.0.0.1:{port}/{name}.mp4?play_count=0"

    def cpu_s(self) -> float:
        """Processor time of all of them so far."""
        return sum(_cpu_of(child.pid) for child in self._children)


def run(mode: Mode, shown: Sequence[Shown], timing: Timing) -> Run:
    """One process of ``mode`` at these cameras. Raises SystemExit with its output when it went wrong."""
    with _served(shown) as (servers, cameras, folder):
        loop_s = max(one.clip.seconds for one in shown)
        # Whole loops: each camera is then as busy as its clip, wherever in it the measuring begins.
        seconds = loop_s * max(1, round(timing.seconds / loop_s))
        plan = Plan(
            mode=mode,
            cameras=cameras,
            truth=shown[0].clip.truth_file,
            stagger_s=loop_s / len(shown),
            settle_s=timing.settle_s,
            seconds=seconds,
            learning_s=timing.learning_s,
        )
        (folder / "plan.json").write_text(plan.model_dump_json(), encoding="utf-8")
        before_s = servers.cpu_s()
        limit_s = loop_s + timing.settle_s + seconds + _PATIENCE_S
        command = [sys.executable, "-m", "benchmarks.camera_side", str(folder / "plan.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{mode} at {len(shown)} cameras went wrong:\n{done.stderr[-3000:]}")
        measured = Measured.model_validate_json(done.stdout.strip().splitlines()[-1])
        server_cpu_s = (servers.cpu_s() - before_s) * seconds / (loop_s + timing.settle_s + seconds)
        sessions = read_served(servers.served)
    scores = [score_of(number, one, measured, sessions) for number, one in enumerate(shown) if one.decides]
    made = Run(tuple(shown), measured, server_cpu_s, video_s_of(sessions, measured), tuple(scores))
    told = f"{100 * made.share:.1f} % of a core each, {made.missed} of {made.passes} passes missed"
    told += f", {100 * made.kept_up:.0f} % of the video sent in time"
    print(f"{mode}, {len(shown)} cameras: {told}, {measured.rss_mb:.0f} MB, {measured.counters}", flush=True)
    return made


@contextmanager
def _served(shown: Sequence[Shown]) -> Iterator[tuple[Servers, tuple[Camera, ...], Path]]:
    """Servers with a file for each camera, so that the log of what was sent tells them apart."""
    with tempfile.TemporaryDirectory(prefix="cameras-", dir=scenes_folder()) as name:
        folder = Path(name)
        streams = sum(1 + one.sub for one in shown)
        cameras = []
        with Servers(folder, streams) as servers:
            for number, one in enumerate(shown):
                os.link(one.clip.sub if one.only_sub else one.clip.main, folder / f"cam-{number}.mp4")
                if one.sub:
                    os.link(one.clip.sub, folder / f"cam-{number}{_SUB}.mp4")
                checkpoint = CheckpointId(_PLACES[one.clip.scene.place]) if one.decides else None
                cameras.append(
                    Camera(
                        url=servers.url(f"cam-{number}"),
                        sub_url=servers.url(f"cam-{number}{_SUB}") if one.sub else None,
                        checkpoint=checkpoint,
                    )
                )
            yield servers, tuple(cameras), folder


def video_s_of(sessions: Sequence[ServedSession], measured: Measured) -> float:
    """Seconds of video that were sent while it was measured, of all cameras' watched streams together."""
    frames = sum(
        _frames_by(session, measured.ended) - _frames_by(session, measured.began)
        for session in sessions
        if not session.camera.endswith(_SUB)
    )
    return frames / FPS


def _frames_by(session: ServedSession, at: float) -> float:
    """Frames of a session sent by ``at``, seconds since 1970."""
    return float(np.interp(at, session.times, session.counts, left=0.0))


def score_of(number: int, shown: Shown, measured: Measured, sessions: Sequence[ServedSession]) -> Score:
    """What was told at camera ``number`` of the passes that were sent, whole, while it was measured."""
    began, ended = measured.began, measured.ended - LATE_S
    passes = [
        true
        for session in sessions
        if session.camera == f"cam-{number}"
        for true in _sent(shown.clip, session, measured.began)
        if true.from_s >= 0 and true.to_s <= ended - began
    ]
    last_s = max((true.to_s for true in passes), default=0.0) + LATE_S
    told = [_told(one, began, shown) for one in measured.told if one.camera == number]
    # What is told of a pass that was half in the measuring is neither for nor against anybody.
    first_s = min((true.from_s for true in passes), default=0.0)
    return score(passes, [one for one in told if first_s <= one.at_s <= last_s])


def _sent(clip: Filmed, session: ServedSession, began: float) -> Iterator[TruePass]:
    """The clip's passes, once for each loop, in seconds since ``began``."""
    frames = round(clip.seconds * FPS)
    for loop in range(session.frames // frames + 1):
        for true in clip.truth.passes:
            first, last = (session.sent_at(loop * frames + round(at_s * FPS)) for at_s in (true.from_s, true.to_s))
            if first is not None and last is not None and first >= began:
                name = f"{true.name}, loop {loop}"
                yield true.model_copy(update={"name": name, "from_s": first - began, "to_s": last - began})


def _told(one: ToldLive, began: float, shown: Shown) -> Told:
    checkpoint = CheckpointId(_PLACES[shown.clip.scene.place])
    return Told(one.at - began, checkpoint, one.credential, one.verdict, one.reason, one.subject, one.plate)


def _cpu_of(pid: int) -> float:
    """Processor time of a process so far, seconds; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Clips:
    """gate, lane: busy a tenth of the time; active: gates with somebody most of the time, and such a lane; empty."""

    gate: Filmed
    lane: Filmed
    active_gate: Filmed
    active_lane: Filmed

    def busy_a_tenth(self, cameras: int, *, sub: bool = False, only_sub: bool = False) -> list[Shown]:
        """Gates and lanes in turn."""
        return [Shown(self.lane if number % 2 else self.gate, sub, only_sub) for number in range(cameras)]

    def under_load(self, active: Filmed) -> list[Shown]:
        """Two places where somebody is, and six overview cameras."""
        overview = [Shown(self.gate, decides=False)] * IDLE_OVERVIEWS
        return [Shown(active)] * ACTIVE_GATES + overview


def draw(*, quick: bool) -> Clips:
    passes = 1 if quick else 2
    return Clips(
        gate=filmed(Scene(Place.GATE, Kind.WALK, passes=passes, busy=0.1)),
        lane=filmed(Scene(Place.LANE, Kind.WALK, passes=passes, busy=0.1)),
        active_gate=filmed(Scene(Place.GATE, Kind.WALK, passes=2 if quick else 6, busy=0.6)),
        active_lane=filmed(Scene(Place.LANE, Kind.WALK, passes=2 if quick else 6, busy=0.6)),
    )


def capacity_rows(ours: Run, sub: Run, rival: Run, rival_sub: Run) -> list[Row]:
    """How many cameras each carries on two cores."""

    def row(what: str, own: Run, goal: float) -> Row:
        made = against_peer(
            f"cameras on {CORES} cores, each busy 10 % of the time, {what}, measured at {len(own.shown)} (peer: as "
            f"Frigate does, on the main stream, measured at {len(rival.shown)}; "
            f"ours missed {own.missed} of {own.passes} passes, the peer {rival.missed} of {rival.passes}; the server's "
            f"own time, per camera, % of a core: {_server_share(own):.1f})",
            ours=CORES / own.share,
            peer=CORES / rival.share,
            goal=goal,
            lower_is_better=False,
        )
        return dataclasses.replace(made, met=made.met and own.missed == 0)

    beside = (
        f"cameras on {CORES} cores, with a sub stream (peer: as Frigate does, on the sub stream alone, where it missed "
        f"{rival_sub.missed} of {rival_sub.passes} passes)"
    )
    ratio = float(f"{rival_sub.share / sub.share:.3g}")
    carried = [float(f"{CORES / one.share:.3g}") for one in (sub, rival_sub)]
    return [
        row("one stream", ours, ONE_STREAM_GOAL),
        row("with a sub stream", sub, SUB_STREAM_GOAL),
        Row(beside, carried[0], carried[1], ratio, "no goal: it recognises less", met=True),
    ]


def _server_share(one: Run) -> float:
    window_s = one.measured.ended - one.measured.began
    return 100 * one.server_cpu_s / window_s / len(one.shown)


def missed_row(what: str, one: Run) -> Row:
    """Passes missed, of which there may be none."""
    told = f"passes missed, {what}, of {one.passes} (told and not so: {_not_so(one)})"
    return Row(told, float(one.missed), None, 1.0 if one.missed == 0 else 0.0, "none", one.missed == 0)


def _not_so(one: Run) -> int:
    return sum(len(found.extra) for found in one.scores)


def memory_row(few: Run, more: Run) -> Row:
    cameras = len(more.shown) - len(few.shown)
    further_mb = (more.measured.rss_mb - few.measured.rss_mb) / cameras
    return against_limit("memory of each further camera, MB", ours=max(0.1, further_mb), limit=MEMORY_LIMIT_MB)


def waiting_rows(faces: Run, plates: Run) -> list[Row]:
    """From the frame that decided (not the first one of the face or plate) received to the gate's command, p95."""
    what = f"with {ACTIVE_GATES} of them active and {IDLE_OVERVIEWS} overview cameras, p95, ms"
    rows = []
    for name, one, limit in (
        ("deciding frame of a face to open command", faces, FACE_LIMIT_MS),
        ("deciding frame of a plate to open command", plates, PLATE_LIMIT_MS),
    ):
        waits = sorted(told.decision_ms for told in one.measured.told if told.decision_ms is not None)
        if waits:
            p95 = waits[min(len(waits) - 1, int(0.95 * len(waits)))]
            rows.append(against_limit(f"{name}, {what} ({len(waits)} passages)", ours=p95, limit=limit))
    return rows


def main() -> None:
    """Measure, print, and write `results/cameras.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two and three cameras for one loop of a minute")
    parser.add_argument("--few", type=int, default=4, help="cameras of the rival, and of ours for memory (default: 4)")
    parser.add_argument("--more", type=int, default=10, help="cameras of ours (default: 10)")
    parser.add_argument("--seconds", type=float, default=220.0, help="measured of each run (default: 220)")
    parser.add_argument("--fill", action="store_true", help="also run as many cameras as fill two cores")
    asked = parser.parse_args()
    few, more = (2, 3) if asked.quick else (asked.few, asked.more)
    timing = Timing(10.0, 12.0, 1.0) if asked.quick else Timing(60.0, 65.0, asked.seconds)
    clips = draw(quick=asked.quick)
    rival = run("rival", clips.busy_a_tenth(few), timing)
    rival_sub = run("rival", clips.busy_a_tenth(few, only_sub=True), timing)
    ours_few, ours = (run("ours", clips.busy_a_tenth(cameras), timing) for cameras in (few, more))
    sub = run("ours", clips.busy_a_tenth(more, sub=True), timing)
    rows = capacity_rows(ours, sub, rival, rival_sub)
    rows += [missed_row(f"{more} cameras, one stream", ours), missed_row(f"{more} cameras, with a sub stream", sub)]
    rows.append(memory_row(ours_few, ours))
    rows += waiting_rows(
        *(run("ours", clips.under_load(one), timing) for one in (clips.active_gate, clips.active_lane))
    )
    if asked.fill:
        full = int(CORES / ours.share)
        rows.append(
            missed_row(f"{full} cameras, which fill {CORES} cores", run("ours", clips.busy_a_tenth(full), timing))
        )
    write("cameras", rows, quick=asked.quick)


if __name__ == "__main__":
    main()
