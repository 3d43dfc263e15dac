"""Cameras with something the matter, and days on which nothing is: drawn, encoded, decoded and watched as a camera's.

A number of a picture is a second of the stream; pictures are ``EVERY_S`` apart, each a keyframe, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from core.contract.events_cameras import CameraConditionV1, CameraHealth
from core.contract.ids import CameraId, CheckpointId
from core.contract.vocabulary import CameraState, PlateColour
from demo.draw.canvas import Canvas, Picture, Sprite, ellipse, lay, smooth
from demo.draw.faces import Mood, draw_head
from demo.draw.looks import look_of
from demo.draw.people import Pose, draw_body, outfit_of
from demo.draw.places import door_picture, gate_picture, lane_picture, yard_picture
from demo.draw.vehicles import PAINTS, draw_car
from edge.capture.conditions.watch import ConditionWatch
from edge.capture.glance import Glance, shrink

WIDTH, HEIGHT = 640, 360
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PLACES: dict[str, Callable[[], Picture]] = {
    "gate": gate_picture,
    "lane": lane_picture,
    "door": door_picture,
    "yard": yard_picture,
}
_MARGIN = 160, 90
"""What of the drawn place lies outside the view on each side, pixels of 1920 x 1080: room to turn the camera."""
_WINDOW = 1600, 900
_NOISE_SHIFTS = 128


@cache
def _drawn(place: str) -> Picture:
    return PLACES[place]()


def view(place: str, *, moved: tuple[float, float] = (0.0, 0.0), roll_deg: float = 0.0) -> Picture:
    """What the camera at ``place`` sees, uint8 (360, 640, 3) BGR.

    moved: by which shares of the view's width and height it was turned; at most a tenth each way.
    """
    drawn = _drawn(place)
    if roll_deg:
        turn = cv2.getRotationMatrix2D((960, 540), roll_deg, 1.0)
        drawn = np.asarray(cv2.warpAffine(drawn, turn, (1920, 1080), borderMode=cv2.BORDER_REFLECT), np.uint8)
    left = _MARGIN[0] + round(moved[0] * _WINDOW[0])
    top = _MARGIN[1] + round(moved[1] * _WINDOW[1])
    if not (0 <= left <= 2 * _MARGIN[0] and 0 <= top <= 2 * _MARGIN[1]):
        raise ValueError(f"moved by {moved}: the drawn place ends before that")
    cut = drawn[top : top + _WINDOW[1], left : left + _WINDOW[0]]
    return np.asarray(cv2.resize(cut, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


# -- ordinary life -----------------------------------------------------------------------------------------------------


def dusk(picture: Picture, light: float) -> Picture:
    """With ``light`` (1: day) left; the camera's automatic exposure makes up for part of it."""
    exposed = light**0.6
    tint = np.array([exposed * 1.05, exposed, exposed * 0.9], np.float32)
    return _clipped(picture * tint + 16 * (1 - exposed))


def infrared(picture: Picture) -> Picture:
    """As seen by the light of the camera's own infrared lamp: grey, leaves white, the sky and the distance black."""
    blue, green, red = (picture[..., channel].astype(np.float32) for channel in range(3))
    # Leaves reflect infrared, printed colours lose their order.
    reflected = np.clip(0.9 * green - 0.55 * blue + 0.5 * red + 25, 0, 255)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    lamp = np.exp(-(((x - WIDTH / 2) / (WIDTH * 0.42)) ** 2 + ((y - HEIGHT * 0.75) / (HEIGHT * 0.5)) ** 2))
    grey = 20 + reflected * (0.06 + 0.9 * lamp)
    return _clipped(np.repeat(grey[..., None], 3, axis=2))


def headlights(picture: Picture, strength: float) -> Picture:
    """A car that shines into the camera: two white discs, and everything else darker while the exposure gives way."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    glare = np.zeros((HEIGHT, WIDTH), np.float32)
    for middle in (0.42, 0.58):
        squared = ((x - WIDTH * middle) ** 2 + (y - HEIGHT * 0.55) ** 2) / (WIDTH * 0.09) ** 2
        glare += 420 * np.exp(-squared) + 90 * np.exp(-squared / 9)
    return _clipped(picture * (1 - 0.6 * strength) + strength * glare[..., None])


def rain(picture: Picture, second: int) -> Picture:
    """Streaks that are elsewhere in every picture, and less contrast."""
    random = np.random.default_rng((second, 17))
    streaks = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x, y, length in random.integers((0, 0, 8), (WIDTH, HEIGHT, 40), (220, 3)):
        cv2.line(streaks, (int(x), int(y)), (int(x + length // 6), int(y + length)), int(random.integers(40, 110)), 1)
    return _clipped(picture * 0.8 + 24 + cv2.GaussianBlur(streaks, (3, 3), 0)[..., None].astype(np.float32))


@cache
def _person(face: int, unit_px: float) -> tuple[Sprite, Sprite]:
    look = look_of(face)
    mood = Mood(yaw=0.0, pitch=0.0, roll_deg=0.0, lids=1.0, smile=0.03, light=0.4)
    return draw_head(look, mood, unit_px), draw_body(outfit_of(face, look), look.skin, Pose(), unit_px)


def somebody(picture: Picture, second: int, *, face: int = 3, near: float = 1.0, x: float = 0.5) -> Picture:
    """Somebody who stands and sways; ``near`` 1 fills the picture's height from the waist up, 3 little but a chest."""
    found = picture.copy()
    unit = 62.0 * near
    sway = 4 * np.sin(second / 2.3)
    neck = (WIDTH * x + sway, HEIGHT * 0.45 if near < 2 else HEIGHT * 0.12)
    for sprite in _person(face, unit):
        lay(found, sprite, neck)
    return found


@cache
def _van(size: float) -> Sprite:
    return draw_car("suv", PAINTS[2], "京A12345", PlateColour.BLUE).scaled(size)


def parked_van(picture: Picture, *, size: float = 0.75, x: float = 0.4) -> Picture:
    """A large car that stands in the view."""
    found = picture.copy()
    lay(found, _van(size), (WIDTH * x, HEIGHT * 0.97))
    return found


# -- what is the matter ------------------------------------------------------------------------------------------------


def lights_out(picture: Picture) -> Picture:
    return _clipped(picture * 0.03 + 16)


@cache
def _cover(kind: str) -> tuple[Picture, Picture]:
    """What covers the lens, and how much it lets through (255: nothing)."""
    random = np.random.default_rng(8)
    cloud = cv2.resize(random.normal(0, 1, (4, 6)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    colour, uneven = {"hand": ((70, 84, 128), 14.0), "bag": ((150, 160, 165), 9.0), "spray": ((60, 40, 150), 6.0)}[kind]
    picture = _clipped(np.full((HEIGHT, WIDTH, 3), colour, np.float32) + uneven * cloud[..., None])
    opaque = np.full((HEIGHT, WIDTH), 255, np.uint8)
    if kind == "spray":
        canvas = Canvas(WIDTH, HEIGHT)
        canvas.shape(ellipse((330, 180), (330, 190)), (0, 0, 0), soft=25)
        opaque = _clipped(255 * canvas.alpha)
    return picture, opaque


def covered(picture: Picture, kind: str) -> Picture:
    """Under a ``hand``, a ``bag`` or ``spray``: too near to be in focus."""
    cover, opaque = _cover(kind)
    share = (opaque.astype(np.float32) / 255)[..., None]
    return _clipped(picture * (1 - share) + cover * share)


def half_covered(picture: Picture) -> Picture:
    """A leaf or a sticker over a part of the view: whoever works at the checkpoint still sees most of it."""
    canvas = Canvas(WIDTH, HEIGHT, picture)
    canvas.shape(smooth([(-40, -40), (240, -40), (210, 200), (120, 400), (-40, 400)]), (60, 110, 70), soft=10)
    return canvas.to_picture()


def unfocused(picture: Picture, sigma_px: float) -> Picture:
    """Blurred by ``sigma_px`` pixels of 640 x 360."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.uint8)


def with_clock(picture: Picture, second: int) -> Picture:
    """With date and time burnt in at the top left, as most cameras do."""
    found = picture.copy()
    text = (NOON + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
    for thickness, grey in ((3, 0), (1, 255)):
        place = (10, 22)
        cv2.putText(found, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (grey, grey, grey), thickness, cv2.LINE_AA)
    return found


@cache
def _noise() -> npt.NDArray[np.float32]:
    shape = (HEIGHT + _NOISE_SHIFTS, WIDTH + _NOISE_SHIFTS, 1)
    return np.random.default_rng(5).normal(0, 1, shape).astype(np.float32)


def sensor(picture: Picture, second: float, strength: float = 2.0) -> Picture:
    """With the noise of a sensor, ``strength`` grey levels, another in every picture."""
    top, left = np.random.default_rng((round(second * 4), 5)).integers(0, _NOISE_SHIFTS, 2)
    return _clipped(picture + strength * _noise()[top : top + HEIGHT, left : left + WIDTH])


# -- a day -------------------------------------------------------------------------------------------------------------

Scene = Callable[[Picture, int], Picture]


def _calm(picture: Picture, second: int) -> Picture:
    return picture


def _fading(first: float, last: float, seconds: int) -> Scene:
    return lambda picture, second: dusk(picture, first + (last - first) * min(1.0, second / seconds))


ORDINARY_DAY: tuple[tuple[str, int, Scene], ...] = (
    ("calm", 120, _calm),
    ("somebody stands there", 20, somebody),
    ("calm", 10, _calm),
    ("somebody right before the camera", 20, lambda picture, second: somebody(picture, second, near=3.0)),
    ("calm", 30, _calm),
    ("rain", 120, rain),
    ("a parked car", 240, lambda picture, second: parked_van(picture)),
    ("calm", 60, _calm),
    ("a van right before the camera", 60, lambda picture, second: parked_van(picture, size=1.2, x=0.5)),
    ("calm", 30, _calm),
    ("dusk", 300, _fading(1.0, 0.1, 300)),
    ("infrared", 240, lambda picture, second: infrared(picture)),
    ("headlights", 24, lambda picture, second: headlights(infrared(picture), 1.0)),
    ("infrared", 60, lambda picture, second: infrared(picture)),
    ("somebody at night", 20, lambda picture, second: infrared(somebody(picture, second, near=3.0))),
    ("infrared", 120, lambda picture, second: infrared(picture)),
    ("dawn", 240, _fading(0.15, 1.0, 240)),
    ("calm", 60, _calm),
)
"""What happens, how long it lasts in seconds, and how it looks: half an hour that has everything a day has."""

EVERY_S = 2


def ordinary_day(place: str) -> Iterator[Picture]:
    """Half an hour of a camera at ``place``; its sensor is noisier the darker it is."""
    base, at = view(place), 0
    for _, lasts_s, scene in ORDINARY_DAY:
        for second in range(0, lasts_s, EVERY_S):
            picture = scene(base, second)
            darkness = 1 - float(picture.mean()) / 255
            yield with_clock(sensor(picture, at + second, 1.5 + 3 * darkness**2), at + second)
        at += lasts_s


def going_wrong(
    place: str, ailment: Scene, *, well_s: int = 120, ailing_s: int = 240, again_s: int = 0, noisy: bool = True
) -> Iterator[Picture]:
    """A calm camera at ``place`` that has ``ailment`` from second ``well_s`` on, and is well ``again_s`` at the end.

    noisy: whether its sensor goes on making noise meanwhile.
    """
    base = view(place)
    for second in range(0, well_s + ailing_s + again_s, EVERY_S):
        ailing = well_s <= second < well_s + ailing_s
        picture = ailment(base, second) if ailing else base
        yield picture if ailing and not noisy else sensor(picture, second)


# -- as a stream -------------------------------------------------------------------------------------------------------


def encode(path: Path, pictures: Iterable[Picture], *, gop: int = 1, bit_rate: int | None = None) -> Path:
    """Write ``pictures``, ``EVERY_S`` / ``gop`` seconds apart, to ``path`` as H.264, each ``gop``-th a keyframe.

    bit_rate: bits a second that the encoder keeps to; without it every picture has the same quality.
    """
    options = {"preset": "superfast", "bf": "0", "g": str(gop), "sc_threshold": "0", "threads": "1"}
    if bit_rate is None:
        options["crf"] = "23"
    else:
        options |= {"maxrate": str(bit_rate * 3 // 2), "bufsize": str(bit_rate * 3 // 2)}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(gop, EVERY_S), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(EVERY_S, gop)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def glances(path: Path) -> Iterator[Glance]:
    """What `edge.capture` gives of the stream in ``path`` while nobody moves: its decoded keyframes, shrunk."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        for frame in container.decode(stream):
            assert frame.time is not None
            plane: Any = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            luma = np.asarray(rows[: frame.height, : frame.width], np.uint8)
            yield Glance(shrink(luma), frame.time, NOON + timedelta(seconds=frame.time))


def told(path: Path, watch: ConditionWatch | None = None) -> list[CameraConditionV1]:
    """What an edge tells of a camera that sends the stream in ``path``."""
    watch = watch or ConditionWatch(CameraId("cam"), [CheckpointId("gate")])
    online = CameraHealth(camera=watch.camera, state=CameraState.ONLINE)
    changes = []
    for glance in glances(path):
        watch.see(glance)
        changes += watch.look(online, glance.at_s, glance.at)
    return changes


def _clipped(values: object) -> Picture:
    return np.asarray(np.clip(np.asarray(values, np.float32) + 0.5, 0, 255), np.uint8)
