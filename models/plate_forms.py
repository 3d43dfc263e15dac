"""The likeliest text that a plate can bear, given what a reader saw at each place.

The forms are those of `core.contract.plates` (a test holds them to it), as character sets per place, with the ground
colours they come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from models.types import Float

DIGITS, LETTERS = "0123456789", "ABCDEFGHJKLMNPQRSTUVWXYZ"
PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
CHARACTERS = DIGITS + LETTERS + PROVINCES + "使领警学挂港澳应急"
"""Every character of GA 36-2018, no I, no O."""
NONE = 0
"""Column of "no character here"; a character's column is its index in `CHARACTERS` plus one."""
COLOURS = ("blue", "yellow", "green", "yellow_green", "white", "black", "unknown")
"""Ground colours; unknown: seen without colour, by infrared light."""
_SERIAL = DIGITS + LETTERS
_ENERGY = "ABCDEFGHJK"


@dataclass(frozen=True, slots=True)
class Form:
    """places: characters that may stand at each; colours: grounds it comes in, ``unknown`` goes without saying."""

    places: tuple[str, ...]
    colours: tuple[str, ...]


def _form(head: tuple[str, ...], serial: tuple[str, ...], tail: str, *colours: str) -> Form:
    return Form((*head, *serial, *tail), colours)


_HEAD = (PROVINCES, LETTERS)
FORMS: tuple[Form, ...] = (
    _form(_HEAD, (_ENERGY, _SERIAL, *[DIGITS] * 4), "", "green"),
    _form(_HEAD, (*[DIGITS] * 5, _ENERGY), "", "yellow_green", "green"),
    _form(_HEAD, (_SERIAL,) * 5, "", "blue", "yellow", "black"),
    _form(_HEAD, (_SERIAL,) * 4, "警", "white"),
    _form(_HEAD, (_SERIAL,) * 4, "学", "yellow"),
    _form(_HEAD, (_SERIAL,) * 4, "挂", "yellow"),
    _form(("粤", "Z"), (*[_SERIAL] * 4, "港澳"), "", "black"),
    _form((), (DIGITS,) * 6, "使", "black"),
    _form(("使",), (DIGITS,) * 6, "", "black"),
    _form((PROVINCES,), (DIGITS + LETTERS, *[DIGITS] * 4), "领", "black"),
    _form(_HEAD, (_SERIAL,) * 4, "应急", "white"),
    _form(_HEAD, (_SERIAL,) * 5, "应急", "white"),
    _form(("W", "J"), (_SERIAL,) * 5, "", "white"),
    _form(("W", "J"), (_SERIAL,) * 6, "", "white"),
    _form(("W", "J", PROVINCES), (_SERIAL,) * 5, "", "white"),
    _form(("W", "J", PROVINCES), (_SERIAL,) * 6, "", "white"),
    _form((LETTERS, LETTERS), (DIGITS,) * 5, "", "white"),
)


@dataclass(frozen=True, slots=True)
class FormedText:
    """The likeliest text of any form; log_chance: of it, of nothing after it, and of a colour it comes in."""

    text: str
    log_chance: float


@cache
def _allowed(places: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which columns each form allows at each place, bool (forms, places, columns); its colours, bool (forms, 7)."""
    columns = np.zeros((len(FORMS), places, len(CHARACTERS) + 1), np.bool_)
    colours = np.zeros((len(FORMS), len(COLOURS)), np.bool_)
    for row, form in enumerate(FORMS):
        for place in range(places):
            if place < len(form.places):
                columns[row, place, [CHARACTERS.index(character) + 1 for character in form.places[place]]] = True
            else:
                columns[row, place, NONE] = True
        colours[row, [COLOURS.index(colour) for colour in (*form.colours, "unknown")]] = True
    return columns, colours


def best_text(chances: Float, colours: Float) -> FormedText:
    """The likeliest well-formed text.

    chances: float32 (places, columns), log chance of each column at each place, at least as many places as the longest
    form; colours: float32 (7,), chance of each of `COLOURS`.
    """
    allowed, fitting = _allowed(len(chances))
    of_columns = np.where(allowed, chances[None], np.float32(-np.inf))
    best = of_columns.argmax(axis=2)
    of_forms = np.take_along_axis(of_columns, best[..., None], axis=2)[..., 0].sum(axis=1)
    total = of_forms + np.log(fitting @ colours + np.float32(1e-3))
    winner = int(total.argmax())
    text = "".join(CHARACTERS[column - 1] for column in best[winner].tolist() if column != NONE)
    return FormedText(text, float(total[winner]))
