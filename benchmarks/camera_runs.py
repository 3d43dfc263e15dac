"""One run of a side at N cameras: they are served, the side looks, and what it told is held against the truth."""

from __future__ import annotations

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
from benchmarks.pipelines import checkpoint
from benchmarks.scene_films import Actor
from benchmarks.scenes import CHECKPOINTS, Filmed, scenes_folder, staged
from core.contract.config import PlateLane
from core.contract.ids import CheckpointId
from core.contract.vocabulary import Verdict
from demo.draw.scenery import HEIGHT, WIDTH
from demo.processes import Child, free_port, listens, wait_until
from demo.script import FPS
from demo.served import ServedSession, read_served
from edge.replay.score import LATE_S, Result, Score, Told, score
from edge.replay.truth import TruePass
from edge.vision.zone import Zone

_UP_S = 20.0
_PATIENCE_S = 120.0
_SUB = "-sub"
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
    """learning_s: of each stream, see `ActivityMeter`; settle_s: after the last camera came, before measuring.

    seconds: measured, made whole loops of the clips, of which the cameras are all at different places. proof: see
    `SignalJudge`; 0 for cameras that are past it.
    """

    learning_s: float
    settle_s: float
    seconds: float
    stagger_s: float = 0.2
    proof: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Of an admission, until its gate was commanded, milliseconds.

    from_arrival_ms: since the first picture was sent that shows the face (plate) in the zone and large enough;
    from_frame_ms: since the picture that decided was received.
    """

    from_arrival_ms: float
    from_frame_ms: float


@dataclass(frozen=True, slots=True)
class Run:
    """What one process did at its cameras, and what the servers took meanwhile."""

    shown: tuple[Shown, ...]
    measured: Measured
    server_cpu_s: float
    video_s: float
    scores: tuple[Score, ...]
    waits: tuple[Wait, ...] = ()

    @property
    def cameras(self) -> int:
        return len(self.shown)

    @property
    def share(self) -> float:
        """Processor time per second of a camera's video: what a server on a busy machine did not send cost nobody."""
        return self.measured.cpu_s / self.video_s

    @property
    def server_share(self) -> float:
        return self.server_cpu_s / self.video_s

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
    def to_be_admitted(self) -> int:
        """Passes for which a gate should have been commanded."""
        return sum(one.true.expects.verdict is Verdict.ADMIT for found in self.scores for one in found.passes)

    @property
    def missed(self) -> int:
        return self.passes - self.count(Result.CAUGHT)

    @property
    def not_so(self) -> int:
        """Told, and no pass of the truth."""
        return sum(len(found.extra) for found in self.scores)


class Servers:
    """A process that sends the clips of a folder."""

    def __init__(self, folder: Path) -> None:
        self.served = folder / "served.jsonl"
        self._port = free_port(0)
        command = [sys.executable, "-m", "benchmarks.paced_cameras", "--folder", str(folder)]
        command += ["--served", str(self.served), "--port", str(self._port)]
        self._child = Child("cameras", command, folder / "cameras.log")

    def __enter__(self) -> Servers:
        self._child.start()
        wait_until("cameras", functools.partial(listens, self._port), _UP_S, self._child.check)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()

    def url(self, name: str, share: float) -> str:
        """Address of a clip in the folder, played for ever, first from ``share`` of it on."""
        return f"rtsp://127.0.0.1:{self._port}/{name}.mp4?from={share:.4f}"

    def cpu_s(self) -> float:
        """Its processor time so far."""
        return _cpu_of(self._child.pid)


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
            stagger_s=timing.stagger_s,
            settle_s=timing.settle_s,
            seconds=seconds,
            learning_s=timing.learning_s,
            proof=timing.proof,
        )
        (folder / "plan.json").write_text(plan.model_dump_json(), encoding="utf-8")
        before_s = servers.cpu_s()
        sending_s = timing.stagger_s * len(shown) + timing.settle_s + seconds
        command = [sys.executable, "-m", "benchmarks.camera_side", str(folder / "plan.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=sending_s + _PATIENCE_S, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{mode} at {len(shown)} cameras went wrong:\n{done.stderr[-3000:]}")
        measured = Measured.model_validate_json(done.stdout.strip().splitlines()[-1])
        server_cpu_s = (servers.cpu_s() - before_s) * seconds / sending_s
        sessions = read_served(servers.served)
    made = judged(shown, measured, sessions, server_cpu_s)
    told = f"{100 * made.share:.1f} % of a core each, {made.missed} of {made.passes} passes missed"
    told += f", {100 * made.kept_up:.0f} % of the video sent in time, the server {100 * made.server_share:.1f} % each"
    print(f"{mode}, {len(shown)} cameras: {told}, {measured.rss_mb:.0f} MB, {measured.counters}", flush=True)
    return made


def judged(
    shown: Sequence[Shown], measured: Measured, sessions: Sequence[ServedSession], server_cpu_s: float = 0.0
) -> Run:
    """What was told, against what was sent."""
    scores: list[Score] = []
    waits: list[Wait] = []
    for number, one in enumerate(shown):
        if one.decides:
            scores.append(score_of(number, one, measured, sessions))
            waits += waits_of(number, one, measured, sessions, scores[-1])
    return Run(tuple(shown), measured, server_cpu_s, video_s_of(sessions, measured), tuple(scores), tuple(waits))


@contextmanager
def _served(shown: Sequence[Shown]) -> Iterator[tuple[Servers, tuple[Camera, ...], Path]]:
    """A file for each camera, so that the log of what was sent tells them apart."""
    with tempfile.TemporaryDirectory(prefix="cameras-", dir=scenes_folder()) as name:
        folder = Path(name)
        cameras = []
        with Servers(folder) as servers:
            for number, one in enumerate(shown):
                share = number / len(shown)
                os.link(one.clip.sub if one.only_sub else one.clip.main, folder / f"cam-{number}.mp4")
                if one.sub:
                    os.link(one.clip.sub, folder / f"cam-{number}{_SUB}.mp4")
                cameras.append(
                    Camera(
                        url=servers.url(f"cam-{number}", share),
                        sub_url=servers.url(f"cam-{number}{_SUB}", share) if one.sub else None,
                        checkpoint=CHECKPOINTS[one.clip.scene.place] if one.decides else None,
                    )
                )
            yield servers, tuple(cameras), folder


def video_s_of(sessions: Sequence[ServedSession], measured: Measured) -> float:
    """Seconds of video that were sent while it was measured, of all cameras' main streams together."""
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
        for session in _of(number, sessions)
        for true, _ in _sent(shown.clip, session, measured.began)
        if true.from_s >= 0 and true.to_s <= ended - began
    ]
    last_s = max((true.to_s for true in passes), default=0.0) + LATE_S
    told = [_told(one, began, shown) for one in measured.told if one.camera == number]
    # What is told of a pass that was half in the measuring is neither for nor against anybody.
    first_s = min((true.from_s for true in passes), default=0.0)
    return score(passes, [one for one in told if first_s <= one.at_s <= last_s])


def waits_of(
    number: int, shown: Shown, measured: Measured, sessions: Sequence[ServedSession], found: Score
) -> Iterator[Wait]:
    """Of the passes caught at camera ``number`` whose gate was to be commanded, and was."""
    ready = ready_frames(shown.clip)
    arrived = {
        true.name: session.sent_at(loop_first + ready_frame)
        for session in _of(number, sessions)
        for true, (loop_first, index) in _sent(shown.clip, session, measured.began)
        if (ready_frame := ready[index]) is not None
    }
    decided = {one.at - measured.began: one.decision_ms for one in measured.told if one.camera == number}
    for one in found.of(Result.CAUGHT):
        if one.true.expects.verdict is not Verdict.ADMIT:
            continue
        sent = arrived.get(one.true.name)
        if one.told is None or sent is None or (frame_ms := decided.get(one.told.at_s)) is None:
            continue
        commanded = measured.began + one.told.at_s + frame_ms / 1000
        yield Wait(1000 * (commanded - sent), frame_ms)


def ready_frames(clip: Filmed) -> tuple[int | None, ...]:
    """Of each pass of the clip, the first frame whose face or plate is in the zone and large enough to be looked at."""
    stage, _ = staged(clip.scene)
    return tuple(_ready(actor, CHECKPOINTS[clip.scene.place]) for actor in stage.actors)


def _ready(actor: Actor, name: CheckpointId) -> int | None:
    watched = checkpoint(name)
    least = watched.min_plate_px if isinstance(watched, PlateLane) else watched.min_face_px
    zone = Zone(watched.zone)
    for frame in range(actor.way.first, actor.way.last + 1):
        x, y, wide = actor.subject(frame)
        if wide >= least and zone.contains(x, y, width=WIDTH, height=HEIGHT):
            return frame
    return None


def _of(number: int, sessions: Sequence[ServedSession]) -> Iterator[ServedSession]:
    return (session for session in sessions if session.camera == f"cam-{number}")


def _sent(clip: Filmed, session: ServedSession, began: float) -> Iterator[tuple[TruePass, tuple[int, int]]]:
    """The clip's passes, once for each loop, in seconds since ``began``; the loop's first frame, as the session counts
    (below 0 where it began within the loop), and which pass of the clip it is."""
    frames = round(clip.seconds * FPS)
    skipped = int(session.session.partition("@")[2] or 0)
    for loop in range((skipped + session.frames) // frames + 1):
        loop_first = loop * frames - skipped
        for index, true in enumerate(clip.truth.passes):
            first, last = (session.sent_at(loop_first + round(at_s * FPS)) for at_s in (true.from_s, true.to_s))
            if first is not None and last is not None and first >= began:
                name = f"{true.name}, loop {loop}"
                moved = true.model_copy(update={"name": name, "from_s": first - began, "to_s": last - began})
                yield moved, (loop_first, index)


def _told(one: ToldLive, began: float, shown: Shown) -> Told:
    name = CHECKPOINTS[shown.clip.scene.place]
    return Told(one.at - began, name, one.credential, one.verdict, one.reason, one.subject, one.plate)


def _cpu_of(pid: int) -> float:
    """Processor time of a process so far, seconds; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
