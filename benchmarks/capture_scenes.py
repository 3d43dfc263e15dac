"""The demo's gate as a camera sends it: empty, and with somebody walking up to it.

H.264 of variable bit rate, without B-frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from demo.cast import make_cast
from demo.draw.scenery import noise_tile
from demo.film import make_film
from demo.script import GATE_CAMERA, ActKind, make_script
from models.types import Image

FPS = 25
GOP = 50
WIDTH, HEIGHT = 1920, 1080
EMPTY_RUNS, WALK_RUNS = 8, 6
IDLE_RUNS = 40
"""Longer than is learnt and measured: no packet that is measured was learnt."""
FIRST_MOVING = EMPTY_RUNS * GOP + 20
"""Number of the first frame with somebody in it, in the middle of a run: nobody waits for a keyframe to arrive."""
ZONE = ((0.1, 0.1), (0.95, 0.1), (0.95, 0.98), (0.1, 0.98))
_MARK = 64
_MARK_LOW, _MARK_STEP = 40, 12
_ENCODER = {"preset": "superfast", "profile": "high", "crf": "25", "bf": "0", "sc_threshold": "0", "threads": "1"}
_ENCODER |= {"g": str(GOP), "keyint_min": str(GOP), "maxrate": "6000000", "bufsize": "6000000"}


@dataclass(frozen=True, slots=True)
class Scenes:
    """Clips, to be played in a loop: ``empty.mp4``, ``walk.mp4`` and each as ``<name>-small.mp4`` (640x360)."""

    folder: Path

    def record(self) -> None:
        cast = make_cast(1)
        script = make_script(cast, 1)
        film = make_film(GATE_CAMERA, cast, script, {})
        act = next(one for one in script.camera(GATE_CAMERA).acts if one.kind is ActKind.FACE_UNKNOWN)
        empty = film.frame(0)
        self._encode("empty", [empty] * (IDLE_RUNS * GOP), marked=False)
        moving = [film.frame(act.first_frame + number) for number in range(WALK_RUNS * GOP - 20)]
        self._encode("walk", [*[empty] * (EMPTY_RUNS * GOP + 20), *moving], marked=True)

    def _encode(self, name: str, pictures: list[Image], *, marked: bool) -> None:
        full = av.open(str(self.folder / f"{name}.mp4"), "w")
        small = av.open(str(self.folder / f"{name}-small.mp4"), "w")
        with full, small:
            outputs = []
            for container, size in ((full, (WIDTH, HEIGHT)), (small, (640, 360))):
                stream = container.add_stream("libx264", rate=FPS, options=_ENCODER)
                stream.width, stream.height = size
                stream.pix_fmt = "yuv420p"
                outputs.append((container, stream))
            # An encoder settles in its first run, which would come round again with every turn of the loop.
            for number, picture in enumerate([*pictures[:GOP], *pictures], start=-GOP):
                planes = _filmed(picture, number, marked=marked)
                frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                for container, stream in outputs:
                    sized = frame if stream.width == WIDTH else frame.reformat(stream.width, stream.height)
                    sized.pts, sized.time_base = number + GOP, Fraction(1, FPS)
                    _mux(container, stream.encode(sized))
            for container, stream in outputs:
                _mux(container, stream.encode(None))


def _mux(container: Any, packets: list[av.Packet[Any]]) -> None:
    """Everything after the first run, as if that had never been."""
    for packet in packets:
        if packet.pts is not None and packet.dts is not None and packet.pts >= GOP:
            packet.pts, packet.dts = packet.pts - GOP, packet.dts - GOP
            container.mux(packet)


def run_number(luma: Image) -> int:
    """Which run of frames a picture belongs to, read off its corner."""
    side = _MARK * luma.shape[1] // WIDTH
    return round((float(luma[2 : side - 2, 2 : side - 2].mean()) - _MARK_LOW) / _MARK_STEP)


def _filmed(picture: Image, number: int, *, marked: bool) -> Image:
    """I420 with sensor noise. marked: the corner's grey tells the run, so that it changes at keyframes alone."""
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
    dx, dy = number * 37 % 128, number * 71 % 128
    noise = noise_tile(1)[dy : dy + HEIGHT, dx : dx + WIDTH]
    planes[:HEIGHT] = cv2.add(planes[:HEIGHT], noise, dtype=cv2.CV_8U)
    if marked:
        planes[:_MARK, :_MARK] = _MARK_LOW + _MARK_STEP * (max(0, number) // GOP)
    return planes
