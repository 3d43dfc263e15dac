"""The four places the cameras look at: what stands still, what moves with a gate, and where people walk.

Perspective is one rule: the ground at depth ``s`` lies at ``horizon_y + s * (near_y - horizon_y)``, and whatever stands
there is drawn ``s`` times its size at ``near_y``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from demo.draw.canvas import Canvas, Mask, Picture, Point, Sprite, ellipse, floats, lay, rounded, smooth
from demo.draw.scenery import (
    HEIGHT,
    WIDTH,
    card_reader,
    cloud,
    fence,
    floor_square,
    gradient,
    hedge,
    lamp_post,
    landscape,
    paving,
    pillar,
    sign,
    tower,
    tree,
)


@dataclass(frozen=True, slots=True)
class Ground:
    """``near_y`` is where things have their full size; people's face unit there is ``unit_px``."""

    horizon_y: float
    near_y: float
    unit_px: float

    def y(self, depth: float) -> float:
        return self.horizon_y + depth * (self.near_y - self.horizon_y)


GATE = Ground(horizon_y=300, near_y=1006, unit_px=86)
LANE = Ground(horizon_y=250, near_y=900, unit_px=90)
DOOR = Ground(horizon_y=300, near_y=1012, unit_px=86)
YARD = Ground(horizon_y=-400, near_y=900, unit_px=7.2)

GATE_STAND_X = 960.0
GATE_PILLAR_DEPTH = 0.42
"""Whoever is farther away than this is seen through the arch only."""
DOOR_STAND_X = 1150.0
DOOR_THRESHOLD_X = 1480.0
"""Where a walker's middle is when they stand in the doorway; the line in `configs/demo.yaml` is here."""
DOOR_JAMBS = (1400, 1720)
"""Far and near edge of the doorway, pixels; the wall beyond the near one hides who has gone in."""
LANE_STOP_X = 900.0
_DOOR_VANISH_X = 420.0


def gate_picture() -> Picture:
    """The north gate from inside: street and towers behind an arch, the painted square in front."""
    canvas = landscape(400, (150, 158, 164), (176, 182, 188))
    for x, y, size in ((320, 90, 90), (1500, 70, 120), (1000, 50, 60)):
        cloud(canvas, x, y, size)
    for left, top, width, tone in (
        (60, 96, 190, 214),
        (290, 150, 150, 204),
        (700, 210, 120, 216),
        (1040, 180, 150, 210),
        (1330, 120, 170, 208),
        (1540, 60, 210, 216),
        (1780, 140, 150, 204),
    ):
        tower(canvas, left, top, width, 420, wall=(tone, tone - 6, tone - 2))
    for x, height, seed in (
        (30, 260, 1),
        (480, 230, 2),
        (575, 190, 6),
        (760, 150, 4),
        (880, 170, 2),
        (1010, 150, 1),
        (1190, 170, 0),
        (1300, 200, 3),
        (1480, 250, 4),
        (1840, 280, 5),
    ):
        tree(canvas, x, 440, height, seed)
    canvas.shape([(0, 436), (WIDTH, 436), (WIDTH, 500), (0, 500)], (120, 118, 116))
    canvas.shape([(0, 430), (WIDTH, 430), (WIDTH, 438), (0, 438)], (190, 194, 196))
    for x in range(20, WIDTH, 150):
        canvas.shape([(x, 466), (x + 70, 466), (x + 70, 471), (x, 471)], (220, 224, 226))
    for left, right in ((0, 620), (1300, WIDTH)):
        hedge(canvas, left - 20, right - (0 if left else 10), 560, 76, seed=7 + left)
        fence(canvas, left, right, 440, 590)
    canvas.shape([(640, 500), (1280, 500), (2500, HEIGHT), (-580, HEIGHT)], (196, 202, 206))
    for left in (0, 1316):
        outline = [(0, 590), (470, 590), (0, 800)] if left == 0 else [(1920, 590), (1450, 590), (1920, 800)]
        canvas.shape(outline, (98, 160, 116))
    paving(canvas, 300, 960, 500, (160, 166, 172))
    pillar(canvas, 640, 74, 130, 620)
    pillar(canvas, 1280, 74, 130, 620)
    canvas.shape(rounded(590, 26, 1330, 112, 12), (96, 60, 40))
    canvas.shape(rounded(590, 100, 1330, 118, 6), (150, 110, 80))
    sign(canvas, (960, 68), "安居示范小区  北门", 46, (235, 240, 244))
    canvas.shape([(600, 620), (1420, 620), (1480, 650), (640, 650)], (120, 124, 130), soft=12, opacity=0.35)
    _guard_house(canvas)
    lamp_post(canvas, 1545, 700, 470)
    card_reader(canvas, 1560, 900, 330)
    floor_square(canvas, ((770, 930), (1150, 930), (1190, 1040), (730, 1040)), "人脸识别区 · 请单人站立")
    canvas.grain(np.random.default_rng(1), 1.8, 6)
    return canvas.to_picture()


def gate_front(picture: Picture) -> Sprite:
    """The parts of the gate's ``picture`` that stand before the street: pillars, fence, guard house."""
    alpha = np.zeros(picture.shape[:2], np.uint8)
    boxes = (
        (0, 440, 620, 592),
        (1300, 440, 1920, 592),
        (595, 112, 685, 622),
        (1235, 112, 1325, 622),
        (64, 276, 426, 702),
    )
    for left, top, right, bottom in boxes:
        alpha[top:bottom, left:right] = 255
    height = max(bottom for *_, bottom in boxes)
    bgr = cv2.bitwise_and(picture, picture, mask=alpha)
    return Sprite(np.ascontiguousarray(bgr[:height]), np.ascontiguousarray(alpha[:height]), (0.0, 0.0))


def _guard_house(canvas: Canvas) -> None:
    canvas.shape(ellipse((250, 702), (250, 22)), (50, 50, 48), soft=14, opacity=0.5)
    canvas.shape(rounded(90, 300, 400, 700, 8), (206, 214, 222))
    canvas.shape([(90, 300), (150, 300), (150, 700), (90, 700)], (180, 190, 200))
    canvas.shape(rounded(64, 276, 426, 312, 8), (120, 84, 56))
    canvas.shape(rounded(170, 350, 380, 520, 8), (150, 120, 92))
    canvas.shape([(190, 350), (262, 350), (212, 520), (172, 520), (172, 400)], (226, 206, 184), soft=8, opacity=0.5)
    canvas.stroke([(275, 350), (275, 520)], (230, 232, 234), 7)
    canvas.stroke(rounded(170, 350, 380, 520, 8), (230, 232, 234), 7, closed=True)
    sign(canvas, (275, 578), "门卫室", 34, (250, 250, 250), board=(120, 84, 56), pad=12)


def lane_picture() -> Picture:
    """The east lane: a drive towards the camera, the stop line, the guard's island on the right."""
    canvas = landscape(330, (128, 150, 132), (112, 150, 116))
    for x, y, size in ((420, 80, 100), (1200, 60, 120), (1700, 110, 70)):
        cloud(canvas, x, y, size)
    for left, top, width, tone in (
        (40, 60, 210, 212),
        (280, 120, 160, 204),
        (1260, 90, 180, 210),
        (1480, 40, 220, 216),
        (1730, 110, 170, 206),
    ):
        tower(canvas, left, top, width, 350, wall=(tone - 4, tone - 2, tone))
    for x, height, seed in ((60, 250, 3), (380, 220, 1), (640, 170, 5), (1180, 170, 2), (1420, 230, 4), (1880, 260, 1)):
        tree(canvas, x, 372, height, seed)
    hedge(canvas, -20, 760, 410, 60, seed=3)
    hedge(canvas, 1150, 1940, 410, 60, seed=4)
    canvas.shape([(820, 330), (1100, 330), (1760, HEIGHT), (-260, HEIGHT)], (118, 116, 114))
    for side, far, near in ((-1, 820, -260), (1, 1100, 1760)):
        canvas.shape([(far, 330), (far + side * 16, 330), (near + side * 90, HEIGHT), (near, HEIGHT)], (204, 208, 212))
    canvas.shape([(130, 930), (1560, 930), (1590, 962), (110, 962)], (232, 236, 238), opacity=0.9)
    sign(canvas, (860, 1022), "停车 · 车牌识别", 40, (222, 226, 230))
    _island(canvas)
    canvas.grain(np.random.default_rng(2), 2.2, 5)
    return canvas.to_picture()


def _island(canvas: Canvas) -> None:
    canvas.shape([(1490, 470), (1920, 470), (1920, 1010), (1720, 1010)], (170, 178, 186))
    canvas.shape([(1490, 470), (1720, 1010), (1720, 1040), (1482, 480)], (130, 136, 142))
    canvas.shape(ellipse((1800, 830), (190, 26)), (50, 50, 48), soft=14, opacity=0.5)
    canvas.shape(rounded(1660, 300, 1960, 830, 8), (210, 218, 226))
    canvas.shape(rounded(1630, 268, 1980, 310, 8), (120, 84, 56))
    canvas.shape(rounded(1694, 370, 1900, 570, 8), (148, 118, 90))
    canvas.shape(
        [(1720, 370), (1800, 370), (1740, 570), (1698, 570), (1698, 440)], (226, 206, 184), soft=8, opacity=0.5
    )
    canvas.stroke(rounded(1694, 370, 1900, 570, 8), (232, 234, 236), 8, closed=True)
    sign(canvas, (1790, 640), "东门 车行", 34, (250, 250, 250), board=(120, 84, 56), pad=12)
    canvas.shape(rounded(1540, 640, 1620, 960, 10), (46, 120, 222))
    canvas.shape(rounded(1540, 640, 1562, 960, 10), (38, 100, 190))
    canvas.shape(rounded(1552, 700, 1608, 760, 6), (50, 46, 44))


def fixed_point(points: Mask) -> npt.NDArray[np.int32]:
    """Pixels to OpenCV's sixteenths of a pixel."""
    return np.round(points * 16).astype(np.int32)


def draw_barrier(frame: Picture, raised: float) -> None:
    """The arm on its pivot: ``raised`` 0 lies across the lane, 1 stands up."""
    angle = np.radians(86 * raised)
    pivot = (1580.0, 676.0)
    length = 1330.0 * (1 - 0.42 * raised)
    along = floats((-np.cos(angle), -np.sin(angle)))
    across = floats((along[1], -along[0]))
    for number in range(14):
        a, b = floats(pivot) + along * length * number / 14, floats(pivot) + along * length * (number + 1) / 14
        quad = floats([a + across * 11, b + across * 11, b - across * 11, a - across * 11])
        colour = (44, 44, 206) if number % 2 else (240, 240, 240)
        cv2.fillConvexPoly(frame, fixed_point(quad), colour, cv2.LINE_AA, 4)
    cv2.circle(frame, (round(pivot[0]), round(pivot[1])), 24, (60, 56, 54), -1, cv2.LINE_AA)


def door_picture() -> Picture:
    """The porch of building 3: garden on the left, the wall with its doorway on the right, the lobby behind it."""
    canvas = landscape(420, (150, 176, 158), (176, 182, 188))
    for x, y, size in ((260, 80, 100), (820, 60, 80)):
        cloud(canvas, x, y, size)
    for left, top, width, tone in ((40, 70, 220, 214), (310, 130, 170, 204), (760, 90, 210, 212)):
        tower(canvas, left, top, width, 430, wall=(tone, tone - 4, tone - 2))
    for x, height, seed in ((20, 270, 2), (300, 230, 1), (560, 260, 4), (900, 230, 3), (1110, 250, 5)):
        tree(canvas, x, 470, height, seed)
    canvas.shape([(0, 470), (1300, 470), (1300, 560), (0, 560)], (104, 166, 122))
    hedge(canvas, -20, 1320, 560, 64, seed=12)
    canvas.shape([(0, 560), (WIDTH, 560), (WIDTH, HEIGHT), (0, HEIGHT)], (190, 198, 206))
    paving(canvas, 300, _DOOR_VANISH_X, 560, (162, 170, 178))
    _lobby_and_wall(canvas)
    left, right = 960, 1340
    floor_square(canvas, ((left, 936), (right - 20, 936), (right + 14, 1044), (left - 46, 1044)), "请在此出示通行码")
    canvas.grain(np.random.default_rng(3), 1.8, 6)
    return canvas.to_picture()


def _on_wall(x: float, height: float) -> Point:
    """A point of the right wall at picture column ``x``; ``height`` 0 at the floor, 1 at the door's lintel."""
    depth = (x - _DOOR_VANISH_X) / (DOOR_JAMBS[1] - _DOOR_VANISH_X)
    floor, lintel = 1044.0, 16.0
    y = floor + (lintel - floor) * height
    return x, DOOR.horizon_y + (y - DOOR.horizon_y) * depth


def _lobby_and_wall(canvas: Canvas) -> None:
    far, near = DOOR_JAMBS
    canvas.shape(
        [_on_wall(1180, 1.16), _on_wall(WIDTH, 1.4), (WIDTH, HEIGHT), _on_wall(WIDTH, 0), _on_wall(1180, 0)],
        (190, 204, 220),
    )
    for level in (0.2, 0.4, 0.6, 0.8, 1.0):
        canvas.stroke([_on_wall(1180, level), _on_wall(WIDTH, level)], (168, 182, 200), 2)
    doorway = [_on_wall(far, 1.0), _on_wall(near, 1.0), _on_wall(near, 0.0), _on_wall(far, 0.0)]
    canvas.shape(doorway, (150, 190, 222))
    only = Canvas(WIDTH, HEIGHT)
    only.shape(doorway, (255, 255, 255))
    inside = only.alpha
    canvas.shape([(far, 0), (near, 0), (near, 420), (far, 420)], (190, 222, 242), soft=60, inside=inside)
    canvas.shape([(far, 760), (near, 760), (near, HEIGHT), (far, HEIGHT)], (136, 160, 184), soft=4, inside=inside)
    canvas.shape(rounded(1540, 330, 1690, 640, 6), (140, 172, 196), inside=inside)
    sign(canvas, (1610, 420), "3", 120, (110, 140, 166))
    canvas.stroke(doorway, (84, 76, 70), 16, closed=True)
    canvas.shape(
        [_on_wall(near, 1.0), _on_wall(near + 26, 1.0), _on_wall(near + 26, 0), _on_wall(near, 0)], (110, 102, 94)
    )
    sign(canvas, (1838, 250), "3号楼", 50, (250, 250, 250), board=(120, 84, 56), pad=18)
    canvas.shape(rounded(1786, 470, 1876, 650, 12), (52, 48, 46))
    canvas.shape(rounded(1800, 486, 1862, 560, 6), (150, 110, 52))
    canvas.shape(ellipse((1831, 606), (20, 20)), (90, 84, 80))


def draw_door(frame: Picture, opened: float) -> None:
    """The glass leaf in the doorway: ``opened`` 0 shut, 1 slid away behind the far wall; and the lamp over it."""
    far, near = DOOR_JAMBS
    edge = near + (far + 30 - near) * opened
    corners = [_on_wall(far, 0.985), _on_wall(edge, 0.985), _on_wall(edge, 0.012), _on_wall(far, 0.012)]
    quad = fixed_point(floats(corners))
    x0, x1 = far, int(edge) + 1
    if x1 - x0 > 2:
        region = frame[:, x0:x1]
        glass = region.copy()
        shifted = quad - np.asarray((x0 * 16, 0), np.int32)
        cv2.fillConvexPoly(glass, shifted, (206, 196, 176), cv2.LINE_AA, 4)
        cv2.addWeighted(glass, 0.42, region, 0.58, 0, dst=glass)
        region[:] = glass
        cv2.polylines(frame, [quad], True, (96, 88, 80), 9, cv2.LINE_AA, 4)
    lamp = (90, 210, 110) if opened > 0 else (70, 70, 220)
    cv2.circle(frame, (1831, 606), 14, lamp, -1, cv2.LINE_AA)


def yard_picture() -> Picture:
    """The yard from a roof: lawns, paths, a pond, a row of houses, the inner road along the top."""
    canvas = Canvas(WIDTH, HEIGHT, gradient((128, 176, 138), (112, 168, 122), HEIGHT))
    canvas.shape([(0, 0), (WIDTH, 0), (WIDTH, 40), (0, 40)], (110, 150, 116))
    canvas.shape([(0, 236), (WIDTH, 236), (WIDTH, 330), (0, 330)], (128, 126, 124))
    for edge in (228, 330):
        canvas.shape([(0, edge), (WIDTH, edge), (WIDTH, edge + 9), (0, edge + 9)], (206, 210, 214))
    for x in range(30, WIDTH, 170):
        canvas.shape([(x, 280), (x + 86, 280), (x + 86, 285), (x, 285)], (222, 226, 228))
    for number, left in enumerate((40, 440, 860, 1270, 1650)):
        _house(canvas, left, 330 if number % 2 else 300, number)
    path = smooth([(-40, 760), (420, 700), (900, 640), (1350, 700), (1960, 640)], closed=False)
    canvas.stroke(path, (196, 206, 214), 84)
    canvas.stroke(path, (182, 192, 202), 3, opacity=0.6)
    canvas.stroke(smooth([(900, 640), (880, 820), (960, 1120)], closed=False), (196, 206, 214), 80)
    canvas.shape(ellipse((900, 642), (150, 82)), (204, 212, 220))
    canvas.shape(ellipse((900, 636), (74, 38)), (170, 182, 194))
    canvas.shape(ellipse((900, 632), (62, 29)), (206, 176, 120))
    canvas.shape(ellipse((884, 626), (22, 8)), (236, 220, 190), soft=4)
    canvas.shape(
        smooth([(1360, 860), (1500, 820), (1680, 850), (1720, 940), (1560, 1000), (1390, 960)]), (176, 190, 160)
    )
    canvas.shape(
        smooth([(1374, 866), (1500, 832), (1668, 858), (1704, 938), (1558, 988), (1402, 950)]), (196, 164, 108)
    )
    canvas.shape(ellipse((1500, 880), (70, 14), -8), (226, 206, 168), soft=5, opacity=0.8)
    spots = (
        (110, 560, 150, 1),
        (300, 930, 190, 2),
        (560, 540, 140, 3),
        (620, 960, 200, 4),
        (1130, 530, 150, 5),
        (1240, 980, 190, 1),
    )
    for x, base, height, seed in (
        *spots,
        (1560, 580, 150, 2),
        (1800, 560, 160, 3),
        (1830, 1010, 200, 5),
        (90, 1040, 190, 3),
    ):
        tree(canvas, x, base, height, seed)
    for left, right, base in ((200, 470, 620), (1180, 1500, 640), (430, 760, 1060)):
        hedge(canvas, left, right, base, 30, seed=left)
    canvas.grain(np.random.default_rng(4), 2.2, 4)
    return canvas.to_picture()


def _house(canvas: Canvas, left: float, depth: float, number: int) -> None:
    width, base = 250.0, 222.0
    top = base - depth * 0.62
    wall = ((206, 214, 224), (196, 210, 226), (210, 212, 216))[number % 3]
    canvas.shape(
        [(left + 20, base), (left + width + 46, base), (left + width + 20, base + 12), (left, base + 12)],
        (40, 50, 40),
        soft=8,
        opacity=0.5,
    )
    canvas.shape([(left, top), (left + width, top), (left + width, base), (left, base)], wall)
    canvas.shape(
        [(left - 8, top), (left + 24, top - 40), (left + width - 24, top - 40), (left + width + 8, top)],
        (92, 104, 168) if number % 2 else (120, 100, 84),
    )
    for row in range(3):
        for column in range(5):
            x, y = left + 18 + column * 46, top + 16 + row * 52
            canvas.shape(
                rounded(x, y, x + 28, y + 28, 3), (180, 150, 118) if (row + column + number) % 3 else (190, 226, 244)
            )
            canvas.stroke([(x, y + 33), (x + 28, y + 33)], (170, 180, 192), 4)


def place_sprite(frame: Picture, sprite: Sprite, x: float, depth: float, ground: Ground) -> None:
    """Lay a sprite that was drawn for depth 1, feet on the ground at ``depth``."""
    lay(frame, sprite.scaled(depth), (x, ground.y(depth)))
