"""What is measured of capture, in a process of its own: what the RTSP server takes is somebody else's.

    python -m benchmarks.capture_side MODE URLS SECONDS [SETTLE_S]

MODE: ``ours`` (`edge.capture.stream`), ``plain`` (every frame decoded, motion looked for in five a second, as
`benchmarks.baseline` does while nobody is there), ``receive`` (packets only), ``reconnect`` (``ours`` against
`benchmarks.cutting_camera`; SECONDS is how often). URLS: with ``;`` between cameras and ``,`` between a main and a sub
stream. Cameras are past their proof (`edge.capture.judge`), as after five passes. Prints one JSON object, last.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2

from benchmarks.baseline import DETECT_FPS, MotionBoxes
from benchmarks.capture_scenes import FIRST_MOVING, FPS, GOP, ZONE, run_number
from core.contract.config import CameraConfig, Name
from core.contract.ids import CameraId, EdgeId
from edge.capture.pace import Backoff, Sampler
from edge.capture.picture import Picture
from edge.capture.planes import planes_of
from edge.capture.stream import CameraStream
from edge.capture.watch import WatchRules

_RESTS_S = 120.0
_OPTIONS = {"rtsp_transport": "tcp", "fpsprobesize": "0"}


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def camera(number: int, url: str) -> CameraConfig:
    """``url``: of the main stream, or ``main,sub``."""
    main, _, sub = url.partition(",")
    name = Name(zh="相机", en="camera")
    return CameraConfig(
        id=CameraId(f"cam-{number}"), edge=EdgeId("edge-1"), name=name, kind="gate", url=main, sub_url=sub or None
    )


def follow(url: str, stopping: threading.Event, *, decoding: bool) -> None:
    """A rival's camera: every packet received, every frame decoded if wanted, motion looked for in five a second."""
    sampler, motion = Sampler(DETECT_FPS), MotionBoxes()
    with av.open(url, options=dict(_OPTIONS), timeout=(20.0, 20.0)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for packet in container.demux(stream):
            if stopping.is_set():
                return
            if decoding:
                for frame in packet.decode():
                    if sampler.wants(frame.time or 0.0):
                        motion.find(planes_of(frame).luma)


class Ours:
    """Cameras watched by `CameraStream`, their pictures taken as they come."""

    def __init__(self, urls: list[str], settle_s: float) -> None:
        rules = WatchRules(learning_s=max(1.0, settle_s - 10.0), proof=0)
        self.streams = [
            CameraStream(camera(number, url), zones=(ZONE,), rules=rules) for number, url in enumerate(urls)
        ]
        self.delays_ms: list[float] = []
        self._last_s = [float("-inf")] * len(urls)

    def start(self, stopping: threading.Event) -> None:
        for number, stream in enumerate(self.streams):
            stream.start()
            threading.Thread(target=self._take, args=(number, stream, stopping), daemon=True).start()

    def await_rest(self) -> None:
        """Until each camera was learnt and left alone, and once more five seconds. Raises TimeoutError."""
        deadline_s = time.monotonic() + _RESTS_S
        while not all(self._left_alone(stream) for stream in self.streams):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"cameras are not left alone: {[one.counters() for one in self.streams]}")
            time.sleep(0.5)
        time.sleep(5.0)

    @staticmethod
    def _left_alone(stream: CameraStream) -> bool:
        counters = stream.counters()
        return bool(counters.get("left_alone") or counters.get("sub.left_alone"))

    def _take(self, number: int, stream: CameraStream, stopping: threading.Event) -> None:
        while not stopping.is_set():
            picture = stream.take(0.5)
            if picture is None:
                continue
            taken_s = time.monotonic()
            picture.part(0, 0, picture.width, picture.height, 640)
            if picture.moment.pts_s - self._last_s[number] > 2.0 and stream.health().watching == "packets":
                self._note(picture, taken_s, stream)
            self._last_s[number] = picture.moment.pts_s

    def _note(self, picture: Picture, taken_s: float, stream: CameraStream) -> None:
        """The first picture after a silence: how long after the first moving frame was made it is here."""
        at_s = picture.moment.pts_s
        run = stream.sent("sub").ring.between(at_s, at_s)
        if run:
            frame = run_number(picture.luma()) * GOP + round((at_s - run[0].pts_s) * FPS)
            if abs(frame - FIRST_MOVING) < GOP:
                self.delays_ms.append((taken_s - at_s + (frame - FIRST_MOVING) / FPS) * 1000)


def measure(mode: str, urls: list[str], seconds: float, settle_s: float) -> dict[str, object]:
    cv2.setNumThreads(1)
    stopping = threading.Event()
    ours: Ours | None = None
    if mode == "ours":
        ours = Ours(urls, settle_s)
        ours.start(stopping)
    else:
        work: Callable[..., None] = follow
        for url in urls:
            keywords = {"decoding": mode == "plain"}
            threading.Thread(target=work, args=(url, stopping), kwargs=keywords, daemon=True).start()
    time.sleep(settle_s)
    if ours is not None:
        ours.await_rest()
    began_s, began_cpu_s = time.monotonic(), cpu_s()
    time.sleep(seconds)
    share = 100 * (cpu_s() - began_cpu_s) / (time.monotonic() - began_s) / len(urls)
    told: dict[str, object] = {"core_share": share, "rss_mb": rss_mb()}
    if ours is not None:
        told["delays_ms"] = ours.delays_ms
        told["counters"] = [stream.counters() for stream in ours.streams]
        told["watching"] = [stream.health().watching for stream in ours.streams]
    stopping.set()
    return told


def reconnect(url: str, times: int) -> dict[str, object]:
    """Memory after 50 connections of a camera that hangs up, and after ``times``."""
    impatient = Backoff(first_s=0.001, longest_s=0.001)
    told: dict[str, object] = {}
    began_s = time.monotonic()
    with CameraStream(camera(0, url), backoff=impatient, zones=(ZONE,)) as stream:
        for wanted, name in ((50, "rss_early_mb"), (times, "rss_late_mb")):
            while stream.counters().get("connections", 0) < wanted:
                stream.take(0.05)
            gc.collect()
            told[name] = rss_mb()
        told["connections"] = stream.counters()["connections"]
        told["frames"] = stream.counters()["frames"]
    told["took_s"] = time.monotonic() - began_s
    return told


def main() -> None:
    mode, urls, seconds, *settle = sys.argv[1:]
    told = (
        reconnect(urls, int(seconds))
        if mode == "reconnect"
        else measure(mode, urls.split(";"), float(seconds), float(settle[0]) if settle else 5.0)
    )
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    # Threads of rivals stand in a read: nothing of theirs is worth waiting for.
    os._exit(0)


if __name__ == "__main__":
    main()
