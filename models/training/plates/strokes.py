"""Letters and digits drawn as lines of one width: what plate characters look like, in as many shapes as wanted.

Each character is a skeleton in a unit box (x to the right, y down) that depends on a `Hand`: how square its bowls are,
where its waists and bars lie, and which of two usual shapes it takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.types import Image

Path2d = npt.NDArray[np.float64]
_SUPERSAMPLED = 2
_FRACTION_BITS = 4
NARROW = frozenset("1")
_CROWDED, _CROWDED_PEN = frozenset("MW"), 0.8
"""Letters whose lines run together when they are as thick as the others'."""


@dataclass(frozen=True, slots=True)
class Hand:
    """One way of drawing: ``squareness`` of bowls (2: ellipse, 4: nearly a box), heights in 0..1 of the box.

    flag: whether the 1 has one; other: the second usual shape of 3, 4, 6, 7, 9, G, J, M, W and Y; wobble: how far
    points stray.
    """

    squareness: float
    waist: float
    bar: float
    flag: bool
    other: frozenset[str]
    wobble: float
    thickness: float
    seed: int

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Hand:
        return cls(
            squareness=float(rng.uniform(2.0, 3.6)),
            waist=float(rng.uniform(0.44, 0.53)),
            bar=float(rng.uniform(0.6, 0.74)),
            flag=bool(rng.random() < 0.4),
            other=frozenset(letter for letter in "34679GJMWY" if rng.random() < 0.4),
            wobble=float(rng.uniform(0.0, 0.025)),
            thickness=float(rng.uniform(0.08, 0.135)),
            seed=int(rng.integers(1 << 31)),
        )


def draw_stroke(character: str, hand: Hand, width: int, height: int) -> Image:
    """Coverage of ``character`` filling (height, width), uint8. ``hand.thickness`` is a share of the height."""
    wide, high = width * _SUPERSAMPLED, height * _SUPERSAMPLED
    pen = max(1.0, hand.thickness * high * (_CROWDED_PEN if character in _CROWDED else 1.0))
    rng = np.random.default_rng([hand.seed, ord(character)])
    picture = np.zeros((high, wide), np.uint8)
    room = np.array([max(wide - 1 - pen, 1.0), high - 1 - pen])
    for line in skeleton(character, hand):
        stray = rng.normal(0, hand.wobble, 2) if character not in NARROW else np.zeros(2)
        points = np.clip(line + stray * 0.5, -0.01, 1.01) * room + pen / 2
        fixed = np.round(points * (1 << _FRACTION_BITS)).astype(np.int32)
        cv2.polylines(picture, [fixed], False, 255, max(1, round(pen)), cv2.LINE_AA, _FRACTION_BITS)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def skeleton(character: str, hand: Hand) -> list[Path2d]:
    """The lines of ``character``. Raises KeyError for one no plate has."""
    if character in _STRAIGHT:
        lines = _STRAIGHT[character]
        if character in hand.other and character in _STRAIGHT_OTHER:
            lines = _STRAIGHT_OTHER[character]
        return [np.array(line, np.float64) for line in lines]
    return _ROUND[character](hand)


def _arc(centre: tuple[float, float], radii: tuple[float, float], start: float, end: float, power: float) -> Path2d:
    """Part of a superellipse; degrees clockwise from the right, as y points down."""
    angle = np.radians(np.linspace(start, end, max(6, int(abs(end - start) / 9))))
    cos, sin = np.cos(angle), np.sin(angle)
    x = centre[0] + radii[0] * np.sign(cos) * np.abs(cos) ** (2 / power)
    y = centre[1] + radii[1] * np.sign(sin) * np.abs(sin) ** (2 / power)
    return np.stack([x, y], axis=1)


def _joined(*parts: Path2d | list[tuple[float, float]]) -> Path2d:
    return np.concatenate([np.array(part, np.float64) for part in parts])


_STRAIGHT: dict[str, list[list[tuple[float, float]]]] = {
    "4": [[(0.72, 1), (0.72, 0), (0, 0.72), (1, 0.72)]],
    "7": [[(0, 0), (1, 0), (0.38, 1)]],
    "E": [[(1, 0), (0, 0), (0, 1), (1, 1)], [(0, 0.48), (0.88, 0.48)]],
    "F": [[(1, 0), (0, 0), (0, 1)], [(0, 0.5), (0.86, 0.5)]],
    "H": [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 0.48), (1, 0.48)]],
    "K": [[(0, 0), (0, 1)], [(0.96, 0), (0, 0.64)], [(0.33, 0.43), (1, 1)]],
    "L": [[(0, 0), (0, 1), (1, 1)]],
    "M": [[(0, 1), (0, 0), (0.5, 0.7), (1, 0), (1, 1)]],
    "N": [[(0, 1), (0, 0), (1, 1), (1, 0)]],
    "T": [[(0, 0), (1, 0)], [(0.5, 0), (0.5, 1)]],
    "V": [[(0, 0), (0.5, 1), (1, 0)]],
    "W": [[(0, 0), (0.24, 1), (0.5, 0.12), (0.76, 1), (1, 0)]],
    "X": [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
    "Y": [[(0, 0), (0.5, 0.52), (1, 0)], [(0.5, 0.52), (0.5, 1)]],
    "Z": [[(0, 0), (1, 0), (0, 1), (1, 1)]],
}
_STRAIGHT_OTHER: dict[str, list[list[tuple[float, float]]]] = {
    "4": [[(0.66, 1), (0.66, 0.36)], [(0.62, 0), (0, 0.74), (1, 0.74)]],
    "7": [[(0, 0.06), (0, 0), (1, 0), (0.62, 0.42), (0.42, 1)]],
    "M": [[(0, 1), (0, 0), (0.5, 0.96), (1, 0), (1, 1)]],
    "W": [[(0, 0), (0.22, 1), (0.5, 0.42), (0.78, 1), (1, 0)]],
    "Y": [[(0, 0), (0.5, 0.44), (1, 0)], [(0.5, 0.44), (0.5, 1)]],
}


def _zero(hand: Hand) -> list[Path2d]:
    return [_arc((0.5, 0.5), (0.5, 0.5), 0, 360, hand.squareness)]


def _one(hand: Hand) -> list[Path2d]:
    return [np.array([(0.0, 0.16), (0.9, 0.0), (0.9, 1.0)] if hand.flag else [(0.5, 0.0), (0.5, 1.0)])]


def _two(hand: Hand) -> list[Path2d]:
    top = _arc((0.5, 0.28), (0.5, 0.28), 185, 378, min(hand.squareness, 2.6))
    return [_joined(top, [(0.0, 1.0), (1.0, 1.0)])]


def _three(hand: Hand) -> list[Path2d]:
    waist, power = hand.waist - 0.02, hand.squareness
    bottom = _arc((0.48, (1 + waist) / 2), (0.52, (1 - waist) / 2), 270, 530, power)
    if "3" in hand.other:
        return [_joined([(0.03, 0.0), (0.95, 0.0), (0.42, waist)], bottom)]
    top = _arc((0.48, waist / 2), (0.48, waist / 2), 190, 450, power)
    return [_joined(top, [(0.32, waist)]), _joined([(0.32, waist)], bottom)]


def _five(hand: Hand) -> list[Path2d]:
    top = hand.waist - 0.1
    bowl = _arc((0.48, (1 + top) / 2), (0.52, (1 - top) / 2), 235, 525, hand.squareness)
    return [_joined([(0.94, 0.0), (0.1, 0.0), (0.06, top + 0.12)], bowl)]


def _six(hand: Hand) -> list[Path2d]:
    top = hand.waist - 0.08
    bowl = _arc((0.5, (1 + top) / 2), (0.5, (1 - top) / 2), 180, 540, hand.squareness)
    if "6" in hand.other:
        return [bowl, np.array([(0.74, 0.0), (0.04, (1 + top) / 2 - 0.06)])]
    return [bowl, _joined([(0.0, (1 + top) / 2)], _arc((0.5, 0.3), (0.5, 0.3), 180, 340, hand.squareness))]


def _nine(hand: Hand) -> list[Path2d]:
    other = frozenset("6") if "9" in hand.other else frozenset[str]()
    upright = Hand(hand.squareness, hand.waist, hand.bar, hand.flag, other, hand.wobble, hand.thickness, hand.seed)
    return [1.0 - line for line in _six(upright)]


def _eight(hand: Hand) -> list[Path2d]:
    waist, power = hand.waist - 0.02, hand.squareness
    return [
        _arc((0.5, waist / 2), (0.45, waist / 2), 90, 450, power),
        _arc((0.5, (1 + waist) / 2), (0.5, (1 - waist) / 2), 270, 630, power),
    ]


def _letter_a(hand: Hand) -> list[Path2d]:
    left = 0.5 - 0.5 * hand.bar
    return [np.array([(0.0, 1.0), (0.5, 0.0), (1.0, 1.0)]), np.array([(left, hand.bar), (1 - left, hand.bar)])]


def _letter_b(hand: Hand) -> list[Path2d]:
    waist, power = hand.waist, hand.squareness
    top = _arc((0.5, waist / 2), (0.44, waist / 2), 270, 450, power)
    bottom = _arc((0.5, (1 + waist) / 2), (0.5, (1 - waist) / 2), 270, 450, power)
    return [_joined([(0.0, 0.0)], top, [(0.0, waist)]), _joined([(0.0, waist)], bottom, [(0.0, 1.0), (0.0, 0.0)])]


def _letter_c(hand: Hand) -> list[Path2d]:
    return [_arc((0.52, 0.5), (0.52, 0.5), 325, 35, hand.squareness)]


def _letter_d(hand: Hand) -> list[Path2d]:
    return [_joined([(0.0, 0.0)], _arc((0.45, 0.5), (0.55, 0.5), 270, 450, hand.squareness), [(0.0, 1.0), (0.0, 0.0)])]


def _letter_g(hand: Hand) -> list[Path2d]:
    arc = _arc((0.5, 0.5), (0.5, 0.5), 325, 20, hand.squareness)
    if "G" in hand.other:
        return [arc, np.array([(0.52, 0.56), (1.0, 0.56), (1.0, 1.0)])]
    return [_joined(arc, [(0.98, 0.56), (0.54, 0.56)])]


def _letter_j(hand: Hand) -> list[Path2d]:
    hook = _arc((0.46, 0.76), (0.46, 0.24), 0, 170, hand.squareness)
    top = [(0.4, 0.0), (0.92, 0.0)] if "J" in hand.other else [(0.92, 0.0)]
    return [_joined(top, hook)]


def _letter_p(hand: Hand) -> list[Path2d]:
    foot = hand.waist + 0.06
    bowl = _arc((0.5, foot / 2), (0.5, foot / 2), 270, 450, hand.squareness)
    return [_joined([(0.0, 1.0), (0.0, 0.0)], bowl, [(0.0, foot)])]


def _letter_q(hand: Hand) -> list[Path2d]:
    return [_arc((0.5, 0.49), (0.5, 0.49), 0, 360, hand.squareness), np.array([(0.56, 0.72), (1.0, 1.0)])]


def _letter_r(hand: Hand) -> list[Path2d]:
    return [*_letter_p(hand), np.array([(0.45, hand.waist + 0.06), (1.0, 1.0)])]


def _letter_s(hand: Hand) -> list[Path2d]:
    waist, power = hand.waist, min(hand.squareness, 2.8)
    top = _arc((0.5, waist / 2), (0.48, waist / 2), 345, 90, power)
    bottom = _arc((0.5, (1 + waist) / 2), (0.5, (1 - waist) / 2), 270, 525, power)
    return [_joined(top, bottom)]


def _letter_u(hand: Hand) -> list[Path2d]:
    return [_joined([(1.0, 0.0)], _arc((0.5, 0.7), (0.5, 0.3), 0, 180, hand.squareness), [(0.0, 0.0)])]


_ROUND = {
    "0": _zero,
    "1": _one,
    "2": _two,
    "3": _three,
    "5": _five,
    "6": _six,
    "8": _eight,
    "9": _nine,
    "A": _letter_a,
    "B": _letter_b,
    "C": _letter_c,
    "D": _letter_d,
    "G": _letter_g,
    "J": _letter_j,
    "P": _letter_p,
    "Q": _letter_q,
    "R": _letter_r,
    "S": _letter_s,
    "U": _letter_u,
}
