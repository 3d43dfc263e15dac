"""The demo's gate, small: empty for a while, somebody walks through, empty again; as different encoders send it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np

from core.contract.ids import CameraId
from demo.cast import make_cast
from demo.film import make_film
from demo.script import GATE_CAMERA, ActKind, make_script
from edge.capture.decoder import StreamForm
from edge.capture.glance import Glance
from edge.capture.packets import PacketRing, StreamPacket
from edge.capture.status import StreamStatus
from edge.capture.watch import Viewers, Watch, WatchRules

FPS = 25
GOP = 50
WIDTH, HEIGHT = 480, 270
WALK_FROM, WALK_TO, FRAMES = 520, 620, 800
"""The walk begins in the middle of a run. A clip is 32 s long."""
LEARNING_S = 12.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

ENCODERS: dict[str, dict[str, str]] = {
    "quality": {"crf": "24"},
    "noisy": {"crf": "24"},
    "average_rate": {"b": "600000", "maxrate": "900000", "bufsize": "900000"},
    # Every frame is filled up to the same size: nothing can be told from it.
    "filled": {"x264-params": "nal-hrd=cbr:bitrate=2000:vbv-maxrate=2000:vbv-bufsize=80"},
    "keyframes_only": {"crf": "24", "g": "1", "keyint_min": "1"},
    "far_keyframes": {"crf": "24", "g": "400", "keyint_min": "400"},
}
_NOISE = {"noisy": 4.0, "average_rate": 2.0}


@lru_cache(maxsize=1)
def _scenes() -> tuple[np.ndarray, ...]:
    """The empty gate, and the frames of the walk."""
    cast = make_cast(1)
    script = make_script(cast, 1)
    film = make_film(GATE_CAMERA, cast, script, {})
    act = next(one for one in script.camera(GATE_CAMERA).acts if one.kind is ActKind.FACE_UNKNOWN)
    numbers = [0, *range(act.first_frame + 10, act.first_frame + 10 + (WALK_TO - WALK_FROM) // 2)]
    small = (cv2.resize(film.frame(one), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for one in numbers)
    return tuple(np.asarray(one, np.uint8) for one in small)


def _pictures(noise: float) -> Iterator[np.ndarray]:
    empty, *walk = _scenes()
    there_and_back = [*walk, *reversed(walk)]
    rng = np.random.default_rng(7)
    field = rng.normal(0, noise, (2 * HEIGHT, 2 * WIDTH, 1)).astype(np.int16)
    for number in range(FRAMES):
        shown = there_and_back[number - WALK_FROM] if WALK_FROM <= number < WALK_TO else empty
        if noise:
            top, left = rng.integers(0, HEIGHT), rng.integers(0, WIDTH)
            grain = field[top : top + HEIGHT, left : left + WIDTH]
            shown = np.clip(shown.astype(np.int16) + grain, 0, 255).astype(np.uint8)
        yield shown


def film_gate(encoder: str, folder: Path) -> Path:
    """The clip as ``encoder`` (of ``ENCODERS``) sends it."""
    path = folder / f"{encoder}.mkv"
    options = {"preset": "superfast", "bf": "0", "sc_threshold": "0", "threads": "1", "g": str(GOP)}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=options | ENCODERS[encoder])
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, picture in enumerate(_pictures(_NOISE.get(encoder, 0.0))):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@dataclass
class Watched:
    """A watch of a clip, and what it handed out: numbers of frames, counted on over the clip's repetitions.

    handed: with the number of the packet during which each was handed out.
    """

    clip: Path
    fps: float = 10.0
    proof: int = 0
    ring: PacketRing = field(default_factory=lambda: PacketRing(15.0, 16_000_000))
    status: StreamStatus = field(default_factory=StreamStatus)
    handed: list[tuple[int, int]] = field(default_factory=list)
    glances: list[Glance] = field(default_factory=list)
    decoding: list[bool] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        viewers = Viewers(self._hand_out, lambda _catching_up: None, self.glances.append, lambda: False)
        rules = WatchRules(learning_s=LEARNING_S, proof=self.proof)
        self.watch = Watch(CameraId("cam-1"), self.ring, self.status, viewers, fps=self.fps, rules=rules)
        with av.open(str(self.clip)) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            self.packets = [packet for packet in container.demux(stream) if packet.size]
            self.watch.opened(StreamForm("h264", context.extradata, context.width, context.height))

    def _hand_out(self, packet: StreamPacket, _frame: av.VideoFrame) -> None:
        self.handed.append((round(packet.pts_s * FPS), self._number))

    def play(self, times: int = 1, before: Callable[[int], None] = lambda _number: None) -> None:
        """before: told the number of each packet that comes."""
        for _ in range(times):
            for data in self.packets:
                before(self._number)
                at_s = self._number / FPS
                packet = StreamPacket(
                    data, bool(data.is_keyframe), data.size, at_s, at_s, NOON + timedelta(seconds=at_s)
                )
                self.ring.add(packet)
                self.watch.packet(packet)
                self.decoding.append(self.watch.decoding)
                self._number += 1

    @property
    def counts(self) -> dict[str, int]:
        return self.status.health(0.0).counts
