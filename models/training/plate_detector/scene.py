"""Composed scenes with plates whose corners are known: background, lookalikes, vehicles, what hides them, a camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from models.training.plate_detector.backgrounds import draw_background
from models.training.plate_detector.chance import any_of
from models.training.plate_detector.lookalikes import draw_lookalike
from models.training.plate_detector.placing import Matrix, Pose, in_front, lay, see, seen_at
from models.training.plate_detector.plate_pictures import PlatePicture
from models.training.plate_detector.vehicles import Vehicle, draw_vehicle
from models.training.plate_detector.weather import through_a_camera
from models.types import Float, Image

MIN_PX, MAX_PX = 36.0, 420.0
"""Plate widths composed on purpose; smaller ones that come about are neither asked for nor forbidden."""
HIDDEN_SHARE = 0.35
"""A plate of which more is hidden need not be found."""
_ONE_ROW_MM = 440
_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


@dataclass(frozen=True, slots=True)
class Kit:
    """What scenes are made of, as the modules beside this one draw it."""

    plates: Sequence[PlatePicture]
    vehicles: Sequence[Vehicle]
    lookalikes: Sequence[Image]
    photographs: Sequence[Image]

    @classmethod
    def drawn(
        cls,
        random: np.random.Generator,
        plates: Sequence[PlatePicture],
        photographs: Sequence[Image],
        *,
        vehicles: int,
        lookalikes: int,
    ) -> Kit:
        """A kit of that many vehicles and lookalikes."""
        mirrors = [*photographs] or [draw_background(random, (), 320, 240) for _ in range(8)]
        return cls(
            plates,
            tuple(draw_vehicle(random, any_of(random, mirrors)) for _ in range(vehicles)),
            tuple(draw_lookalike(random) for _ in range(lookalikes)),
            photographs,
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """picture: uint8 (h, w, 3); quads: float32 (n, 4, 2), corners of the plates to be found, top left first, clockwise

    as the plate is read, pixels; ignored: float32 (m, 4, 2), corners of those that may be found or not.
    """

    picture: Image
    quads: Float
    ignored: Float


@dataclass(slots=True)
class _Laid:
    """A scene being laid. hidden: share of each plate that is covered so far."""

    picture: Image
    quads: list[Float] = field(default_factory=list)
    hidden: list[float] = field(default_factory=list)
    lamps: list[tuple[float, float, float]] = field(default_factory=list)

    def cover(self, by: Image) -> None:
        """Something was laid: plates below it are hidden where it is. by: its coverage, uint8 (h, w)."""
        for index, quad in enumerate(self.quads):
            own = np.zeros(by.shape, np.uint8)
            cv2.fillConvexPoly(own, np.round(quad).astype(np.int32), 1)
            under = by[own > 0]
            if under.size:
                self.hidden[index] += float(under.mean()) / 255


def compose(random: np.random.Generator, kit: Kit, width: int, height: int) -> Scene:
    """One scene of that size. The same generator state gives the same scene."""
    laid = _Laid(draw_background(random, kit.photographs, width, height))
    for _ in range(random.integers(0, 5)):
        _lay_lookalike(laid, random, kit)
    wanted = np.exp(
        random.uniform(np.log(MIN_PX), np.log(MAX_PX), random.choice((0, 1, 2, 3), p=(0.08, 0.56, 0.24, 0.12)))
    )
    for plate_px in np.sort(wanted):
        _lay_vehicle(laid, random, kit, min(float(plate_px), 0.9 * width))
    if random.random() < 0.3:
        _lay_lookalike(laid, random, kit)
    if laid.quads and random.random() < 0.15:
        _hide_part(laid, random)
    picture = through_a_camera(laid.picture, laid.lamps, random)
    return _told(picture, laid)


def _told(picture: Image, laid: _Laid) -> Scene:
    height, width = picture.shape[:2]
    quads = np.array(laid.quads, np.float32).reshape(-1, 4, 2)
    wide = (np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1) + np.linalg.norm(quads[:, 2] - quads[:, 3], axis=1)) / 2
    high = (np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1) + np.linalg.norm(quads[:, 2] - quads[:, 1], axis=1)) / 2
    inside = ((quads > -2) & (quads < (width + 2, height + 2))).all(axis=(1, 2))
    shown = np.array(laid.hidden) <= HIDDEN_SHARE
    asked = inside & shown & (wide >= MIN_PX * 0.95) & (high >= 9)
    return Scene(picture, quads[asked], quads[~asked])


def _lay_lookalike(laid: _Laid, random: np.random.Generator, kit: Kit) -> None:
    thing = any_of(random, kit.lookalikes)
    height, width = laid.picture.shape[:2]
    size = np.exp(random.uniform(np.log(24), np.log(260)))
    at = random.uniform(0, width), random.uniform(0, height)
    scale, middle = size / thing.shape[1], (thing.shape[1] / 2, thing.shape[0] / 2)
    matrix = see(Pose.drawn(random), scale, middle, at, max(width, height))
    if in_front(matrix, thing.shape[1], thing.shape[0]):
        laid.cover(lay(laid.picture, _lit(thing, random), matrix))


def _lay_vehicle(laid: _Laid, random: np.random.Generator, kit: Kit, plate_px: float) -> None:
    height, width = laid.picture.shape[:2]
    vehicle = any_of(random, kit.vehicles)
    left, top, right, bottom = vehicle.plate
    middle = (left + right) / 2, (top + bottom) / 2
    reach = min(plate_px * 0.45, width / 2 - 1), min(plate_px * 0.3, height / 2 - 1)
    if random.random() < 0.06:
        reach = (0.0, 0.0)
    at = random.uniform(reach[0], width - reach[0]), random.uniform(reach[1], height - reach[1])
    for _ in range(8):
        matrix = see(Pose.drawn(random), plate_px / (right - left), middle, at, max(width, height))
        if in_front(matrix, vehicle.picture.shape[1], vehicle.picture.shape[0]):
            break
    else:
        return
    if random.random() < 0.85:
        laid.cover(lay(laid.picture, _lit(vehicle.picture, random), matrix))
        places = seen_at(matrix, np.array(vehicle.lamps, np.float32))
        laid.lamps += [(float(x), float(y), plate_px * 0.16) for x, y in places]
    _lay_on_holder(laid, random, kit, vehicle, matrix)


def _lay_on_holder(laid: _Laid, random: np.random.Generator, kit: Kit, vehicle: Vehicle, matrix: Matrix) -> None:
    """A plate where the vehicle's is, or, at times, nothing or something else."""
    left, top, right, bottom = vehicle.plate
    chance = random.random()
    if chance < 0.1:
        return
    if chance < 0.2:
        other = any_of(random, kit.lookalikes)
        across = (right - left) / other.shape[1]
        laid.cover(lay(laid.picture, _lit(other, random), matrix @ _onto(left, top, across, across)))
        return
    plate = _plate(random, kit, vehicle.rows)
    high, wide = plate.picture.shape[:2]
    per_mm = (right - left) / _ONE_ROW_MM
    top = (top + bottom) / 2 - plate.height_mm * per_mm / 2
    left = (left + right) / 2 - plate.width_mm * per_mm / 2
    onto = matrix @ _onto(left, top, per_mm * plate.width_mm / wide, per_mm * plate.height_mm / high)
    quad = seen_at(onto, _CORNERS * (wide, high))
    laid.cover(lay(laid.picture, _mounted(plate.picture, random), onto))
    laid.quads.append(quad)
    laid.hidden.append(0.0)


def _plate(random: np.random.Generator, kit: Kit, rows: int) -> PlatePicture:
    """A plate of that many rows; of another number of rows where chance offers none."""
    for _ in range(12):
        plate = any_of(random, kit.plates)
        if plate.rows == rows:
            break
    return plate


def _onto(left: float, top: float, across: float, down: float) -> Matrix:
    return np.array([[across, 0, left], [0, down, top], [0, 0, 1.0]])


def _mounted(plate: Image, random: np.random.Generator) -> Image:
    """A plate as it hangs: round corners, light on it, a shadow of the edge above, sometimes a frame, bolts, dirt."""
    high, wide = plate.shape[:2]
    light = plate.astype(np.float32) * random.uniform(0.55, 1.25) + random.uniform(-10, 25)
    if random.random() < 0.35:
        deep = int(high * random.uniform(0.1, 0.5))
        light[:deep] *= np.linspace(random.uniform(0.3, 0.8), 1, deep, dtype=np.float32)[:, None, None]
    if random.random() < 0.3:
        slope = np.linspace(random.uniform(0.6, 1.3), random.uniform(0.6, 1.3), wide, dtype=np.float32)
        light *= slope[None, :, None]
    if random.random() < 0.2:
        cells = random.random((max(2, high // 14), max(2, wide // 14))).astype(np.float32)
        dirt = np.clip(cv2.resize(cells, (wide, high), interpolation=cv2.INTER_CUBIC) - 0.6, 0, 1)[..., None]
        light += (np.array((80, 100, 120), np.float32) - light) * dirt * random.uniform(0.6, 2)
    face = np.clip(light, 0, 255).astype(np.uint8)
    if random.random() < 0.25:
        grey = random.uniform(20, 220)
        cv2.rectangle(face, (0, 0), (wide - 1, high - 1), (grey, grey, grey), int(random.uniform(4, 14)))
    for x in (0.25, 0.75) if random.random() < 0.6 else ():
        for y in (0.09, 0.91) if random.random() < 0.5 else (0.09,):
            grey = random.uniform(40, 240)
            cv2.circle(face, (int(x * wide), int(y * high)), 8, (grey, grey, grey), -1, cv2.LINE_AA)
    cover = np.zeros((high, wide), np.uint8)
    corner = int(random.uniform(0, 14))
    cv2.rectangle(cover, (corner, 0), (wide - 1 - corner, high - 1), 255, -1)
    cv2.rectangle(cover, (0, corner), (wide - 1, high - 1 - corner), 255, -1)
    for x in (corner, wide - 1 - corner):
        for y in (corner, high - 1 - corner):
            cv2.circle(cover, (x, y), corner, 255, -1, cv2.LINE_AA)
    return np.dstack([face, cover])


def _lit(thing: Image, random: np.random.Generator) -> Image:
    """``thing`` in another light."""
    lit = thing.copy()
    lit[..., :3] = cv2.convertScaleAbs(thing[..., :3], alpha=random.uniform(0.5, 1.25), beta=random.uniform(0, 15))
    return lit


def _hide_part(laid: _Laid, random: np.random.Generator) -> None:
    """A bar, a tow hook, a leg or a lump of mud before a plate."""
    quad = any_of(random, laid.quads)
    across, down = quad[1] - quad[0], quad[3] - quad[0]
    height, width = laid.picture.shape[:2]
    cover = np.zeros((height, width), np.uint8)
    start = quad[0] + across * random.uniform(-0.05, 1.05) + down * random.uniform(-0.2, 0.3)
    grey = random.uniform(10, 230)
    if random.random() < 0.6:
        thick = max(1, int(np.linalg.norm(across) * random.uniform(0.02, 0.2)))
        end = start + down * random.uniform(0.5, 6) + across * random.normal(0, 0.3)
        cv2.line(cover, _whole(start), _whole(end), 255, thick, cv2.LINE_AA)
    else:
        radius = max(1, int(np.linalg.norm(down) * random.uniform(0.15, 0.5)))
        cv2.circle(cover, _whole(start + down * random.uniform(0, 0.8)), radius, 255, -1, cv2.LINE_AA)
    colour = np.array((grey, grey * random.uniform(0.8, 1.2), grey * random.uniform(0.8, 1.2)), np.float32)
    share = cover[..., None].astype(np.float32) / 255
    laid.picture = np.clip(laid.picture + (colour - laid.picture) * share, 0, 255).astype(np.uint8)
    laid.cover(cover)


def _whole(place: Float) -> tuple[int, int]:
    return int(place[0]), int(place[1])
