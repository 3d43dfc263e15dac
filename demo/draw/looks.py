"""What makes drawn people look like themselves: a seed is a person, for ever within one `DRAWING_VERSION`.

A look is a handful of proportions and colours; `faces` draws it. Lengths are in units of half a face's height.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from demo.draw.canvas import Colour, Point, mix, shade

DRAWING_VERSION = 1
"""Goes up with every change of how a face looks: seeds proven for one version prove nothing for another."""

Hair = Literal["bald", "crew", "side", "fringe", "receding", "curly", "bob", "long", "bun", "swept"]

Beard = Literal["none", "stubble", "goatee", "full", "moustache"]
Glasses = Literal["none", "round", "square"]

_SHORT: tuple[Hair, ...] = ("bald", "crew", "side", "fringe", "receding", "curly", "swept")
_LONG: tuple[Hair, ...] = ("bob", "long", "bun", "swept", "curly")
_SKIN: tuple[Colour, ...] = (
    (178, 205, 240),
    (160, 192, 232),
    (140, 178, 224),
    (118, 158, 208),
    (92, 132, 186),
    (68, 104, 156),
    (52, 80, 122),
)
_HAIR: tuple[Colour, ...] = (
    (24, 22, 24),
    (34, 30, 30),
    (30, 34, 46),
    (26, 28, 36),
    (34, 48, 76),
    (44, 72, 116),
    (150, 150, 154),
    (205, 208, 210),
    (38, 56, 128),
    (96, 150, 196),
)
_EYES: tuple[Colour, ...] = ((28, 40, 62), (22, 26, 34), (44, 70, 104), (120, 98, 70), (84, 112, 88))


@dataclass(frozen=True, slots=True)
class Look:
    """What makes a person look like themselves. Ratios and lengths in face units, colours BGR."""

    skin: Colour
    hair_colour: Colour
    hair: Hair
    width: float
    jaw: float
    chin: float
    eye_y: float
    eye_apart: float
    eye_wide: float
    eye_open: float
    eye_slant: float
    eye_colour: Colour
    brow_thick: float
    brow_high: float
    brow_slant: float
    brow_arch: float
    nose_long: float
    nose_wide: float
    mouth_wide: float
    mouth_y: float
    lip: float
    lip_colour: Colour
    beard: Beard
    glasses: Glasses
    lines: float
    mole: Point | None
    blush: float


def look_of(seed: int) -> Look:
    """The person of ``seed``; the same for ever within one `DRAWING_VERSION`."""
    random = np.random.default_rng((DRAWING_VERSION, seed))
    skin = shade(_SKIN[int(random.integers(len(_SKIN)))], float(random.uniform(0.95, 1.05)))
    long_haired = random.random() < 0.5
    styles = _LONG if long_haired else _SHORT
    lip_tint: Colour = (96, 78, 196) if long_haired and random.random() < 0.7 else (104, 112, 176)
    beards: tuple[Beard, ...] = ("none", "none", "stubble", "goatee", "full", "moustache")
    rims: tuple[Glasses, ...] = ("none", "none", "round", "square")
    mole: Point | None = None
    if random.random() < 0.3:
        mole = (float(random.uniform(-0.5, 0.5)), float(random.uniform(0.15, 0.75)))
    return Look(
        skin=skin,
        hair_colour=_HAIR[int(random.integers(len(_HAIR)))],
        hair=styles[int(random.integers(len(styles)))],
        width=float(random.uniform(0.66, 0.90)),
        jaw=float(random.uniform(0.62, 0.98)),
        chin=float(random.uniform(0.94, 1.12)),
        eye_y=float(random.uniform(-0.16, 0.02)),
        eye_apart=float(random.uniform(0.29, 0.44)),
        eye_wide=float(random.uniform(0.105, 0.185)),
        eye_open=float(random.uniform(0.30, 0.78)),
        eye_slant=float(random.uniform(-12, 14)),
        eye_colour=_EYES[int(random.integers(len(_EYES)))],
        brow_thick=float(random.uniform(0.018, 0.085)),
        brow_high=float(random.uniform(0.17, 0.32)),
        brow_slant=float(random.uniform(-16, 11)),
        brow_arch=float(random.uniform(0.0, 0.10)),
        nose_long=float(random.uniform(0.26, 0.50)),
        nose_wide=float(random.uniform(0.10, 0.24)),
        mouth_wide=float(random.uniform(0.17, 0.40)),
        mouth_y=float(random.uniform(0.52, 0.66)),
        lip=float(random.uniform(0.030, 0.105)),
        lip_colour=mix(skin, lip_tint, float(random.uniform(0.45, 0.9))),
        beard="none" if long_haired else beards[int(random.integers(len(beards)))],
        glasses=rims[int(random.integers(len(rims)))],
        lines=float(max(0.0, random.uniform(-1.0, 1.0))),
        mole=mole,
        blush=float(random.uniform(0.0, 0.4)),
    )
