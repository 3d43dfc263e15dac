"""What stands behind the vehicles: photographs, drawn streets, plain textures."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.training.plate_detector.chance import any_of
from models.types import Image


def draw_background(random: np.random.Generator, photographs: Sequence[Image], width: int, height: int) -> Image:
    """Any background, uint8 (height, width, 3). Without ``photographs`` drawn ones only."""
    chance = random.random()
    if photographs and chance < 0.6:
        return _photograph(random, any_of(random, photographs), width, height)
    return _street(random, width, height) if chance < 0.9 else _texture(random, width, height)


def _photograph(random: np.random.Generator, photograph: Image, width: int, height: int) -> Image:
    """Part of a photograph, mirrored at times, from as far as it goes to somewhat too close."""
    high, wide = photograph.shape[:2]
    largest = min(wide / width, high / height)
    scale = largest * random.uniform(0.3, 1.0) if random.random() < 0.8 else largest
    cut_w, cut_h = max(8, int(width * scale)), max(8, int(height * scale))
    x, y = random.integers(0, wide - cut_w + 1), random.integers(0, high - cut_h + 1)
    how = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    part = cv2.resize(photograph[y : y + cut_h, x : x + cut_w], (width, height), interpolation=how)
    return np.asarray(part[:, ::-1] if random.random() < 0.5 else part, np.uint8).copy()


def _texture(random: np.random.Generator, width: int, height: int) -> Image:
    """Smooth spots of several sizes in related colours."""
    ground = random.uniform(20, 220, 3)
    light = np.tile(ground.astype(np.float32), (height, width, 1))
    for _ in range(3):
        cell = random.uniform(2, 60)
        cells = random.normal(0, random.uniform(4, 30), (max(2, int(height / cell)), max(2, int(width / cell)), 1))
        spots = cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        light += spots[..., None] * random.uniform(0.6, 1.2, 3).astype(np.float32)
    return np.clip(light, 0, 255).astype(np.uint8)


def _street(random: np.random.Generator, width: int, height: int) -> Image:
    """Sky or a garage's ceiling, walls with rows of windows or slats, bushes, a road with lines and kerbs."""
    picture = _texture(random, width, height)
    horizon = int(height * random.uniform(0.1, 0.6))
    sky = np.linspace(random.uniform(150, 250), random.uniform(120, 255), max(horizon, 1), dtype=np.float32)
    picture[:horizon] = (sky[:, None, None] * np.array((1.0, 0.95, 0.88), np.float32)).astype(np.uint8)[:horizon]
    for _ in range(random.integers(1, 7)):
        _wall(picture, random, horizon)
    for _ in range(random.integers(0, 40)):
        centre = int(random.uniform(0, width)), int(horizon + random.normal(0, height * 0.06))
        green = random.uniform((30, 70, 30), (90, 160, 100))
        cv2.circle(picture, centre, int(random.uniform(3, height * 0.08)), green.tolist(), -1, cv2.LINE_AA)
    grey = random.uniform(60, 190)
    road = picture[horizon:].astype(np.float32) * 0.2 + grey * np.linspace(0.7, 1.0, height - horizon)[:, None, None]
    grain = random.normal(0, random.uniform(2, 14), (height - horizon, width, 1))
    picture[horizon:] = np.clip(road + grain, 0, 255).astype(np.uint8)
    vanish = random.uniform(-0.2, 1.2) * width
    paint = ((235, 235, 235), (60, 190, 235), (110, 110, 110))
    for _ in range(random.integers(0, 6)):
        end = int(random.uniform(-1, 2) * width), height
        line = paint[random.integers(3)]
        cv2.line(picture, (int(vanish), horizon), end, line, int(random.integers(1, 9)), cv2.LINE_AA)
    for _ in range(random.integers(0, 4)):
        x, top = int(random.uniform(0, width)), int(random.uniform(-0.2, 0.6) * height)
        pole = random.uniform((30, 30, 30), (200, 200, 210)).tolist()
        cv2.line(picture, (x, top), (x, int(random.uniform(0.6, 1.0) * height)), pole, int(random.integers(2, 16)))
    return picture


def _wall(picture: Image, random: np.random.Generator, horizon: int) -> None:
    height, width = picture.shape[:2]
    left = int(random.uniform(-0.2, 0.9) * width)
    right, top = left + int(random.uniform(0.1, 0.6) * width), int(random.uniform(-0.2, 0.8) * horizon)
    bottom = horizon + int(random.uniform(0, 0.1) * height)
    wall = random.uniform(60, 235) * random.uniform(0.85, 1.0, 3)
    cv2.rectangle(picture, (left, top), (right, bottom), wall.tolist(), -1)
    step_x, step_y = random.uniform(6, 50, 2)
    pane = (wall * random.uniform(0.3, 1.25)).clip(0, 255).tolist()
    share = random.uniform(0.35, 0.9, 2)
    for y in np.arange(top + step_y * 0.3, bottom - step_y * 0.5, step_y):
        for x in np.arange(left + step_x * 0.3, right - step_x * 0.5, step_x):
            corner = int(x + step_x * share[0]), int(y + step_y * share[1])
            cv2.rectangle(picture, (int(x), int(y)), corner, pane, -1)
