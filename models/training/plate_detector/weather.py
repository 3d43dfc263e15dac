"""What light, weather, lens and encoder do to a picture before anything is looked for in it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.types import Float, Image

Lamps = Sequence[tuple[float, float, float]]
"""x, y and size of what shines in the picture, pixels."""


def through_a_camera(picture: Image, lamps: Lamps, random: np.random.Generator) -> Image:
    """``picture`` as a camera of chance delivers it, uint8 BGR of the same size."""
    light: Float = picture.astype(np.float32)
    night = random.random() < 0.3
    if night:
        light = _night(light, random)
        if lamps and random.random() < 0.75:
            light = _shine(light, lamps, random)
    elif random.random() < 0.2:
        light = _haze(light, random)
    elif random.random() < 0.25:
        light = _sun_and_shadow(light, random)
    if random.random() < 0.12:
        light = _rain(light, random)
    light = _colours(light, random, infrared=night and random.random() < 0.5)
    light = _lens(light, random)
    return _sensor(light, random, night=night)


def _night(light: Float, random: np.random.Generator) -> Float:
    """Dark, lit by lamps in front of the camera: brighter in the middle of a spot."""
    height, width = light.shape[:2]
    spot = np.zeros((height, width), np.float32)
    centre = random.uniform(0.2, 0.8) * width, random.uniform(0.3, 0.9) * height
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    reach = random.uniform(0.3, 1.2) * width
    spot = np.exp(-(((x - centre[0]) / reach) ** 2 + ((y - centre[1]) / reach) ** 2))
    return np.asarray(light * (random.uniform(0.1, 0.35) + random.uniform(0.1, 0.9) * spot[..., None]), np.float32)


def _shine(light: Float, lamps: Lamps, random: np.random.Generator) -> Float:
    """Lamps that are on: a white core, a wide bloom, sometimes a streak across."""
    height, width = light.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    tint = np.array((random.uniform(0.75, 1.0), random.uniform(0.85, 1.0), 1.0), np.float32)
    for lamp_x, lamp_y, size in lamps:
        core = max(2.0, size * random.uniform(0.5, 1.2))
        away = (x - lamp_x) ** 2 + (y - lamp_y) ** 2
        glow = 300 * np.exp(-away / core**2) + random.uniform(30, 160) * np.exp(
            -np.sqrt(away) / (core * random.uniform(1.5, 5))
        )
        if random.random() < 0.4:
            glow += random.uniform(30, 120) * np.exp(-np.abs(y - lamp_y) / 2 - np.abs(x - lamp_x) / (core * 8))
        light = light + glow[..., None] * tint
    return np.asarray(light, np.float32)


def _haze(light: Float, random: np.random.Generator) -> Float:
    share = random.uniform(0.1, 0.5)
    return np.asarray(light * (1 - share) + random.uniform(140, 230) * share, np.float32)


def _sun_and_shadow(light: Float, random: np.random.Generator) -> Float:
    """The edge of a shadow across the picture, or dapples of one."""
    height, width = light.shape[:2]
    if random.random() < 0.5:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        angle = random.uniform(0, np.pi)
        along = (x - width * random.uniform(0.2, 0.8)) * np.cos(angle) + (
            y - height * random.uniform(0.2, 0.8)
        ) * np.sin(angle)
        shadow = 1 / (1 + np.exp(-along / random.uniform(1, 12)))
    else:
        cells = max(3, int(width / random.uniform(20, 90)))
        shadow = cv2.resize(
            random.random((cells, cells)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
        shadow = (shadow > 0.5).astype(np.float32)
        shadow = cv2.GaussianBlur(shadow, (0, 0), random.uniform(1, 5))
    deep = random.uniform(0.3, 0.75)
    return np.asarray(light * (deep + (random.uniform(1, 1.3) - deep) * shadow[..., None]), np.float32)


def _rain(light: Float, random: np.random.Generator) -> Float:
    """Streaks in the air."""
    height, width = light.shape[:2]
    drops = np.zeros((height, width), np.uint8)
    slant, length = random.normal(0, 0.25), random.uniform(6, 26)
    for x, y in random.uniform((0, 0), (width, height), (int(random.uniform(40, 400)), 2)):
        end = round(x + slant * length), round(y + length)
        cv2.line(drops, (round(x), round(y)), end, int(random.uniform(60, 255)), 1, cv2.LINE_AA)
    share = cv2.GaussianBlur(drops, (0, 0), random.uniform(0.5, 1.2)).astype(np.float32)[..., None] / 255
    return np.asarray(light + (230 - light) * share * random.uniform(0.3, 0.8), np.float32)


def _colours(light: Float, random: np.random.Generator, *, infrared: bool) -> Float:
    """Exposure, white balance, contrast; no colour at all under infrared light."""
    if infrared or random.random() < 0.04:
        grey = light @ np.array(random.dirichlet((2, 3, 3)), np.float32)
        light = np.repeat(grey[..., None], 3, axis=2)
    else:
        light = light * random.uniform(0.88, 1.12, 3).astype(np.float32)
    light = np.clip(light * random.uniform(0.65, 1.4) + random.uniform(-15, 20), 0, 255)
    return np.asarray(255 * (light / 255) ** random.uniform(0.7, 1.45), np.float32)


def _lens(light: Float, random: np.random.Generator) -> Float:
    """Out of focus, moving, or a picture that was smaller once."""
    height, width = light.shape[:2]
    if random.random() < 0.25:
        length = int(random.uniform(2, 9))
        kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
        angle = random.normal(0, 0.4) if random.random() < 0.5 else random.uniform(0, np.pi)
        reach = length * np.array((np.cos(angle), np.sin(angle))) / 2
        ends = [(round(length + side * reach[0]), round(length + side * reach[1])) for side in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA)
        light = np.asarray(cv2.filter2D(light, -1, kernel / max(kernel.sum(), 1e-6)), np.float32)
    if random.random() < 0.5:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), random.uniform(0.3, 1.5)), np.float32)
    if random.random() < 0.2:
        scale = random.uniform(0.45, 0.95)
        small = cv2.resize(
            light, (max(8, round(width * scale)), max(8, round(height * scale))), interpolation=cv2.INTER_AREA
        )
        light = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    if random.random() < 0.25:
        soft = cv2.GaussianBlur(light, (0, 0), 1.2)
        light = np.asarray(light + (light - soft) * random.uniform(0.3, 1.5), np.float32)
    return light


def _sensor(light: Float, random: np.random.Generator, *, night: bool) -> Image:
    """Noise of the sensor, then an encoder that spares bits."""
    height, width = light.shape[:2]
    strength = random.uniform(0, 14 if night else 6)
    fine = random.normal(0, strength, (height, width, 1)).astype(np.float32)
    coarse = random.normal(0, strength * 0.6, (height // 2 + 1, width // 2 + 1, 3)).astype(np.float32)
    large = cv2.resize(coarse, (2 * (width // 2 + 1), 2 * (height // 2 + 1)))[:height, :width]
    picture: Image = np.clip(light + fine + large, 0, 255).astype(np.uint8)
    if random.random() < 0.8:
        _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(random.uniform(25, 92))])
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return picture
