"""What a plate detector takes for a plate and must not: signs, stickers, tags, screens, lamps, grilles, number boards.

Each is a flat picture with its coverage, to be laid on a scene like a plate is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.training.plate_detector.chance import any_of
from models.training.plate_detector.lettering import words
from models.training.plate_detector.sheet import Colour, Sheet, box, oval, points, shade
from models.types import Image

_GROUNDS: tuple[Colour, ...] = (
    (158, 66, 12), (20, 170, 236), (90, 190, 80), (240, 240, 240), (26, 26, 28), (50, 40, 200),
    (60, 120, 230), (200, 200, 200),
)  # fmt: skip


def draw_lookalike(random: np.random.Generator) -> Image:
    """Any of them, uint8 (h, w, 4), BGR and coverage."""
    kinds: tuple[Callable[[np.random.Generator], Image], ...]
    kinds = (_sign, _nameboard, _tag, _hazard, _screen, _lamp_row, _slats, _barred_board, _blank)
    return kinds[random.choice(len(kinds), p=(0.2, 0.22, 0.12, 0.06, 0.1, 0.08, 0.06, 0.06, 0.1))](random)


def _colour(random: np.random.Generator) -> Colour:
    return shade(any_of(random, _GROUNDS), random.uniform(0.6, 1.1))


def _ink(random: np.random.Generator, ground: Colour) -> Colour:
    return (24, 24, 24) if sum(ground) > 380 or random.random() < 0.1 else (244, 244, 244)


def _sign(random: np.random.Generator) -> Image:
    """A sign of one to four lines: longer, higher or with fewer letters than a plate."""
    lines = int(random.integers(1, 5))
    cover = [words(random, 56, chinese=random.random() < 0.6) for _ in range(lines)]
    width = max(one.shape[1] for one in cover) + round(random.uniform(20, 160))
    height = 74 * lines + round(random.uniform(10, 60))
    sheet, ground = Sheet(width, height), _colour(random)
    sheet.fill(box(0, 0, width, height, random.uniform(0, 14)), ground)
    ink = _ink(random, ground)
    if random.random() < 0.4:
        sheet.line(box(6, 6, width - 6, height - 6, 8), ink, 4, closed=True)
    for row, one in enumerate(cover):
        sheet.stamp(one, (width - one.shape[1]) / 2, (height - 74 * lines) / 2 + 9 + 74 * row, ink)
    return sheet.picture()


def _nameboard(random: np.random.Generator) -> Image:
    """A board of one line with a plate's proportions, in any colour: over a door, on a booth, on a lorry's side."""
    height = 140
    one = words(random, round(random.uniform(60, 110)), chinese=random.random() < 0.85)
    width = max(one.shape[1] + round(random.uniform(16, 80)), round(random.uniform(300, 520)))
    tone = random.uniform(20, 250)
    blue, green, red = np.clip(tone + random.normal(0, 50, 3), 10, 250)
    ground: Colour = (float(blue), float(green), float(red))
    if random.random() < 0.4:
        ground = _colour(random)
    sheet = Sheet(width, height)
    sheet.fill(box(0, 0, width, height, random.uniform(0, 20)), ground)
    if random.random() < 0.3:
        sheet.line(box(6, 6, width - 6, height - 6, 8), _ink(random, ground), 4, closed=True)
    sheet.stamp(one, (width - one.shape[1]) / 2, (height - one.shape[0]) / 2, _ink(random, ground))
    return sheet.picture()


def _tag(random: np.random.Generator) -> Image:
    """A small board of a few digits: a house, a parking space, a fleet number."""
    one = words(random, 70, chinese=False)[:, : round(random.uniform(60, 190))]
    width, height = max(one.shape[1] + 40, 100), round(random.uniform(96, 150))
    sheet, ground = Sheet(width, height), _colour(random)
    sheet.fill(box(0, 0, width, height, random.uniform(0, 30)), ground)
    sheet.stamp(one, (width - one.shape[1]) / 2, (height - 70) / 2, _ink(random, ground))
    return sheet.picture()


def _hazard(random: np.random.Generator) -> Image:
    """A dangerous goods board: orange, two rows of digits, or a diamond with a word in it."""
    if random.random() < 0.5:
        sheet = Sheet(400, 300)
        sheet.fill(box(0, 0, 400, 300), (30, 140, 250))
        sheet.line(box(6, 6, 394, 294), (20, 20, 20), 10, closed=True)
        sheet.line(points((0, 150), (400, 150)), (20, 20, 20), 8)
        for top in (24, 170):
            cover = words(random, 105, chinese=False)[:, :340]
            sheet.stamp(cover, 200 - cover.shape[1] / 2, top, (20, 20, 20))
        return sheet.picture()
    sheet = Sheet(360, 360)
    sheet.fill(points((180, 0), (360, 180), (180, 360), (0, 180)), _colour(random))
    cover = words(random, 64, chinese=True)[:, :260]
    sheet.stamp(cover, 180 - cover.shape[1] / 2, 150, (250, 250, 250))
    return sheet.picture()


def _screen(random: np.random.Generator) -> Image:
    """A phone or a lit sign: a bright or dark rectangle with lines of small text and a picture."""
    tall = random.random() < 0.5
    width, height = (220, 420) if tall else (440, round(random.uniform(100, 300)))
    sheet = Sheet(width, height)
    sheet.fill(box(0, 0, width, height, 24), (28, 26, 26))
    dark = random.random() < 0.5
    ground = (20, 18, 18) if dark else (240, 238, 236)
    sheet.fill(box(10, 10, width - 10, height - 10, 12), ground)
    ink = ((60, 60, 250), (80, 220, 90), (60, 190, 250))[random.integers(3)] if dark else (60, 56, 52)
    size = round(random.uniform(16, 60))
    for top in np.arange(20, height - size - 12, size * 1.4):
        cover = words(random, size, chinese=random.random() < 0.6)
        sheet.stamp(cover[:, : width - 50], 24, top, ink, random.uniform(0.6, 1))
    return sheet.picture()


def _lamp_row(random: np.random.Generator) -> Image:
    sheet = Sheet(440, 130)
    sheet.fill(box(0, 0, 440, 130, 40), (50, 46, 44))
    glow = ((246, 244, 236), (44, 38, 200), (40, 150, 250))[random.integers(3)]
    for x in np.arange(60, 420, random.uniform(50, 110)):
        sheet.fill(oval(x, 65, 34, 40), glow, soft=2)
        sheet.fill(oval(x, 55, 14, 16), (252, 252, 252), soft=2)
    return sheet.picture()


def _slats(random: np.random.Generator) -> Image:
    """A grille, a vent, a blind: bars as close as letters."""
    width, height = 440, round(random.uniform(90, 260))
    sheet = Sheet(width, height)
    sheet.fill(box(0, 0, width, height, 10), shade((60, 58, 56), random.uniform(0.4, 2)))
    bright = shade((210, 210, 208), random.uniform(0.4, 1.1))
    step = random.uniform(16, 60)
    upright = random.random() < 0.6
    for at in np.arange(step, width if upright else height, step):
        ends = points((at, 8), (at, height - 8)) if upright else points((8, at), (width - 8, at))
        sheet.line(ends, bright, step * random.uniform(0.2, 0.6))
    return sheet.picture()


def _barred_board(random: np.random.Generator) -> Image:
    """A barrier's arm or a kerb: stripes of two colours."""
    width, height = round(random.uniform(400, 900)), round(random.uniform(40, 110))
    sheet = Sheet(width, height)
    sheet.fill(box(0, 0, width, height), (240, 240, 240))
    colour = ((40, 36, 210), (20, 190, 240), (26, 26, 26))[random.integers(3)]
    for x in range(0, width, 120):
        sheet.fill(points((x, 0), (x + 60, 0), (x + 40, height), (x - 20, height)), colour)
    return sheet.picture()


def _blank(random: np.random.Generator) -> Image:
    """A plate's holder without a plate: its size, its colours, nothing on it."""
    height = 140 if random.random() < 0.6 else 220
    sheet = Sheet(440, height)
    sheet.fill(box(0, 0, 440, height, 10), _colour(random))
    if random.random() < 0.5:
        sheet.line(box(6, 6, 434, height - 6, 8), (210, 210, 210), 3, closed=True)
    for x in (90, 350):
        sheet.fill(oval(x, 24, 7, 7), (120, 120, 120))
    return sheet.picture()
