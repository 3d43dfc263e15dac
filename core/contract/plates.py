"""Grammar of mainland plates, GA 36-2018: what a plate can be, before anybody looks it up.

Forms and vectors: the public descriptions collected for this project; military and armed-police forms are the widest
sensible ones. No plate has the letters I or O.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
_P = f"[{PROVINCES}]"
_L = "[A-HJ-NP-Z]"
_X = "[A-HJ-NP-Z0-9]"
_D = "[0-9]"
_SEPARATORS = re.compile(r"[\s·•.\-_]+")
_NOT_NORMAL = re.compile(rf"[^{PROVINCES}A-Z0-9]")
MAX_TEXT = 64
"""Characters of a text that may be a plate, separators included; the longest plate has nine."""


class PlateTooLongError(ValueError):
    """A text is far longer than any plate; the text says how long it may be."""


class PlateForm(StrEnum):
    NEV_SMALL = "nev_small"
    NEV_LARGE = "nev_large"
    STANDARD = "standard"
    POLICE = "police"
    LEARNER = "learner"
    TRAILER = "trailer"
    HONG_KONG_MACAU = "hong_kong_macau"
    EMBASSY = "embassy"
    CONSULATE = "consulate"
    EMERGENCY = "emergency"
    ARMED_POLICE = "armed_police"
    MILITARY = "military"


# In order: a new-energy plate would also fit the emergency form, so the narrower form is asked first.
_FORMS: tuple[tuple[PlateForm, re.Pattern[str]], ...] = (
    (PlateForm.NEV_SMALL, re.compile(rf"{_P}{_L}[A-HJK]{_X}{_D}{{4}}")),
    (PlateForm.NEV_LARGE, re.compile(rf"{_P}{_L}{_D}{{5}}[A-HJK]")),
    (PlateForm.STANDARD, re.compile(rf"{_P}{_L}{_X}{{5}}")),
    (PlateForm.POLICE, re.compile(rf"{_P}{_L}{_X}{{4}}警")),
    (PlateForm.LEARNER, re.compile(rf"{_P}{_L}{_X}{{4}}学")),
    (PlateForm.TRAILER, re.compile(rf"{_P}{_L}{_X}{{4}}挂")),
    (PlateForm.HONG_KONG_MACAU, re.compile(rf"粤Z{_X}{{4}}[港澳]")),
    (PlateForm.EMBASSY, re.compile(rf"{_D}{{6}}使|使{_D}{{6}}")),
    (PlateForm.CONSULATE, re.compile(rf"{_P}(?:{_D}{{5}}|{_L}{_D}{{4}})领")),
    (PlateForm.EMERGENCY, re.compile(rf"{_P}{_L}{_X}{{4,5}}应急")),
    (PlateForm.ARMED_POLICE, re.compile(rf"WJ{_P}?{_X}{{5,6}}")),
    (PlateForm.MILITARY, re.compile(rf"{_L}{{2}}{_D}{{5}}")),
)


@dataclass(frozen=True, slots=True)
class Plate:
    """A well-formed plate: ``text`` normalised, ``form`` the first that fits.

    ``unusual``: fits, but with more than two letters in a standard serial, which the standard does not issue.
    """

    text: str
    form: PlateForm
    unusual: bool = False


def normalise(text: str) -> str:
    """Upper case, full-width to half-width, separators gone. Not yet known to be a plate.

    Raises PlateTooLongError for more than `MAX_TEXT` characters.
    """
    if len(text) > MAX_TEXT:
        raise PlateTooLongError(f"a plate is written with at most {MAX_TEXT} characters, this text has {len(text)}")
    # What readers and lists hold is nearly always normal already, and telling so takes a quarter of making it so.
    if _NOT_NORMAL.search(text) is None:
        return text
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()


def parse_plate(text: str) -> Plate | None:
    """The plate in ``text``, or None when no form fits or it is too long for any."""
    if len(text) > MAX_TEXT:
        return None
    candidate = normalise(text)
    for form, pattern in _FORMS:
        if pattern.fullmatch(candidate):
            letters = sum(character.isalpha() for character in candidate[2:])
            return Plate(candidate, form, unusual=form is PlateForm.STANDARD and letters > 2)
    return None
