"""An edge's looking half, alone in a process, at N cameras over RTSP: what the server takes is somebody else's.

    python -m benchmarks.camera_side PLAN.json

Run by `benchmarks.cameras`, which says in PLAN what to watch. Ours is the edge's own: `CameraStream`, watchers,
decisions, gates, `VisionLoop`, pictures blurred; without broker and disk. The rival is `benchmarks.baseline`, a thread
a camera. Prints one JSON object (`Measured`).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

import av
import av.error
import cv2
import structlog
from pydantic import Field

from benchmarks.baseline import AsFrigateDoes
from benchmarks.capture_side import cpu_s, rss_mb
from benchmarks.pipelines import Runners, checkpoint, enrolled, lists_of, rival_lists_of
from core.contract.base import Message
from core.contract.config import CameraConfig, Door, FaceGate, Name, PlateLane
from core.contract.events import PassageV1
from core.contract.ids import CameraId, CheckpointId, EdgeId, SubjectKey
from core.contract.vocabulary import Credential, Reason, Verdict
from edge.aside import Aside
from edge.assembly import make_watcher
from edge.capture.judge import PROOF
from edge.capture.stream import CameraStream
from edge.capture.watch import WatchRules
from edge.checkpoint.controllers import SimulatedGate, utc_now
from edge.checkpoint.post import Books, CheckpointPost
from edge.checkpoint.rounds import Station, VisionLoop
from edge.evidence import Moment
from edge.health import Counters
from edge.replay.truth import read_truth

_OPTIONS = {"rtsp_transport": "tcp", "fpsprobesize": "0"}
_TIMEOUT_S = 20.0
_PICTURES_WAITING = 8
_LOGGED_S = 1.2
_NAME = Name(zh="相机", en="camera")


class Camera(Message):
    """checkpoint: of `configs/demo.yaml`; None: an overview camera, at which nothing is decided."""

    url: str
    sub_url: str | None = None
    checkpoint: CheckpointId | None = None


class Plan(Message):
    """stagger_s: between two cameras' connecting; settle_s: after the last one, before measuring; seconds: measured.

    lookers: threads that look at pictures; learning_s: see `ActivityMeter`.
    proof: movements that packets must have told of in time before they are relied on, see `SignalJudge`.
    """

    mode: Literal["ours", "rival"]
    cameras: tuple[Camera, ...]
    truth: Path
    stagger_s: float
    settle_s: float
    seconds: float
    learning_s: float = 60.0
    proof: int = PROOF
    lookers: int = 2


class ToldLive(Message):
    """A passage told. at: of its deciding frame, seconds since 1970; decision_ms: from that frame to the command."""

    camera: int
    at: float
    credential: Credential
    verdict: Verdict
    reason: Reason
    subject: SubjectKey | None = None
    plate: str | None = None
    decision_ms: float | None = None


class Measured(Message):
    """began, ended: of the measuring, seconds since 1970. told: all of it, also from before."""

    cpu_s: float
    began: float
    ended: float
    rss_mb: float
    told: tuple[ToldLive, ...]
    watching: tuple[str, ...] = ()
    counters: dict[str, int] = Field(default_factory=dict)


class Side(Protocol):
    def start(self, number: int) -> None:
        """Connect camera ``number`` and look at it from now on."""
        ...

    def told(self) -> Sequence[ToldLive]: ...

    def watching(self) -> Sequence[str]: ...

    def counters(self) -> dict[str, int]: ...


def watched_at(camera: Camera, number: int) -> FaceGate | Door | PlateLane | None:
    """The checkpoint at a camera, by a name of its own."""
    if camera.checkpoint is None:
        return None
    return checkpoint(camera.checkpoint).model_copy(
        update={"id": CheckpointId(f"{camera.checkpoint}-{number}"), "camera": CameraId(f"cam-{number}")}
    )


@dataclass(slots=True)
class _Passages:
    """An outbox that keeps what the benchmark asks about, and no picture. Safe from any thread."""

    told: list[ToldLive] = field(default_factory=list)

    def append(self, message: Message, occurred_at: datetime) -> None:
        if not isinstance(message, PassageV1):
            return
        self.told.append(
            ToldLive(
                camera=int(message.camera.rpartition("-")[2]),
                at=occurred_at.timestamp(),
                credential=message.credential,
                verdict=message.verdict,
                reason=message.reason,
                subject=message.subject,
                plate=None if message.plate is None else message.plate.text,
                decision_ms=message.times.decision,
            )
        )


class Ours:
    def __init__(self, plan: Plan, runners: Runners) -> None:
        truth = read_truth(plan.truth)
        lists = lists_of(truth, enrolled(truth, runners), runners)
        self._outbox, self._counters = _Passages(), Counters()
        pictures = Aside("pictures", _PICTURES_WAITING, self._counters)
        pictures.start()
        books = Books(self._outbox, pictures, runners.faces, self._counters)
        self._bell = threading.Event()
        self._streams: list[CameraStream] = []
        stations: list[Station] = []
        for number, camera in enumerate(plan.cameras):
            watched = watched_at(camera, number)
            stream = self._stream(camera, number, watched, WatchRules(learning_s=plan.learning_s, proof=plan.proof))
            self._streams.append(stream)
            if watched is None:
                stream.want(0.0)
                continue
            watcher = make_watcher(watched, runners.ours, lists)
            assert watcher is not None
            gate = SimulatedGate(watched.id, watched.controller.hold_s, lambda _state: None)
            post = CheckpointPost(watched, watcher, gate, lists, books, cases=lists, wall_clock=utc_now)
            post.start()
            stations.append(Station(stream, (post,)))
        VisionLoop(stations, self._counters, lookers=plan.lookers, bell=self._bell).start()

    def _stream(
        self, camera: Camera, number: int, watched: FaceGate | Door | PlateLane | None, rules: WatchRules
    ) -> CameraStream:
        config = CameraConfig(
            id=CameraId(f"cam-{number}"),
            edge=EdgeId("edge-1"),
            name=_NAME,
            kind="overview" if watched is None else "plate" if isinstance(watched, PlateLane) else "gate",
            url=camera.url,
            sub_url=camera.sub_url,
        )
        zones = () if watched is None else (watched.zone,)
        return CameraStream(config, zones=zones, bell=self._bell, rules=rules)

    def start(self, number: int) -> None:
        self._streams[number].start()

    def told(self) -> Sequence[ToldLive]:
        return tuple(self._outbox.told)

    def watching(self) -> Sequence[str]:
        return [stream.health().watching or "nothing" for stream in self._streams]

    def counters(self) -> dict[str, int]:
        """Of all streams together, and of the edge."""
        told = dict(self._counters.snapshot())
        for stream in self._streams:
            health = stream.health()
            found = stream.counters() | {
                "dropped_frames": health.dropped_frames,
                "missed_passes": health.missed_passes,
            }
            for name, count in found.items():
                told[name] = told.get(name, 0) + count
        return told


class Rival:
    def __init__(self, plan: Plan, runners: Runners) -> None:
        truth = read_truth(plan.truth)
        lists = rival_lists_of(truth, enrolled(truth, runners), runners)
        self._urls = [camera.url for camera in plan.cameras]
        self._looks = [
            None if watched is None else AsFrigateDoes(watched, runners.rival, lists)
            for watched in (watched_at(camera, number) for number, camera in enumerate(plan.cameras))
        ]
        self._told: list[ToldLive] = []

    def start(self, number: int) -> None:
        threading.Thread(target=self._follow, args=(number,), daemon=True).start()

    def _follow(self, number: int) -> None:
        """Decode every frame and look at those that are due, for as long as the process lives."""
        look = self._looks[number]
        with av.open(self._urls[number], options=dict(_OPTIONS), timeout=(_TIMEOUT_S, _TIMEOUT_S)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            for frame in container.decode(stream):
                if look is None:
                    continue
                received_s, now = time.monotonic(), datetime.now(UTC)
                for one in look.frame(frame, Moment(received_s, now, received_s)):
                    spent_ms = (time.monotonic() - received_s) * 1000
                    self._told.append(
                        ToldLive(
                            camera=number,
                            at=now.timestamp(),
                            credential=one.credential,
                            verdict=one.verdict,
                            reason=one.reason,
                            subject=one.subject,
                            plate=one.plate,
                            decision_ms=spent_ms if one.verdict is Verdict.ADMIT else None,
                        )
                    )

    def told(self) -> Sequence[ToldLive]:
        return tuple(self._told)

    def watching(self) -> Sequence[str]:
        return ["pictures"] * len(self._urls)

    def counters(self) -> dict[str, int]:
        looks = [look for look in self._looks if look is not None]
        return {
            "detections": sum(look.detections for look in looks),
            "attempts": sum(look.attempts for look in looks),
        }


def measure(plan: Plan) -> Measured:
    """Watch the plan's cameras, and measure once they are all there."""
    cv2.setNumThreads(1)
    make: Callable[[Plan, Runners], Side] = Ours if plan.mode == "ours" else Rival
    side = make(plan, Runners())
    for number in range(len(plan.cameras)):
        side.start(number)
        time.sleep(plan.stagger_s)
    time.sleep(plan.settle_s)
    began, spent_s = time.time(), cpu_s()
    time.sleep(plan.seconds)
    measured = Measured(
        cpu_s=cpu_s() - spent_s,
        began=began,
        ended=time.time(),
        rss_mb=rss_mb(),
        told=tuple(side.told()),
        watching=tuple(side.watching()),
        counters=side.counters(),
    )
    # The cameras log what they sent once a second: stay until the last second is told, too.
    time.sleep(_LOGGED_S)
    return measured


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    plan = Plan.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(measure(plan).model_dump_json() + "\n")
    sys.stdout.flush()
    # Threads stand in reads of their cameras: nothing of theirs is worth waiting for.
    os._exit(0)


if __name__ == "__main__":
    main()
