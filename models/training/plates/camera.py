"""What a camera makes of a plate: distance, angle, light, dirt, motion, noise, compression, and a crop a bit off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from models.training.plates.paint import DRAWN_WIDTH, Drawing
from models.types import Float, Image

_NOISE_LENGTH = 1 << 21


@dataclass(frozen=True, slots=True)
class Conditions:
    """How bad it gets.

    width_px: a plate's width in the camera's picture, drawn evenly on a logarithmic scale; harshness: 0..1, the worst
    of blur, noise, light and compression (each picture gets from none of it to all), and the size of crop errors;
    infrared: share of grey night pictures; loose: share of crops that are the upright box around a tilted plate, as
    many detectors give, rather than straightened by its corners; squeezed: share of crops, among those scaled twice,
    that are lower than they should be (D1 recorders halve the height, crops for other readers have 94x24 pixels).
    """

    width_px: tuple[float, float]
    harshness: float
    infrared: float
    loose: float
    squeezed: float = 0.0


TRAINING = Conditions((42, 210), 1.0, 0.12, 0.3, 0.4)
ORDINARY = Conditions((64, 200), 0.6, 0.08, 0.15)
"""As a camera near the lane sees plates."""
FAR = Conditions((40, 64), 0.6, 0.08, 0.15)
"""As one too far away does."""


@dataclass(frozen=True, slots=True)
class Seen:
    """bgr: uint8 (h, w, 3), the picture around the plate; quad: its true corners in it; grey: no colour left."""

    bgr: Image
    quad: Float
    grey: bool


def photograph(drawing: Drawing, conditions: Conditions, rng: np.random.Generator) -> Seen:
    """``drawing`` as one camera sees it."""
    low, high = conditions.width_px
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high)))) / DRAWN_WIDTH
    picture, quad = _projected(drawing, scale, rng)
    grey = bool(rng.random() < conditions.infrared)
    harshness = conditions.harshness * float(rng.random())
    picture = _lit(_toned(picture, grey, harshness, rng), quad, harshness, rng)
    picture = _blurred(picture, scale * DRAWN_WIDTH, harshness, rng)
    picture = _noisy(picture, harshness, grey, rng)
    shown = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.75:
        quality = int(rng.integers(round(92 - 67 * harshness), 96))
        shown = np.asarray(
            cv2.imdecode(cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR),
            np.uint8,
        )
    return Seen(shown, quad, grey)


def crop(seen: Seen, conditions: Conditions, width: int, height: int, rng: np.random.Generator) -> Image:
    """uint8 (height, width, 3): the plate as a detector would hand it over, corners and margin a bit off."""
    quad = seen.quad
    size = np.array([np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])], np.float32)
    error = rng.normal(0, 1, (4, 2)).astype(np.float32) * size * np.array([0.012, 0.03], np.float32)
    error *= np.float32(conditions.harshness)
    if rng.random() < conditions.loose:
        left, top = quad.min(axis=0)
        right, bottom = quad.max(axis=0)
        quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
        error = np.stack([error[0], [error[2, 0], error[0, 1]], error[2], [error[0, 0], error[2, 1]]])
    margin = rng.uniform(-0.02, 0.1)
    centre = quad.mean(axis=0)
    corners = (centre + (quad - centre) * np.float32(1 + margin) + error).astype(np.float32)
    twice = rng.random() < 0.6
    between = (200, round(200 * size[1] / size[0] * rng.uniform(0.9, 1.1))) if twice else (width, height)
    if twice and rng.random() < conditions.squeezed:
        between = (int(rng.integers(90, 160)), int(rng.integers(22, 48) * (1.6 if size[1] > 0.4 * size[0] else 1)))
    target = np.array([[0, 0], [between[0], 0], [between[0], between[1]], [0, between[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    straight = cv2.warpPerspective(seen.bgr, matrix, between, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if twice:
        straight = cv2.resize(straight, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(straight, np.uint8)


def _projected(drawing: Drawing, scale: float, rng: np.random.Generator) -> tuple[Float, Float]:
    picture, quad = drawing.bgr, drawing.quad * np.float32(scale)
    size = (max(16, round(picture.shape[1] * scale)), max(10, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    centre = quad.mean(axis=0)
    width, height = quad[1, 0] - quad[0, 0], quad[2, 1] - quad[1, 1]
    turn, shear = np.radians(rng.normal(0, 3.5)), rng.normal(0, 0.1)
    squeeze = rng.uniform(0.72, 1.0), rng.uniform(0.8, 1.1)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array(
        [[squeeze[0], shear], [0.0, squeeze[1]]]
    )
    moved = (quad - centre) @ linear.T.astype(np.float32) + centre
    moved += rng.normal(0, 1, (4, 2)) * np.array([width, height]) * [0.015, 0.035]
    moved = moved.astype(np.float32)
    matrix = cv2.getPerspectiveTransform(quad, moved)
    warped = cv2.warpPerspective(small, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32), moved


def _toned(picture: Float, grey: bool, harshness: float, rng: np.random.Generator) -> Float:
    """Contrast, exposure, cast, faded colours or none: one colour matrix."""
    contrast = rng.uniform(1 - 0.6 * harshness, 1.15)
    gain = rng.uniform(0.45, 1.4) if rng.random() < harshness * 0.7 else rng.uniform(0.7, 1.15)
    cast = np.exp(rng.normal(0, 0.14 * harshness, 3))
    faded = rng.uniform(0.2, 0.7) if rng.random() < 0.35 * harshness else 0.0
    mean = np.array(cv2.mean(picture)[:3])
    matrix = np.diag(cast * gain)
    matrix = (1 - faded) * matrix + faded * np.repeat(matrix.mean(axis=0, keepdims=True), 3, axis=0)
    if grey:
        matrix = np.repeat((rng.dirichlet((1.5, 2.0, 2.0)) @ matrix)[None], 3, axis=0)
    offset = matrix @ (mean * (1 - contrast))
    return np.asarray(cv2.transform(picture, np.column_stack([matrix * contrast, offset])), np.float32)


def _lit(picture: Float, quad: Float, harshness: float, rng: np.random.Generator) -> Float:
    """Uneven light, and one of shadow, glare or dirt now and then."""
    height, width = picture.shape[:2]
    if rng.random() < 0.5:
        corners = np.repeat(rng.uniform(0.6, 1.3, (2, 2, 1)), 3, axis=2).astype(np.float32)
        picture = np.asarray(cv2.multiply(picture, cv2.resize(corners, (width, height))), np.float32)
    if rng.random() < 0.25 * harshness + 0.05:
        picture = _shadowed(picture, rng)
    if rng.random() < 0.15 * harshness:
        picture = _glared(picture, quad, rng)
    if rng.random() < 0.25 * harshness:
        _dirty(picture, quad, rng)
    return picture


def _shadowed(picture: Float, rng: np.random.Generator) -> Float:
    height, width = picture.shape[:2]
    shade = np.ones((height, width, 3), np.float32)
    y0, y1 = rng.uniform(-0.2, 1.2, 2) * height
    polygon = np.array([[0, y0], [width, y1], [width, height * 3], [0, height * 3]], np.float32)
    if rng.random() < 0.5:
        polygon[2:, 1] = -height * 2
    cv2.fillPoly(shade, [polygon.astype(np.int32)], [float(rng.uniform(0.4, 0.75))] * 3, cv2.LINE_AA)
    soft = cv2.GaussianBlur(shade, (0, 0), max(0.5, width * float(rng.uniform(0.002, 0.02))))
    return np.asarray(cv2.multiply(picture, soft), np.float32)


def _glared(picture: Float, quad: Float, rng: np.random.Generator) -> Float:
    height, width = picture.shape[:2]
    centre = quad[0] + (quad[2] - quad[0]) * rng.uniform(-0.1, 1.1, 2)
    radius = width * rng.uniform(0.06, 0.3)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    spot = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / np.float32(2 * radius**2))
    return np.asarray(picture + spot[..., None] * np.float32(rng.uniform(30, 110)), np.float32)


def _dirty(picture: Float, quad: Float, rng: np.random.Generator) -> None:
    span = quad[2] - quad[0]
    shade = tuple(float(v) for v in rng.uniform(20, 190) + np.array([-25, 0, 20]) * rng.random())
    width = float(abs(span[0]))
    for _ in range(int(rng.integers(2, 14))):
        centre = quad[0] + span * rng.random(2)
        radius = width * rng.uniform(0.003, 0.014)
        cv2.circle(picture, (round(centre[0] * 8), round(centre[1] * 8)), round(radius * 8), shade, -1, cv2.LINE_AA, 3)


def _blurred(picture: Float, width_px: float, harshness: float, rng: np.random.Generator) -> Float:
    """Defocus or motion, as shares of the plate's width, so that a plate far away is not blurred beyond reading."""
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.25, 0.6))), np.float32)
    if rng.random() < 0.4 * harshness:
        sigma = width_px * rng.uniform(0.002, 0.011)
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), max(0.3, float(sigma))), np.float32)
    if rng.random() < 0.3 * harshness:
        length = width_px * rng.uniform(0.008, 0.034)
        angle = rng.normal(0, 0.35) if rng.random() < 0.75 else rng.uniform(0, np.pi)
        picture = np.asarray(cv2.filter2D(picture, -1, _motion(length, angle)), np.float32)
    return picture


def _motion(length: float, angle: float) -> Float:
    side = max(3, int(np.ceil(length)) | 1)
    kernel = np.zeros((side, side), np.float32)
    half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    middle = (side - 1) / 2
    ends = [(round((middle + sign * half[0]) * 16), round((middle + sign * half[1]) * 16)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    total = float(kernel.sum())
    if total <= 0:
        kernel[side // 2, side // 2] = total = 1.0
    return kernel / np.float32(total)


@lru_cache(maxsize=1)
def _noise() -> Float:
    return np.asarray(np.random.default_rng(20_261_122).standard_normal(_NOISE_LENGTH, np.float32), np.float32)


def _noisy(picture: Float, harshness: float, grey: bool, rng: np.random.Generator) -> Float:
    sigma = rng.uniform(0, 4) + (rng.uniform(0, 15) * harshness if rng.random() < 0.4 else 0.0)
    start = int(rng.integers(_NOISE_LENGTH - picture.size))
    noise = _noise()[start : start + picture.size].reshape(picture.shape)
    if grey:
        noise = noise[..., :1]
    return np.asarray(picture + noise * np.float32(sigma), np.float32)
