"""People from head to foot: clothes, a walk in eight steps, an arm that holds up a phone.

Lengths are in face units (see `faces`), the origin is the pit of the neck, y downwards. Proportions are those of
flat illustrations: large heads, so that a face is wide enough to recognise while the feet are still in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from demo.draw.canvas import Canvas, Colour, Point, Sprite, ellipse, floats, mix, shade, smooth
from demo.draw.looks import Look

FEET_Y = 7.35
"""How far the soles are below the pit of the neck, face units."""
FACE_CENTRE_Y = -1.40
"""Where the middle of the face is, face units above (negative) the pit of the neck."""
PHASES = 8
"""Steps of the walk; 0 and 4 are the feet together."""

Cut = Literal["jacket", "jumper", "shirt", "coat", "dress"]

_TOPS: tuple[Colour, ...] = (
    (150, 96, 52),
    (92, 128, 72),
    (84, 84, 196),
    (70, 158, 222),
    (160, 130, 176),
    (196, 190, 182),
    (92, 84, 78),
    (168, 152, 86),
    (120, 110, 214),
    (60, 56, 120),
    (202, 176, 132),
    (110, 170, 150),
)
_BOTTOMS: tuple[Colour, ...] = (
    (92, 66, 48),
    (62, 58, 56),
    (120, 122, 128),
    (88, 110, 140),
    (110, 84, 60),
    (70, 78, 66),
)
_SHOES: tuple[Colour, ...] = ((40, 40, 44), (235, 236, 238), (48, 66, 110), (70, 60, 150))


@dataclass(frozen=True, slots=True)
class Outfit:
    """What somebody wears; colours BGR."""

    top: Colour
    bottom: Colour
    shoes: Colour
    cut: Cut
    bag: bool


@dataclass(frozen=True, slots=True)
class Pose:
    """``phase``: step of the walk, 0..7; ``sideways``: -1 walking to the picture's left, 0 towards the camera, 1 to
    the right; ``phone``: the right arm holds something up in front of the chest."""

    phase: int = 0
    sideways: int = 0
    phone: bool = False


def outfit_of(seed: int, look: Look) -> Outfit:
    """What the person of ``seed``, who looks like ``look``, wears today."""
    random = np.random.default_rng((seed, 5))
    cuts: tuple[Cut, ...] = ("jacket", "jumper", "shirt", "coat")
    if look.hair in ("bob", "long", "bun"):
        cuts = (*cuts, "dress", "dress")
    return Outfit(
        top=_TOPS[int(random.integers(len(_TOPS)))],
        bottom=_BOTTOMS[int(random.integers(len(_BOTTOMS)))],
        shoes=_SHOES[int(random.integers(len(_SHOES)))],
        cut=cuts[int(random.integers(len(cuts)))],
        bag=bool(random.random() < 0.35),
    )


def draw_body(outfit: Outfit, skin: Colour, pose: Pose, unit_px: float) -> Sprite:
    """Everything below the head, anchored at the pit of the neck; lay it over the head, whose neck it covers."""
    return _Body(outfit, skin, pose, unit_px).draw()


def draw_shadow(unit_px: float) -> Sprite:
    """Soft shadow on the ground, anchored at its middle, which goes between the feet."""
    canvas = Canvas(round(5.6 * unit_px), round(1.6 * unit_px))
    middle = (2.6 * unit_px, 0.8 * unit_px)
    canvas.shape(
        ellipse((middle[0] + 0.5 * unit_px, middle[1]), (1.7 * unit_px, 0.32 * unit_px)),
        (40, 34, 30),
        soft=0.16 * unit_px,
        opacity=0.45,
    )
    canvas.shape(ellipse(middle, (0.95 * unit_px, 0.2 * unit_px)), (30, 26, 22), soft=0.07 * unit_px, opacity=0.5)
    return canvas.to_sprite(middle)


class _Body:
    def __init__(self, outfit: Outfit, skin: Colour, pose: Pose, unit_px: float) -> None:
        self.outfit, self.skin, self.pose, self.unit = outfit, skin, pose, unit_px
        self.canvas = Canvas(round(5.2 * unit_px), round(8.0 * unit_px))
        self.neck = (2.6 * unit_px, 0.3 * unit_px)
        swing = np.sin(2 * np.pi * pose.phase / PHASES)
        self.swing = float(swing)

    def at(self, x: float, y: float) -> Point:
        return self.neck[0] + x * self.unit, self.neck[1] + y * self.unit

    def fill(
        self,
        points: tuple[Point, ...],
        colour: Colour,
        *,
        opacity: float = 1.0,
        soft: float = 0.0,
        on_drawn: bool = False,
    ) -> None:
        outline = smooth([self.at(x, y) for x, y in points], steps=8)
        self.canvas.shape(outline, colour, opacity=opacity, soft=soft * self.unit, on_drawn=on_drawn)

    def limb(self, joints: tuple[Point, ...], widths: tuple[float, ...], colour: Colour) -> None:
        """A tapering limb through ``joints``; ``widths`` are half widths at each, face units."""
        points = floats(joints)
        direction = np.gradient(points, axis=0)
        normal = np.stack([-direction[:, 1], direction[:, 0]], 1) / np.linalg.norm(direction, axis=1, keepdims=True)
        half = floats(widths)[:, None]
        outline = np.vstack([points + normal * half, (points - normal * half)[::-1]])
        self.fill(tuple((float(x), float(y)) for x, y in outline), colour)

    def draw(self) -> Sprite:
        # The leg and arm that swing back are drawn first, darker.
        far = -1 if self.swing >= 0 else 1
        for side in (far, -far):
            self._leg(side, far=side == far)
        if not (self.pose.phone and far == -1):
            self._arm(far, far=True)
        self._torso()
        self._arm(-far, far=False)
        if self.pose.phone and far == -1:
            self._arm(far, far=False)
        return self.canvas.to_sprite(self.neck)

    def _leg(self, side: int, *, far: bool) -> None:
        stride = abs(self.swing)
        cloth = shade(self.outfit.bottom, 0.84 if far else 1.0)
        shoe = shade(self.outfit.shoes, 0.84 if far else 1.0)
        forward = -stride if far else stride
        hip = (side * 0.42, 3.0)
        if self.pose.sideways:
            ankle = (side * 0.26 + self.pose.sideways * forward * 0.95, 6.9 - 0.16 * stride * (1 if far else 0))
            knee = ((hip[0] + ankle[0]) / 2 + self.pose.sideways * 0.16 * stride, 4.95)
        else:
            ankle = (side * 0.40, 6.95 + 0.10 * forward - (0.22 * stride if far else 0))
            knee = (side * (0.45 + 0.05 * stride), 4.95 + 0.08 * forward)
        toe = self.pose.sideways * 0.22
        shoe_at = self.at(ankle[0] + toe, ankle[1] + 0.22)
        tall = 0.20 if self.pose.sideways else 0.25
        self.canvas.shape(ellipse(shoe_at, ((0.34 + abs(toe) * 0.6) * self.unit, tall * self.unit)), shoe)
        bare = self.outfit.cut == "dress"
        colour = shade(self.skin, 0.84 if far else 0.95) if bare else cloth
        slim = 0.72 if bare else 1.0
        self.limb((hip, knee, ankle), (0.52, 0.37 * slim, 0.27 * slim), colour)
        if not bare:
            x, y = ankle
            self.fill(((x - 0.27, y - 0.2), (x + 0.27, y - 0.2), (x + 0.25, y + 0.1), (x - 0.25, y + 0.1)), colour)

    def _torso(self) -> None:
        top, cut = self.outfit.top, self.outfit.cut
        hem = {"jacket": 3.25, "jumper": 3.15, "shirt": 3.35, "coat": 4.9, "dress": 5.0}[cut]
        flare = {"coat": 1.12, "dress": 1.28}.get(cut, 0.98)
        right = ((0.42, -0.08), (1.05, 0.22), (1.28, 0.62), (1.12, 1.6), (1.0, 2.5), (flare, hem))
        left = tuple((-x, y) for x, y in reversed(right))
        self.fill((*right, (0.0, hem + 0.08), *left, (0.0, 0.14)), top)
        self.fill(
            ((-1.30, 0.7), (-0.85, 1.0), (-0.72, hem), (-flare, hem), (-1.06, 1.8)),
            shade(top, 0.72),
            opacity=0.5,
            soft=0.1,
            on_drawn=True,
        )
        self.fill(
            ((0.75, 0.35), (1.1, 0.6), (0.95, 1.8), (0.7, 1.6)), shade(top, 1.2), opacity=0.4, soft=0.14, on_drawn=True
        )
        if cut in ("jacket", "coat"):
            self.fill(
                ((-0.32, -0.05), (0.32, -0.05), (0.16, hem * 0.55), (0.0, hem * 0.62), (-0.16, hem * 0.55)),
                mix(top, (240, 240, 238), 0.75),
            )
            seam = [self.at(0.0, hem * 0.6), self.at(0.0, hem)]
            self.canvas.stroke(seam, shade(top, 0.6), 0.05 * self.unit)
            for side in (-1, 1):
                self.fill(
                    ((side * 0.30, -0.12), (side * 0.62, 0.12), (side * 0.34, 0.95), (side * 0.14, 0.75)),
                    shade(top, 0.82),
                )
        elif cut == "shirt":
            self.canvas.stroke([self.at(0, 0.2), self.at(0, hem)], shade(top, 0.75), 0.045 * self.unit)
            for y in (0.7, 1.3, 1.9, 2.5):
                self.canvas.shape(ellipse(self.at(0, y), (0.05 * self.unit, 0.05 * self.unit)), shade(top, 0.55))
            for side in (-1, 1):
                self.fill(((0.0, 0.12), (side * 0.42, -0.16), (side * 0.5, 0.22), (side * 0.2, 0.5)), shade(top, 1.15))
        else:
            collar = smooth([self.at(-0.44, -0.06), self.at(0, 0.20), self.at(0.44, -0.06)], closed=False)
            self.canvas.stroke(collar, shade(top, 0.72), 0.12 * self.unit)
        if cut == "dress":
            self.canvas.stroke([self.at(-0.98, 2.35), self.at(0.98, 2.35)], shade(top, 0.65), 0.14 * self.unit)
        if self.outfit.bag:
            strap = smooth([self.at(-0.85, 0.1), self.at(0.1, 1.6), self.at(1.05, 2.75)], closed=False)
            self.canvas.stroke(strap, (44, 62, 96), 0.12 * self.unit)
            self.fill(((0.72, 2.6), (1.42, 2.6), (1.46, 3.5), (0.70, 3.5)), (52, 76, 118))

    def _arm(self, side: int, *, far: bool) -> None:
        colour = shade(self.outfit.top, 0.80 if far else 0.92)
        hand_colour = shade(self.skin, 0.9)
        shoulder = (side * 1.10, 0.58)
        if self.pose.phone and side == -1:
            # Held out towards the camera: a short upper arm, the hand in front of the chest.
            elbow, hand = (-1.50, 1.75), (-0.62, 2.20)
        else:
            forward = self.swing * side
            if self.pose.sideways:
                elbow = (side * 1.02 - self.pose.sideways * forward * 0.45, 1.85)
                hand = (side * 0.95 - self.pose.sideways * forward * 1.0 + self.pose.sideways * 0.2, 3.0)
            else:
                elbow = (side * 1.48, 1.85 + 0.05 * forward)
                hand = (side * (1.42 - 0.12 * max(0.0, forward)), 3.15 - 0.25 * max(0.0, forward))
        self.canvas.shape(ellipse(self.at(hand[0], hand[1] + 0.14), (0.24 * self.unit, 0.28 * self.unit)), hand_colour)
        self.limb((shoulder, elbow, hand), (0.34, 0.29, 0.22), colour)
