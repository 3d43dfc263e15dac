"""What stands around: sky, towers, trees, bushes, paving, fences, signs. Positions in pixels of the frame."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from demo.draw.canvas import Canvas, Colour, Picture, Point, ellipse, floats, mix, rounded, shade, smooth
from demo.draw.fonts import text_mask

WIDTH, HEIGHT = 1920, 1080

Outline = tuple[Point, ...]


def gradient(top: Colour, bottom: Colour, height: int, width: int = WIDTH) -> Picture:
    """Vertical gradient, uint8 (height, width, 3)."""
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    column = floats(top) * (1 - share) + floats(bottom) * share
    return np.broadcast_to(column, (height, width, 3)).astype(np.uint8)


def landscape(horizon_y: int, ground_far: Colour, ground_near: Colour) -> Canvas:
    """A canvas with a morning sky above ``horizon_y`` and plain ground below."""
    sky = gradient((232, 196, 150), (240, 232, 220), horizon_y)
    ground = gradient(ground_far, ground_near, HEIGHT - horizon_y)
    return Canvas(WIDTH, HEIGHT, np.vstack([sky, ground]))


def cloud(canvas: Canvas, x: float, y: float, size: float) -> None:
    for dx, dy, r in ((-0.7, 0.1, 0.42), (-0.2, -0.12, 0.55), (0.35, -0.02, 0.46), (0.8, 0.14, 0.32)):
        canvas.shape(
            ellipse((x + dx * size, y + dy * size), (r * size, r * size * 0.55)), (252, 250, 248), soft=6, opacity=0.75
        )


def tower(canvas: Canvas, left: float, top: float, width: float, base: float, *, wall: Colour) -> None:
    """A residential block with rows of windows and balconies, hazy with distance."""
    canvas.shape(floats([(left, top), (left + width, top), (left + width, base), (left, base)]), wall)
    side = width * 0.22
    canvas.shape(
        floats([(left, top), (left + side, top), (left + side, base), (left, base)]), shade(wall, 0.9), opacity=0.8
    )
    canvas.shape(
        floats([(left - 4, top - 8), (left + width + 4, top - 8), (left + width + 4, top), (left - 4, top)]),
        shade(wall, 0.82),
    )
    columns = max(2, int(width // 34))
    cell = (width - side) / columns
    for row_y in np.arange(top + 18, base - 24, 34):
        for column in range(columns):
            x = left + side + column * cell + cell * 0.18
            glass = mix((206, 176, 146), wall, 0.25) if (column * 7 + int(row_y) // 34 * 5) % 4 else (190, 226, 244)
            canvas.shape(rounded(x, float(row_y), x + cell * 0.64, float(row_y) + 19, 2), glass)
        canvas.stroke([(left + side, row_y + 24), (left + width, row_y + 24)], shade(wall, 0.88), 3)


def tree(canvas: Canvas, x: float, base: float, height: float, seed: int) -> None:
    """A broad-leaved tree with light from the upper right."""
    random = np.random.default_rng((seed, 9))
    trunk = height * 0.035
    canvas.shape(
        ellipse((x + height * 0.10, base), (height * 0.34, height * 0.035)),
        (40, 52, 40),
        soft=height * 0.02,
        opacity=0.4,
    )
    canvas.shape(
        [
            (x - trunk, base),
            (x + trunk, base),
            (x + trunk * 0.6, base - height * 0.5),
            (x - trunk * 0.6, base - height * 0.5),
        ],
        (70, 92, 116),
    )
    green = [(86, 140, 96), (74, 150, 110), (92, 152, 84)][seed % 3]
    crown = []
    for _ in range(16):
        angle, reach = random.uniform(0, 2 * np.pi), random.uniform(0.05, 0.24) * height
        crown.append((x + np.cos(angle) * reach, base - height * 0.66 + np.sin(angle) * reach * 1.05))
    crown.sort(key=lambda spot: spot[0] - spot[1])
    for number, spot in enumerate(crown):
        light = 0.72 + 0.5 * number / len(crown)
        r = height * random.uniform(0.10, 0.16)
        canvas.shape(ellipse(spot, (r, r * 0.92)), shade(green, light), soft=1.2)
    for number in range(26):
        spot = crown[number % len(crown)]
        jitter = random.uniform(-0.09, 0.09, 2) * height
        canvas.shape(
            ellipse((spot[0] + jitter[0], spot[1] + jitter[1]), (height * 0.022, height * 0.016)),
            shade(green, 1.32 if number % 2 else 0.78),
            opacity=0.5,
        )


def hedge(canvas: Canvas, left: float, right: float, base: float, height: float, *, seed: int) -> None:
    """A clipped hedge with a soft, leafy top."""
    random = np.random.default_rng((seed, 11))
    canvas.shape(rounded(left, base - height, right, base, height * 0.3), (66, 116, 78))
    count = int((right - left) / (height * 0.34)) + 1
    for number in range(count * 2):
        x = left + (right - left) * (number + 0.5) / (count * 2)
        y = base - height * random.uniform(0.35, 0.98)
        r = height * random.uniform(0.16, 0.28)
        canvas.shape(ellipse((x, y), (r, r * 0.8)), shade((76, 138, 92), random.uniform(0.82, 1.22)), opacity=0.85)
    canvas.shape(
        [(left, base - height * 0.16), (right, base - height * 0.16), (right, base + 2), (left, base + 2)],
        (40, 66, 46),
        soft=height * 0.08,
        opacity=0.45,
    )


def fence(canvas: Canvas, left: float, right: float, top: float, base: float) -> None:
    """A low wall with bars on it."""
    wall_top = base - (base - top) * 0.34
    for x in np.arange(left + 8, right, 22):
        canvas.stroke([(x, top + 6), (x, wall_top)], (92, 82, 74), 4)
    for y in (top + 16, wall_top - 12):
        canvas.stroke([(left, y), (right, y)], (84, 74, 66), 5)
    canvas.shape([(left, wall_top), (right, wall_top), (right, base), (left, base)], (176, 190, 206))
    canvas.shape([(left, wall_top), (right, wall_top), (right, wall_top + 7), (left, wall_top + 7)], (206, 216, 226))
    canvas.shape(
        [(left, base - 6), (right, base - 6), (right, base + 3), (left, base + 3)], (90, 96, 104), soft=4, opacity=0.6
    )


def pillar(canvas: Canvas, middle: float, width: float, top: float, base: float) -> None:
    """A stone gate pillar with a cap and a lamp."""
    half = width / 2
    canvas.shape(rounded(middle - half, top, middle + half, base, 4), (186, 200, 216))
    canvas.shape(
        [(middle - half, top), (middle - half * 0.4, top), (middle - half * 0.4, base), (middle - half, base)],
        (158, 172, 190),
    )
    for y in np.arange(top + 26, base - 6, 34):
        canvas.stroke([(middle - half, y), (middle + half, y)], (150, 162, 178), 2, opacity=0.8)
    canvas.shape(rounded(middle - half - 8, top - 14, middle + half + 8, top + 4, 4), (206, 216, 228))


def paving(canvas: Canvas, horizon_y: float, vanish_x: float, first_y: float, colour: Colour) -> None:
    """Joints between slabs in one-point perspective, from ``first_y`` to the bottom."""
    for x in range(-5200, 7200, 260):
        far = vanish_x + (x - vanish_x) * (first_y - horizon_y) / (HEIGHT - horizon_y)
        canvas.stroke([(far, first_y), (x, HEIGHT)], colour, 2, opacity=0.5)
    depth = 1.0
    while True:
        y = horizon_y + (HEIGHT - horizon_y) * depth
        if y < first_y:
            break
        canvas.stroke([(0, y), (WIDTH, y)], colour, 2, opacity=0.5)
        depth /= 1.13


def floor_square(canvas: Canvas, outline: Outline, text: str) -> None:
    """The painted one-person zone: a yellow frame, two footprints' worth of tint, and its words in perspective."""
    corners = floats(outline)
    canvas.shape(corners, (120, 214, 250), opacity=0.28)
    canvas.stroke(corners, (60, 190, 244), 13, closed=True, opacity=0.92)
    centre = corners.mean(0)
    inner = centre + (corners - centre) * 0.90
    canvas.stroke(inner, (240, 244, 246), 3, closed=True, opacity=0.7)
    lower_left, lower_right = corners[3], corners[2]
    write_on(
        canvas, text, ((lower_left[0], lower_left[1] - 36), (lower_right[0], lower_left[1] - 36)), 34, (244, 246, 248)
    )


def write_on(canvas: Canvas, text: str, line: tuple[Point, Point], size_px: int, colour: Colour) -> None:
    """Centre ``text`` between the ends of a horizontal ``line``, its top on it, a little flattened as on a floor."""
    mask = text_mask(text, size_px)
    flat = np.asarray(
        cv2.resize(mask, (mask.shape[1], max(1, round(mask.shape[0] * 0.62))), interpolation=cv2.INTER_AREA), np.uint8
    )
    middle = (line[0][0] + line[1][0]) / 2
    canvas.stamp(flat, (middle - flat.shape[1] / 2, line[0][1]), colour, 0.85)


def sign(
    canvas: Canvas, middle: Point, text: str, size_px: int, ink: Colour, *, board: Colour | None = None, pad: float = 16
) -> None:
    """``text`` centred at ``middle``, on a board when a colour for one is given."""
    mask = text_mask(text, size_px)
    height, width = mask.shape
    left, top = middle[0] - width / 2, middle[1] - height / 2
    if board is not None:
        box = (left - pad, top - pad * 0.8, left + width + pad, top + height + pad * 0.8)
        canvas.shape(rounded(box[0] + 3, box[1] + 6, box[2] + 3, box[3] + 6, 10), (30, 30, 30), soft=5, opacity=0.35)
        canvas.shape(rounded(*box, 10), board)
    canvas.stamp(mask, (left, top), ink)


def lamp_post(canvas: Canvas, x: float, base: float, height: float) -> None:
    canvas.shape(rounded(x - 5, base - height, x + 5, base, 4), (72, 66, 62))
    canvas.stroke(
        smooth([(x, base - height), (x + 14, base - height - 22), (x + 52, base - height - 22)], closed=False),
        (72, 66, 62),
        8,
    )
    canvas.shape(ellipse((x + 60, base - height - 18), (26, 9)), (220, 236, 246))


def card_reader(canvas: Canvas, x: float, base: float, height: float) -> None:
    """A post with a card reader, for everybody who does not want to show a face."""
    canvas.shape(ellipse((x + 20, base), (70, 14)), (40, 40, 40), soft=8, opacity=0.4)
    canvas.shape(rounded(x - 12, base - height, x + 12, base, 6), (110, 104, 98))
    canvas.shape(rounded(x - 46, base - height - 70, x + 46, base - height + 50, 14), (58, 54, 52))
    canvas.shape(rounded(x - 36, base - height - 58, x + 36, base - height - 10, 6), (150, 110, 52))
    mask = text_mask("刷卡", 26)
    canvas.stamp(mask, (x - mask.shape[1] / 2, base - height - 48), (250, 250, 250))
    canvas.shape(ellipse((x, base - height + 20), (15, 15)), (120, 200, 110))


@lru_cache(maxsize=4)
def noise_tile(seed: int) -> npt.NDArray[np.int8]:
    """Luma noise of a small sensor, int8, larger than a frame so that each frame can take another part of it."""
    random = np.random.default_rng((seed, 3))
    fine = random.normal(0, 1.3, (HEIGHT + 128, WIDTH + 128)).astype(np.float32)
    coarse = cv2.resize(
        random.normal(0, 1.0, ((HEIGHT + 128) // 2, (WIDTH + 128) // 2)).astype(np.float32), (WIDTH + 128, HEIGHT + 128)
    )
    tile = np.clip(np.round(fine + coarse), -12, 12).astype(np.int8)
    tile.setflags(write=False)
    return tile
