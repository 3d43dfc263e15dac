"""Training and test crops: one number in, the same crop out, on any machine with the same fonts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.training.plates.camera import Conditions, crop, photograph
from models.training.plates.glyphs import Typefaces
from models.training.plates.kinds import KINDS, Kind
from models.training.plates.paint import paint
from models.types import Image

_WEIGHTS = np.array([kind.weight for kind in KINDS]) / sum(kind.weight for kind in KINDS)

_UNSQUEEZED = {1: (200, 64), 2: (200, 100)}


@dataclass(frozen=True, slots=True)
class Sample:
    """crop: uint8 (h, w, 3) BGR; grey: seen by infrared, so its colour can't be told."""

    crop: Image
    kind: Kind
    text: str
    grey: bool


def sample(
    bank: Typefaces,
    conditions: Conditions,
    seed: tuple[int, int],
    size: tuple[int, int] | None,
    kind: Kind | None = None,
) -> Sample:
    """The crop number ``seed[1]`` of stream ``seed[0]``.

    size: width and height, None for 200 pixels by what the rows need; kind: of all, weighted, when None.
    """
    rng = np.random.default_rng(seed)
    chosen = kind or KINDS[int(rng.choice(len(KINDS), p=_WEIGHTS))]
    text = chosen.text(rng)
    seen = photograph(paint(chosen, text, bank, rng), conditions, rng)
    width, height = size or _UNSQUEEZED[chosen.layout(text).rows]
    return Sample(crop(seen, conditions, width, height, rng), chosen, text, seen.grey)
