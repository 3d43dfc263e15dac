"""What plates there are: texts as issued and the places of their characters, millimetres of GA 36-2018.

Where the standard's drawing was not at hand (military, armed police, emergency, motorcycles) the places are read off
public pictures and stray a little more from plate to plate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.training.plates.glyphs import DIGITS, LETTERS, PROVINCES

Colour = Literal["blue", "yellow", "green", "yellow_green", "white", "black"]
_ENERGY = "DABCEFGHJK"


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a character stands: left, top, width, height, millimetres from the plate's upper left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """A plate's size and places. dots: centres of separators; rows: lines of text, 1 or 2; stray_mm: how far off."""

    width: float
    height: float
    cells: tuple[Cell, ...]
    dots: tuple[tuple[float, float], ...]
    rows: int = 1
    stray_mm: float = 1.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of plate. red: places of characters that may be red, counted from 0, negative from the end."""

    name: str
    colour: Colour
    text: Callable[[np.random.Generator], str]
    layout: Callable[[str], Layout]
    red: tuple[int, ...] = ()
    weight: float = 1.0


def _pick(rng: np.random.Generator, characters: str) -> str:
    return characters[int(rng.integers(len(characters)))]


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(_pick(rng, DIGITS) for _ in range(count))


def _head(rng: np.random.Generator) -> str:
    return _pick(rng, PROVINCES) + _pick(rng, LETTERS)


def _serial(rng: np.random.Generator, count: int) -> str:
    """Digits with up to two letters; one plate in twenty-five has more, as old ones and wishes do."""
    letters = int(rng.integers(0, 3)) if rng.random() < 0.96 else int(rng.integers(3, count + 1))
    places = set(rng.permutation(count)[:letters].tolist())
    return "".join(_pick(rng, LETTERS if place in places else DIGITS) for place in range(count))


def _nev_small(rng: np.random.Generator) -> str:
    energy = _pick(rng, "DF" if rng.random() < 0.5 else _ENERGY)
    return _head(rng) + energy + _pick(rng, LETTERS + DIGITS) + _digits(rng, 4)


def _nev_large(rng: np.random.Generator) -> str:
    return _head(rng) + _digits(rng, 5) + _pick(rng, "DF" if rng.random() < 0.5 else _ENERGY)


def _ending(mark: str, count: int = 4) -> Callable[[np.random.Generator], str]:
    return lambda rng: _head(rng) + _serial(rng, count) + mark


def _ordinary(rng: np.random.Generator) -> str:
    return _head(rng) + _serial(rng, 5)


def _hong_kong_macau(rng: np.random.Generator) -> str:
    return "粤Z" + _serial(rng, 4) + _pick(rng, "港澳")


def _embassy(rng: np.random.Generator) -> str:
    return _digits(rng, 6) + "使" if rng.random() < 0.6 else "使" + _digits(rng, 6)


def _consulate(rng: np.random.Generator) -> str:
    return (_pick(rng, PROVINCES) + _digits(rng, 5) if rng.random() < 0.6 else _head(rng) + _digits(rng, 4)) + "领"


def _armed_police(rng: np.random.Generator) -> str:
    tail = _digits(rng, 4) + (_pick(rng, LETTERS) if rng.random() < 0.5 else _pick(rng, DIGITS))
    return "WJ" + (_pick(rng, PROVINCES) if rng.random() < 0.8 else "") + tail


def _military(rng: np.random.Generator) -> str:
    return _pick(rng, LETTERS) + _pick(rng, LETTERS) + _digits(rng, 5)


def _row(lefts: list[float], top: float, width: float, height: float) -> tuple[Cell, ...]:
    return tuple(Cell(left, top, width, height) for left in lefts)


def _one_row(text: str) -> Layout:  # noqa: ARG001 - a layout may depend on the text
    lefts = [15.5, 72.5, *(151.5 + 57 * place for place in range(5))]
    return Layout(440, 140, _row(lefts, 25, 45, 90), ((134.5, 70),))


def _one_row_split_later(text: str) -> Layout:
    """Embassies and consulates: the dot after three or four characters."""
    before = 4 if text[0] in PROVINCES else 3
    lefts = [15.5 + 57 * place + (22 if place >= before else 0) for place in range(7)]
    return Layout(440, 140, _row(lefts, 25, 45, 90), ((15.5 + 57 * before + 5, 70),))


def _new_energy(text: str) -> Layout:  # noqa: ARG001
    narrow = _row([152 + 52 * place for place in range(6)], 25, 43, 90)
    return Layout(480, 140, (*_row([15.5, 69.5], 25, 45, 90), *narrow), ((133, 70),))


def _emergency(text: str) -> Layout:
    tail = len(text) - 2
    pitch = 312 / tail
    narrow = _row([152 + pitch * place for place in range(tail)], 25, min(43, pitch - 7), 90)
    return Layout(480, 140, (*_row([15.5, 69.5], 25, 45, 90), *narrow), ((133, 70),), stray_mm=2)


def _armed(text: str) -> Layout:
    if len(text) == 7:
        return _one_row(text)
    tail = _row([170 + 52 * place for place in range(5)], 25, 43, 90)
    return Layout(440, 140, (*_row([12, 62], 25, 42, 90), Cell(112, 25, 38, 62), *tail), ((131, 103),), stray_mm=3)


def _two_rows(text: str) -> Layout:  # noqa: ARG001
    top = _row([110, 250], 15, 80, 60)
    bottom = _row([27.5 + 80 * place for place in range(5)], 90, 65, 110)
    return Layout(440, 220, (*top, *bottom), ((220, 45),), rows=2)


def _motorcycle(text: str) -> Layout:  # noqa: ARG001
    top = _row([52, 126], 14, 42, 36)
    bottom = _row([17 + 39 * place for place in range(5)], 60, 30, 65)
    return Layout(220, 140, (*top, *bottom), ((110, 32),), rows=2, stray_mm=1.5)


KINDS: tuple[Kind, ...] = (
    Kind("blue", "blue", _ordinary, _one_row, weight=2.4),
    Kind("yellow", "yellow", _ordinary, _one_row, weight=1.2),
    Kind("yellow two rows", "yellow", _ordinary, _two_rows, weight=1.4),
    Kind("new energy, small", "green", _nev_small, _new_energy, weight=2.0),
    Kind("new energy, large", "yellow_green", _nev_large, _new_energy, weight=1.6),
    Kind("police", "white", _ending("警"), _one_row, red=(-1,)),
    Kind("learner", "yellow", _ending("学"), _one_row),
    Kind("trailer", "yellow", _ending("挂"), _two_rows),
    Kind("Hong Kong, Macau", "black", _hong_kong_macau, _one_row, weight=0.8),
    Kind("embassy", "black", _embassy, _one_row_split_later, red=(-1, 0), weight=0.5),
    Kind("consulate", "black", _consulate, _one_row_split_later, red=(-1,), weight=0.5),
    Kind("black ordinary", "black", _ordinary, _one_row, weight=0.3),
    Kind("military", "white", _military, _one_row, red=(0, 1), weight=0.5),
    Kind("armed police", "white", _armed_police, _armed, red=(0, 1), weight=1.2),
    Kind("emergency", "white", _ending("应急"), _emergency, red=(-1, -2), weight=0.9),
    Kind("motorcycle", "yellow", _ordinary, _motorcycle, weight=0.9),
    Kind("motorcycle, light", "blue", _ordinary, _motorcycle, weight=0.8),
    Kind("motorcycle, police", "white", _ending("警"), _motorcycle, red=(-1,), weight=0.3),
)
"""Every type of plate, with how often it is drawn in training."""
