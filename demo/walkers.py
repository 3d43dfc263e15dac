"""People in motion: where somebody is at a frame, how they step, where they look, what they hold up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from demo.draw.canvas import Picture, Point, Sprite, lay
from demo.draw.faces import Mood, draw_head
from demo.draw.looks import look_of
from demo.draw.people import FEET_Y, PHASES, Pose, draw_body, draw_shadow, outfit_of
from demo.draw.phone import draw_fingers, draw_phone
from demo.draw.places import Ground

_STEP_FRAMES = 26
_BLINK_EVERY, _BLINK_FRAMES = 83, 3
_BLINK_LIDS = 0.6
"""Lids never close altogether: closed eyes make drawn faces alike to the model, and that is not what is shown here."""
_SPRITE_UNIT_PX = 30.0
"""Smallest unit people are drawn at; tiny ones are drawn so and scaled down, to keep their edges smooth."""


@dataclass(frozen=True, slots=True)
class Key:
    """Somebody's feet at a frame: ``x`` in pixels, ``depth`` as in `places.Ground`. ``ease``: how the way to here ends
    (below 1 it starts slowly, above 1 it slows down at the end)."""

    frame: int
    x: float
    depth: float
    ease: float = 1.0


def along(keys: Sequence[Key], frame: int) -> tuple[float, float]:
    """Where a way has come to at ``frame``: x in pixels and depth."""
    for before, after in itertools.pairwise(keys):
        if frame <= after.frame:
            share = (frame - before.frame) / max(1, after.frame - before.frame)
            share = 1 - (1 - share) ** after.ease if after.ease >= 1 else share ** (1 / after.ease)
            return before.x + (after.x - before.x) * share, before.depth + (after.depth - before.depth) * share
    return keys[-1].x, keys[-1].depth


@dataclass(frozen=True, slots=True)
class Phone:
    """A pass held up from ``first`` to ``last`` (frames)."""

    first: int
    last: int
    pass_text: str


class Walker:
    """One person on one way through a scene. Sprites are drawn when first needed and kept."""

    def __init__(
        self,
        face: int,
        ground: Ground,
        keys: Sequence[Key],
        *,
        light: float = 0.4,
        phone: Phone | None = None,
        hidden_right_of: int | None = None,
    ) -> None:
        """``hidden_right_of``: a wall stands in front of everything right of this column."""
        self.keys = tuple(keys)
        self._face, self._ground, self._light, self._phone = face, ground, light, phone
        self._hidden_right_of = hidden_right_of
        self._look = look_of(face)
        self._outfit = outfit_of(face, self._look)
        self._unit = max(ground.unit_px, _SPRITE_UNIT_PX)
        self._shrink = ground.unit_px / self._unit
        self._heads: dict[Mood, Sprite] = {}
        self._bodies: dict[Pose, Sprite] = {}
        self._shadow: Sprite | None = None
        self._phone_sprite: Sprite | None = None

    def present(self, frame: int) -> bool:
        return self.keys[0].frame <= frame <= self.keys[-1].frame

    def place(self, frame: int) -> tuple[float, float]:
        """Feet at ``frame``: x in pixels and depth."""
        return along(self.keys, frame)

    def face_centre(self, frame: int) -> Point:
        """Middle of the face in the picture, pixels."""
        x, depth = self.place(frame)
        return x, self._ground.y(depth) - (FEET_Y + 1.40) * self._ground.unit_px * depth

    def draw(self, picture: Picture, frame: int) -> None:
        """Lay the person on ``picture`` as they are at ``frame``."""
        x, depth = self.place(frame)
        feet = self._ground.y(depth)
        clip = None
        if self._hidden_right_of is not None:
            clip = (0, 0, self._hidden_right_of, picture.shape[0])
        step = self._step(frame)
        moving = step != (0.0, 0.0)
        sideways = 0
        if abs(step[0]) > 4.5 * self._shrink and abs(step[0]) > 420 * abs(step[1]):
            sideways = 1 if step[0] > 0 else -1
        phase = frame * PHASES // _STEP_FRAMES % PHASES if moving else 0
        holding = self._phone is not None and self._phone.first <= frame <= self._phone.last
        pose = Pose(phase, sideways, holding)
        scale = depth * self._shrink
        unit = self._unit * scale
        bob = 0.05 * unit * abs(math.sin(2 * math.pi * phase / PHASES))
        neck = (x, feet - FEET_Y * unit - bob)
        lay(picture, self._shadow_sprite().scaled(scale), (x, feet), clip)
        lay(picture, self._head(frame, sideways).scaled(scale), neck, clip)
        lay(picture, self._body(pose).scaled(scale), neck, clip)
        if self._phone is not None and holding:
            self._draw_phone(picture, self._phone, frame, neck, unit)

    def _step(self, frame: int) -> tuple[float, float]:
        """Movement from the frame before: pixels, depth."""
        if frame <= self.keys[0].frame:
            return 0.0, 0.0
        (x, depth), (x0, depth0) = self.place(frame), self.place(frame - 1)
        return x - x0, depth - depth0

    def _draw_phone(self, picture: Picture, phone: Phone, frame: int, neck: Point, unit: float) -> None:
        if self._phone_sprite is None:
            self._phone_sprite = draw_phone(phone.pass_text)
        rising = max(0.0, 1 - (frame - phone.first) / 5, 1 - (phone.last - frame) / 5)
        at = (neck[0] - 0.15 * unit, neck[1] + 2.6 * unit + rising * 1.2 * unit)
        lay(picture, self._phone_sprite, at)
        # Round the phone's edge, clear of the code: dark fingers in its quiet zone make it unreadable.
        grip = (at[0] - self._phone_sprite.anchor[0] - 0.04 * unit, at[1] + 0.25 * unit)
        lay(picture, draw_fingers(self._look.skin, unit), grip)

    def mood(self, frame: int, sideways: int = 0) -> Mood:
        """How the face looks at ``frame``; ``sideways`` as in `Pose`."""
        sway = round(2 * math.sin(frame / 19 + self._face))
        nod = round(math.sin(frame / 31 + 2 * self._face))
        blinking = (frame + 17 * self._face) % _BLINK_EVERY < _BLINK_FRAMES
        return Mood(
            yaw=0.018 * sway + 0.14 * sideways,
            pitch=0.012 * nod,
            roll_deg=0.0,
            lids=_BLINK_LIDS if blinking else 1.0,
            smile=0.035,
            light=self._light,
        )

    def _head(self, frame: int, sideways: int) -> Sprite:
        mood = self.mood(frame, sideways)
        if mood not in self._heads:
            self._heads[mood] = draw_head(self._look, mood, self._unit)
        return self._heads[mood]

    def _body(self, pose: Pose) -> Sprite:
        # The feet are together twice in a cycle, and look the same.
        pose = replace(pose, phase=0) if pose.phase == PHASES // 2 else pose
        if pose not in self._bodies:
            self._bodies[pose] = draw_body(self._outfit, self._look.skin, pose, self._unit)
        return self._bodies[pose]

    def _shadow_sprite(self) -> Sprite:
        if self._shadow is None:
            self._shadow = draw_shadow(self._unit)
        return self._shadow
