"""Renders and encodes the clips as a camera would: H.264, 1080p25, no B-frames, a keyframe every two seconds.

A clip is one file that is whole or not there: it is written beside its place and moved when finished. What it was made
from stands in its own metadata, so a clip of other people, passes or an older drawing is never taken for the right one.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
import numpy.typing as npt

from core.contract.ids import CameraId, SubjectKey
from demo.cast import Cast
from demo.draw.canvas import Picture
from demo.draw.looks import DRAWING_VERSION
from demo.draw.scenery import HEIGHT, WIDTH, noise_tile
from demo.film import Film, make_film
from demo.script import CAMERAS, FPS, GOP, Script

SCENE_VERSION = 2
"""Goes up with every change of scenes, motion or encoding."""
BIT_RATE = 4_500_000
WORKERS = 2
_REPORT_EVERY_FRAMES = 25
_ENCODER = {
    "preset": "superfast",
    "profile": "high",
    "bf": "0",
    "g": str(GOP),
    "keyint_min": str(GOP),
    "sc_threshold": "0",
    "flags": "+cgop",
    "maxrate": "6000000",
    "bufsize": "6000000",
    "threads": "1",
}

Progress = Callable[[CameraId, float], None]
"""Told the share (0..1) of a camera's clip that is done."""


class ClipError(RuntimeError):
    """A clip could not be made. The text says which and why."""


def clip_path(folder: Path, camera: CameraId) -> Path:
    return folder / f"{camera}.mp4"


def clip_key(camera: CameraId, cast: Cast, script: Script, pass_texts: Mapping[SubjectKey, str]) -> str:
    """What a camera's clip is made from, as a hash: same key, same pictures."""
    shown = {act.shows: pass_texts[act.shows] for act in script.camera(camera).acts if act.shows is not None}
    source = {
        "versions": [DRAWING_VERSION, SCENE_VERSION],
        "camera": camera,
        "cast": cast.model_dump(mode="json"),
        "script": script.camera(camera).model_dump(mode="json"),
        "passes": shown,
        "encoder": [BIT_RATE, _ENCODER],
    }
    return hashlib.sha256(json.dumps(source, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def clip_is_complete(path: Path, key: str) -> bool:
    """True when ``path`` is a finished clip made from exactly what ``key`` stands for."""
    if not path.is_file():
        return False
    try:
        with av.open(str(path)) as container:
            return container.metadata.get("comment") == key
    except av.FFmpegError:
        return False


def render_clips(
    cast: Cast, script: Script, pass_texts: Mapping[SubjectKey, str], folder: Path, progress: Progress
) -> dict[CameraId, Path]:
    """Every camera's clip in ``folder``; those that are there already are kept.

    Raises KeyError when a pass that is shown has no text, ClipError when a worker fails or is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys = {camera: clip_key(camera, cast, script, pass_texts) for camera in CAMERAS}
    missing = [camera for camera in CAMERAS if not clip_is_complete(clip_path(folder, camera), keys[camera])]
    for camera in CAMERAS:
        if camera not in missing:
            progress(camera, 1.0)
    if missing:
        # Spawned, not forked: the caller may run threads.
        context = multiprocessing.get_context("spawn")
        reports: Any = context.Queue()
        with ProcessPoolExecutor(WORKERS, context, _adopt, (reports,)) as pool:
            jobs = {}
            for camera in missing:
                path = clip_path(folder, camera)
                job = pool.submit(_render_one, camera, cast, script, dict(pass_texts), path=path, key=keys[camera])
                jobs[job] = camera
            try:
                _follow(jobs, reports, progress)
            except BaseException:
                # Leaving the pool waits for its workers: whoever presses ctrl-C need not wait for a clip.
                for worker in multiprocessing.active_children():
                    worker.terminate()
                raise
    return {camera: clip_path(folder, camera) for camera in CAMERAS}


def _follow(jobs: dict[Future[None], CameraId], reports: Any, progress: Progress) -> None:
    pending = set(jobs)
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
        while True:
            try:
                progress(*reports.get_nowait())
            except queue.Empty:
                break
        for job in done:
            error = job.exception()
            if error is not None:
                for other in pending:
                    other.cancel()
                raise ClipError(f"the clip of {jobs[job]} could not be made: {error}") from error
            progress(jobs[job], 1.0)


_reports: Any = None


def _adopt(reports: Any) -> None:
    """In a worker: where to report progress. One BLAS-less, single-threaded process per camera is the plan."""
    global _reports  # noqa: PLW0603 - a worker process has one parent for life
    _reports = reports
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches the whole terminal; the parent decides
    cv2.setNumThreads(1)


def _render_one(
    camera: CameraId, cast: Cast, script: Script, pass_texts: Mapping[SubjectKey, str], *, path: Path, key: str
) -> None:
    film = make_film(camera, cast, script, pass_texts)
    seed = CAMERAS.index(camera)

    def report(share: float) -> None:
        if _reports is not None:
            _reports.put((camera, share))

    encode(film, path, key, seed, report)


def encode(film: Film, path: Path, key: str, noise_seed: int, report: Callable[[float], None]) -> None:
    """Write ``film`` to ``path``, marked with ``key``; until it is finished there is nothing at ``path``."""
    with Recorder(path, key) as recorder:
        for number in range(film.frames):
            recorder.write(sensor_picture(film.frame(number), number, noise_tile(noise_seed)))
            if number % _REPORT_EVERY_FRAMES == 0:
                report(number / film.frames)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a camera encodes. bit_rate: on average, per second; None where ``options`` say what limits it."""

    options: Mapping[str, str]
    bit_rate: int | None = None
    width: int = WIDTH
    height: int = HEIGHT


DEMO_ENCODING = Encoding(_ENCODER, BIT_RATE)


class Recorder:
    """Writes a clip frame by frame; leaving the block finishes it. Until then, or after an error, there is none."""

    def __init__(self, path: Path, key: str, encoding: Encoding = DEMO_ENCODING) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        path.unlink(missing_ok=True)
        _remove_abandoned(path)
        self._container = av.open(str(self._partial), "w", format="mp4")
        self._container.metadata["comment"] = key
        self._stream = self._container.add_stream("libx264", rate=FPS, options=dict(encoding.options))
        self._stream.width, self._stream.height, self._stream.pix_fmt = encoding.width, encoding.height, "yuv420p"
        if encoding.bit_rate is not None:
            self._stream.bit_rate = encoding.bit_rate
        self._frames = 0

    def write(self, planes: Picture) -> None:
        """The next frame: I420 planes, uint8 (h * 3 / 2, w)."""
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = self._frames
        self._frames += 1
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if error is None:
                self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Delete what killed renders left beside ``path``; a render that still runs keeps its file."""
    for left in path.parent.glob(f".{path.name}.*.partial"):
        if not Path(f"/proc/{left.name.split('.')[-2]}").exists():
            left.unlink(missing_ok=True)


def sensor_picture(picture: Picture, number: int, tile: npt.NDArray[np.int8]) -> Picture:
    """``picture`` as a sensor sees it at frame ``number``: I420 planes, uint8 (h * 3 / 2, w), with luma noise.

    tile: the sensor's noise, see `scenery.noise_tile`.
    """
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
    height, width = picture.shape[:2]
    dx, dy = number * 37 % 128, number * 71 % 128
    noise = tile[dy : dy + height, dx : dx + width]
    planes[:height] = cv2.add(planes[:height], noise, dtype=cv2.CV_8U)
    return planes
