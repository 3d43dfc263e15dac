"""Drawn faces: a seed is a person, a mood is one moment of theirs.

A face is a handful of proportions and colours. Faces of different seeds differ in them, faces of one seed only in what
a moment changes: turn of the head, lids, mouth, light. Lengths are in units of half a face's height; x grows to the
picture's right, y downwards, the origin lies between the eyes and the mouth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.draw.canvas import Canvas, Colour, Mask, Point, Sprite, ellipse, floats, mix, shade, smooth
from demo.draw.looks import Hair, Look


@dataclass(frozen=True, slots=True)
class Mood:
    """One moment: ``yaw`` and ``pitch`` in face units of shift, ``roll_deg``; ``lids`` 0 closed to 1 open;
    ``smile`` -0.03..0.08; ``light`` -1 from the left to 1 from the right; ``bright`` a factor."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll_deg: float = 0.0
    lids: float = 1.0
    smile: float = 0.02
    light: float = 0.4
    bright: float = 1.0


def draw_head(look: Look, mood: Mood, unit_px: float) -> Sprite:
    """The head with its hair, ``unit_px`` pixels per face unit; anchored at the pit of the neck, under the chin."""
    return _Head(look, mood, unit_px).draw()


class _Head:
    """One head being drawn: face units to pixels, then from the back of the hair to the glasses."""

    def __init__(self, look: Look, mood: Mood, unit_px: float) -> None:
        self.look, self.mood, self.unit = look, mood, unit_px
        self.canvas = Canvas(round(3.2 * unit_px), round(3.9 * unit_px))
        self.centre = (1.6 * unit_px, 1.75 * unit_px)
        self.skin = shade(look.skin, mood.bright)
        self.hair = shade(look.hair_colour, mood.bright)

    def at(self, x: float, y: float, depth: float = 0.0) -> Point:
        """Pixel of a point of the face; ``depth`` is how far it stands out, so how far turning the head moves it."""
        turned = x + self.mood.yaw * (1.0 - 0.4 * abs(x) + depth)
        nodded = y + self.mood.pitch * (1.0 + depth)
        return self.centre[0] + turned * self.unit, self.centre[1] + nodded * self.unit

    def curve(self, *points: Point, depth: float = 0.0, closed: bool = True) -> Mask:
        return smooth([self.at(x, y, depth) for x, y in points], closed=closed)

    def oval(self, x: float, y: float, rx: float, ry: float, tilt: float = 0.0, *, depth: float = 0.0) -> Mask:
        return ellipse(self.at(x, y, depth), (rx * self.unit, ry * self.unit), tilt)

    def draw(self) -> Sprite:
        self._hair_behind()
        self._neck_and_ears()
        face = self._face()
        self._cheeks_and_lines(face)
        self._beard(face)
        for side in (-1, 1):
            self._eye(side)
            self._brow(side)
        self._nose()
        self._mouth()
        self._hair_in_front(face)
        self._glasses()
        return self.canvas.to_sprite((self.centre[0], self.centre[1] + 1.45 * self.unit))

    def _outline(self, grow: float = 0.0) -> tuple[Point, ...]:
        look, w = self.look, self.look.width + grow
        jaw = w * (0.55 + 0.45 * look.jaw)
        chin = look.chin + grow
        right = (
            (0.0, -1.0 - grow),
            (w * 0.62, -0.88 - grow * 0.8),
            (w * 0.96, -0.46),
            (w, -0.05),
            (w * 0.96, 0.28),
            (jaw * 0.90, 0.60),
            (jaw * 0.50, chin - 0.10),
        )
        left = tuple((-x, y) for x, y in reversed(right[1:]))
        return (*right, (0.0, chin), *left)

    def _hair_behind(self) -> None:
        look, u = self.look, self.unit
        w = look.width
        dark = shade(self.hair, 0.78)
        if look.hair == "long":
            outline = ((0, -1.38), (w * 0.95, -1.05), (w + 0.26, -0.2), (w + 0.30, 0.7), (w + 0.18, 1.55))
            self._mirrored(outline, dark)
        elif look.hair == "bob":
            self._mirrored(((0, -1.36), (w * 0.98, -1.0), (w + 0.27, -0.2), (w + 0.27, 0.5), (w * 0.8, 0.86)), dark)
        elif look.hair == "bun":
            self.canvas.shape(self.oval(0, -1.38, 0.34, 0.32), self.hair)
            self.canvas.shape(self.oval(-0.08, -1.46, 0.16, 0.12), shade(self.hair, 1.25), soft=0.05 * u, opacity=0.5)
            self._mirrored(((0, -1.26), (w * 0.9, -0.98), (w + 0.09, -0.3), (w + 0.02, 0.15)), dark)
        elif look.hair == "curly":
            random = np.random.default_rng(int(look.width * 1e6))
            for angle in np.linspace(-205, 25, 17):
                r = random.uniform(0.24, 0.33)
                x = (w + 0.05) * np.cos(np.radians(angle))
                y = -0.22 + 0.92 * np.sin(np.radians(angle))
                self.canvas.shape(self.oval(float(x), float(y), r, r), shade(self.hair, random.uniform(0.85, 1.1)))
        elif look.hair != "bald":
            self._mirrored(((0, -1.24), (w * 0.88, -1.0), (w + 0.07, -0.45), (w + 0.04, -0.02)), dark)

    def _mirrored(self, right: tuple[Point, ...], colour: Colour) -> None:
        left = tuple((-x, y) for x, y in reversed(right) if x > 0)
        self.canvas.shape(self.curve(*right, *left), colour)

    def _neck_and_ears(self) -> None:
        u, w = self.unit, self.look.width
        neck = self.curve((-0.40 * w - 0.06, 0.55), (0.40 * w + 0.06, 0.55), (0.50 * w, 1.55), (-0.50 * w, 1.55))
        self.canvas.shape(neck, shade(self.skin, 0.86))
        self.canvas.shape(self.oval(0, 0.92, 0.5, 0.28), shade(self.skin, 0.62), soft=0.09 * u, on_drawn=True)
        if self.look.hair in ("long", "bob"):
            return
        for side in (-1, 1):
            self.canvas.shape(self.oval(side * (w + 0.01), 0.04, 0.10, 0.19, side * 8), shade(self.skin, 0.93))
            self.canvas.shape(
                self.oval(side * (w + 0.02), 0.05, 0.05, 0.11, side * 8), shade(self.skin, 0.74), soft=0.02 * u
            )

    def _face(self) -> Mask:
        u, light = self.unit, self.mood.light
        outline = self.curve(*self._outline())
        only_face = Canvas(self.canvas.width, self.canvas.height)
        only_face.shape(outline, (255, 255, 255))
        face = only_face.alpha
        self.canvas.shape(outline, self.skin)
        # One side in soft shade, the other in soft light, and the forehead shines a little.
        dark, bright = (-1, 1) if light > 0 else (1, -1)
        self.canvas.shape(
            self.oval(dark * self.look.width * 1.02, 0.15, 0.30, 1.1),
            shade(self.skin, 0.70),
            soft=0.16 * u,
            opacity=0.35 + 0.4 * abs(light),
            inside=face,
        )
        self.canvas.shape(
            self.oval(bright * self.look.width * 0.45, -0.45, 0.32, 0.40),
            shade(self.skin, 1.14),
            soft=0.16 * u,
            opacity=0.55,
            inside=face,
        )
        self.canvas.shape(
            self.oval(0, self.look.chin, 0.5, 0.14), shade(self.skin, 0.80), soft=0.08 * u, opacity=0.6, inside=face
        )
        return face

    def _cheeks_and_lines(self, face: Mask) -> None:
        look, u = self.look, self.unit
        rosy = mix(self.skin, (110, 110, 225), 0.4)
        for side in (-1, 1):
            self.canvas.shape(
                self.oval(side * look.width * 0.56, 0.30, 0.20, 0.15),
                rosy,
                soft=0.09 * u,
                opacity=look.blush + 0.1,
                inside=face,
            )
            self.canvas.shape(
                self.oval(side * look.eye_apart, look.eye_y - 0.02, look.eye_wide * 1.5, look.eye_wide * 1.2),
                shade(self.skin, 0.80),
                soft=0.06 * u,
                opacity=0.7,
                inside=face,
            )
            if look.lines > 0.25:
                nose = look.nose_wide * 1.15
                fold = self.curve(
                    (side * nose, look.eye_y + look.nose_long),
                    (side * (nose + 0.09), look.mouth_y - 0.06),
                    (side * (look.mouth_wide + 0.07), look.mouth_y + 0.08),
                    closed=False,
                )
                self.canvas.stroke(fold, shade(self.skin, 0.66), 0.03 * u, soft=0.014 * u, opacity=look.lines)
                under = self.curve(
                    (side * (look.eye_apart - 0.11), look.eye_y + 0.14),
                    (side * look.eye_apart, look.eye_y + 0.18),
                    (side * (look.eye_apart + 0.12), look.eye_y + 0.14),
                    closed=False,
                )
                self.canvas.stroke(under, shade(self.skin, 0.70), 0.025 * u, soft=0.012 * u, opacity=look.lines)
        if look.mole:
            self.canvas.shape(self.oval(*look.mole, 0.024, 0.024), shade(self.skin, 0.35), inside=face)

    def _beard(self, face: Mask) -> None:
        look, u = self.look, self.unit
        tone = mix(shade(self.skin, 0.62), self.hair, 0.72)
        y = look.mouth_y
        if look.beard in ("full", "stubble"):
            opacity, soft = (0.95, 0.035) if look.beard == "full" else (0.42, 0.07)
            w = look.width
            right = ((0.0, y - 0.13), (look.mouth_wide + 0.08, y - 0.10), (w * 0.78, 0.30), (w * 1.05, 0.12))
            lower = ((w * 1.1, 0.7), (0.0, look.chin + 0.12))
            left = tuple((-x, v) for x, v in reversed((*right[1:], lower[0])))
            self.canvas.shape(self.curve(*right, *lower, *left), tone, soft=soft * u, opacity=opacity, inside=face)
        if look.beard == "goatee":
            self.canvas.shape(self.oval(0, y + 0.24, 0.20, 0.20), tone, soft=0.03 * u, opacity=0.9, inside=face)
        if look.beard in ("goatee", "moustache", "full"):
            w = look.mouth_wide * 0.95
            curve = self.curve(
                (0, y - 0.17), (w * 0.7, y - 0.13), (w, y - 0.03), (0, y - 0.07), (-w, y - 0.03), (-w * 0.7, y - 0.13)
            )
            self.canvas.shape(curve, tone, soft=0.015 * u, opacity=0.95)

    def _eye(self, side: int) -> None:
        look, u = self.look, self.unit
        x, y, a = side * look.eye_apart, look.eye_y, look.eye_wide
        o = a * look.eye_open * self.mood.lids
        slant = np.tan(np.radians(look.eye_slant)) * side
        depth = 0.25

        def place(dx: float, dy: float) -> Point:
            return self.at(x + dx, y + dy - slant * dx, depth)

        top = [place(-a, 0.02 * a), place(-a * 0.45, -o * 0.88), place(a * 0.15, -o), place(a * 0.65, -o * 0.62)]
        bottom = [place(a, -0.03 * a), place(a * 0.45, o * 0.62), place(-a * 0.25, o * 0.70)]
        outline = smooth(top + bottom)
        white = Canvas(self.canvas.width, self.canvas.height)
        white.shape(outline, (255, 255, 255))
        inside = white.alpha
        self.canvas.shape(outline, shade((232, 236, 240), self.mood.bright))
        iris = min(a * 0.62, a * look.eye_open * 0.98)
        centre = self.at(x + self.mood.yaw * 0.15, y - 0.12 * o, depth)
        self.canvas.shape(ellipse(centre, (iris * u, iris * u)), look.eye_colour, inside=inside)
        self.canvas.shape(ellipse(centre, (iris * u * 0.5, iris * u * 0.5)), (12, 12, 14), inside=inside)
        glint = (centre[0] + iris * u * 0.3, centre[1] - iris * u * 0.35)
        self.canvas.shape(ellipse(glint, (0.028 * u, 0.028 * u)), (250, 250, 250), inside=inside)
        lid = smooth([*top, place(a, -0.03 * a)], closed=False)
        self.canvas.stroke(lid, shade(self.skin, 0.22), 0.045 * u, opacity=0.95)
        crease = smooth(
            [place(-a * 0.8, -o * 0.95 - 0.03), place(0, -o - 0.055), place(a * 0.9, -o * 0.7 - 0.03)], closed=False
        )
        self.canvas.stroke(crease, shade(self.skin, 0.55), 0.02 * u, opacity=0.7)
        self.canvas.stroke(smooth(bottom, closed=False), shade(self.skin, 0.5), 0.015 * u, opacity=0.6)

    def _brow(self, side: int) -> None:
        look, u = self.look, self.unit
        x, y = side * (look.eye_apart + 0.01), look.eye_y - look.brow_high
        half, thick = look.eye_wide * 1.45, look.brow_thick
        slope = np.tan(np.radians(look.brow_slant))

        def place(d: float, dy: float) -> Point:
            return self.at(x + side * d, y + dy - slope * d, 0.2)

        outline = smooth(
            [
                place(-half, -thick * 0.7),
                place(half * 0.15, -thick - look.brow_arch),
                place(half, -look.brow_arch * 0.2),
                place(half * 0.15, thick * 0.6 - look.brow_arch),
                place(-half, thick * 0.9),
            ]
        )
        colour = mix(shade(self.hair, 0.85), self.skin, 0.12)
        if self.look.hair_colour[0] > 120:
            colour = mix(colour, (60, 62, 66), 0.4)
        self.canvas.shape(outline, colour, soft=0.012 * u)

    def _nose(self) -> None:
        look, u = self.look, self.unit
        tip, w = look.eye_y + look.nose_long, look.nose_wide
        dark = -1 if self.mood.light > 0 else 1
        side = self.curve(
            (dark * 0.05, look.eye_y - 0.02),
            (dark * (0.05 + w * 0.25), tip - 0.14),
            (dark * w * 0.9, tip),
            (dark * w * 0.2, tip - 0.02),
            depth=0.5,
        )
        self.canvas.shape(side, shade(self.skin, 0.74), soft=0.03 * u, opacity=0.75)
        self.canvas.shape(
            self.oval(-dark * 0.03, look.eye_y + look.nose_long * 0.5, 0.04, look.nose_long * 0.42, depth=0.6),
            shade(self.skin, 1.16),
            soft=0.03 * u,
            opacity=0.7,
        )
        under = self.curve(
            (-w, tip - 0.02),
            (-w * 0.7, tip + 0.045),
            (-w * 0.3, tip + 0.03),
            (0, tip + 0.06),
            (w * 0.3, tip + 0.03),
            (w * 0.7, tip + 0.045),
            (w, tip - 0.02),
            depth=0.6,
            closed=False,
        )
        self.canvas.stroke(under, shade(self.skin, 0.5), 0.028 * u, soft=0.008 * u, opacity=0.9)
        for sign in (-1, 1):
            self.canvas.shape(
                self.oval(sign * w * 0.48, tip + 0.018, w * 0.22, 0.022, sign * -12, depth=0.6),
                shade(self.skin, 0.3),
                soft=0.006 * u,
            )

    def _mouth(self) -> None:
        look, u = self.look, self.unit
        w, y, lip, smile = look.mouth_wide, look.mouth_y, look.lip, self.mood.smile
        corner = y - smile
        depth = 0.3
        upper = self.curve(
            (-w, corner),
            (-w * 0.35, y - lip * 0.85),
            (0, y - lip * 0.55),
            (w * 0.35, y - lip * 0.85),
            (w, corner),
            (0, y + smile * 0.4),
            depth=depth,
        )
        lower = self.curve(
            (-w, corner),
            (0, y + smile * 0.4),
            (w, corner),
            (w * 0.5, y + lip * 1.05 + smile * 0.3),
            (0, y + lip * 1.35 + smile * 0.4),
            (-w * 0.5, y + lip * 1.05 + smile * 0.3),
            depth=depth,
        )
        colour = shade(look.lip_colour, self.mood.bright)
        self.canvas.shape(lower, shade(colour, 1.04), soft=0.006 * u)
        self.canvas.shape(upper, shade(colour, 0.86), soft=0.006 * u)
        line = self.curve(
            (-w * 1.04, corner - smile * 0.3),
            (0, y + smile * 0.4),
            (w * 1.04, corner - smile * 0.3),
            depth=depth,
            closed=False,
        )
        self.canvas.stroke(line, shade(colour, 0.38), 0.026 * u)
        self.canvas.shape(
            self.oval(0, y + lip * 0.8, w * 0.35, lip * 0.22, depth=depth),
            shade(colour, 1.3),
            soft=0.015 * u,
            opacity=0.6,
        )
        self.canvas.shape(
            self.oval(0, y + lip * 1.4 + 0.07, w * 0.6, 0.03, depth=depth),
            shade(self.skin, 0.72),
            soft=0.03 * u,
            opacity=0.7,
        )

    def _hair_in_front(self, face: Mask) -> None:
        look = self.look
        w = look.width
        top: tuple[Point, ...] = (
            (-w - 0.06, -0.30),
            (-w * 0.95, -0.86),
            (0.0, -1.27),
            (w * 0.95, -0.86),
            (w + 0.06, -0.30),
        )
        fronts: dict[Hair, tuple[Point, ...]] = {
            "crew": ((w * 0.86, -0.52), (w * 0.55, -0.74), (0.0, -0.78), (-w * 0.55, -0.74), (-w * 0.86, -0.52)),
            "side": ((w * 0.90, -0.40), (w * 0.72, -0.60), (w * 0.1, -0.52), (-w * 0.45, -0.78), (-w * 0.88, -0.42)),
            "fringe": ((w * 0.92, -0.34), (w * 0.62, -0.44), (w * 0.1, -0.40), (-w * 0.5, -0.46), (-w * 0.92, -0.34)),
            "receding": ((w * 0.94, -0.40), (w * 0.78, -0.86), (0.0, -0.92), (-w * 0.78, -0.86), (-w * 0.94, -0.40)),
            "curly": ((w * 0.92, -0.40), (w * 0.6, -0.58), (0.0, -0.62), (-w * 0.6, -0.58), (-w * 0.92, -0.40)),
            "bob": ((w * 1.0, -0.10), (w * 0.90, -0.42), (w * 0.1, -0.40), (-w * 0.90, -0.42), (-w * 1.0, -0.10)),
            "long": ((w * 1.0, 0.10), (w * 0.80, -0.38), (0.02, -0.88), (-w * 0.80, -0.38), (-w * 1.0, 0.10)),
            "bun": ((w * 0.94, -0.30), (w * 0.70, -0.66), (0.0, -0.80), (-w * 0.70, -0.66), (-w * 0.94, -0.30)),
            "swept": ((w * 0.95, -0.24), (w * 0.80, -0.44), (w * 0.30, -0.66), (-w * 0.55, -0.82), (-w * 0.95, -0.36)),
        }
        if look.hair == "bald":
            self.canvas.shape(
                self.oval(0.18, -0.80, 0.22, 0.10, 12),
                shade(self.skin, 1.2),
                soft=0.06 * self.unit,
                opacity=0.6,
                inside=face,
            )
            return
        shadow = tuple((x, y + 0.07) for x, y in fronts[look.hair])
        self.canvas.shape(
            self.curve(*top, *shadow), shade(self.skin, 0.66), soft=0.04 * self.unit, opacity=0.7, inside=face
        )
        outline = self.curve(*top, *fronts[look.hair])
        self.canvas.shape(outline, self.hair)
        only = Canvas(self.canvas.width, self.canvas.height)
        only.shape(outline, (255, 255, 255))
        shine = self.curve((-w * 0.75, -0.80), (-w * 0.2, -1.05), (w * 0.4, -1.04), (w * 0.1, -0.98), (-w * 0.4, -0.86))
        self.canvas.shape(
            shine, mix(self.hair, (235, 235, 240), 0.28), soft=0.05 * self.unit, opacity=0.75, inside=only.alpha
        )

    def _glasses(self) -> None:
        look, u = self.look, self.unit
        if look.glasses == "none":
            return
        frame: Colour = (34, 32, 36) if look.skin[0] > 80 else (60, 62, 70)
        radius = min(look.eye_apart * 0.82, look.eye_wide * 1.75)
        for side in (-1, 1):
            x, y = side * look.eye_apart, look.eye_y + 0.02
            if look.glasses == "round":
                rim = self.oval(x, y, radius, radius, depth=0.35)
            else:
                rim = self.curve(
                    (x - radius, y - radius * 0.55),
                    (x, y - radius * 0.66),
                    (x + radius, y - radius * 0.55),
                    (x + radius * 0.9, y + radius * 0.6),
                    (x, y + radius * 0.72),
                    (x - radius * 0.9, y + radius * 0.6),
                    depth=0.35,
                )
            self.canvas.shape(rim, (250, 246, 240), opacity=0.10)
            self.canvas.stroke(rim, frame, 0.04 * u, closed=True)
            arm = floats([self.at(x + side * radius, y - 0.05, 0.35), self.at(side * look.width, y - 0.07)])
            self.canvas.stroke(arm, frame, 0.035 * u)
        bridge = self.curve(
            (-look.eye_apart + radius, look.eye_y),
            (0, look.eye_y - 0.04),
            (look.eye_apart - radius, look.eye_y),
            depth=0.4,
            closed=False,
        )
        self.canvas.stroke(bridge, frame, 0.04 * u)
