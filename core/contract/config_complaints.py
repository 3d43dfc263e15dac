"""What Pydantic found wrong with the estate's file, in words an installer can act on."""

from __future__ import annotations

import re
import types
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from core.contract.config import EstateConfig

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value, from the top of the file."""

_SECRETIVE = ("url", "password", "key")
_SHOWN_CHARACTERS = 40


def shown_place(place: Place) -> str:
    """``checkpoints[2].camera``"""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: object, known: list[str]) -> str:
    """``; did you mean 'cam-03'?``, or nothing when no known word is close."""
    close = get_close_matches(str(word), known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def explain(error: ErrorDetails, content: Any) -> tuple[Place, str]:
    """Where in the file, and what to do. ``content`` is the file as plain values."""
    place = _place_in_file(error, content)
    if error["type"].startswith("union_tag"):
        place = (*place, "kind")
    return place, _message(error, place)


def _message(error: ErrorDetails, place: Place) -> str:
    given, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing" | "union_tag_not_found":
            message = "is required"
        case "extra_forbidden":
            known = _settings_at(error["loc"][:-1])
            hint = did_you_mean(place[-1], known) or f"; known are {', '.join(known)}"
            message = f"{place[-1]!r} is no setting here{hint}"
        case "union_tag_invalid":
            message = _not_one_of(context["tag"], _words(context["expected_tags"]))
        case "enum" | "literal_error":
            message = _not_one_of(given, _words(context["expected"]))
        case "string_pattern_mismatch":
            message = f"{_shown(given)} is no id: lower-case letters, digits and hyphens inside, at most 64 of them"
        case "value_error":
            message = str(context["error"])
        case "string_type":
            message = f"text is wanted here, not {_shown(given)}: put it in quotes"
        case _:
            message = error["msg"][0].lower() + error["msg"][1:]
            if not any(word in str(part) for part in place for word in _SECRETIVE):
                message += f", not {_shown(given)}"
    return message


def _words(listing: object) -> list[str]:
    """The words in Pydantic's ``'a', 'b' or 'c'``."""
    return re.findall(r"'([^']*)'", str(listing))


def _not_one_of(given: object, known: list[str]) -> str:
    return f"{_shown(given)} is not one of {', '.join(known)}{did_you_mean(given, known)}"


def _shown(value: object) -> str:
    """A value as an installer would recognise it, short."""
    if isinstance(value, dict):
        return "a block of settings"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _place_in_file(error: ErrorDetails, content: Any) -> Place:
    """Pydantic's location without the tags of unions, which no file contains."""
    place: list[str | int] = []
    here = content
    location = error["loc"]
    for position, part in enumerate(location):
        absent = isinstance(here, dict) and part not in here
        wanted = position == len(location) - 1 and error["type"] == "missing"
        if absent and not wanted:
            continue
        place.append(part)
        here = _step(here, part)
    return tuple(place)


def _step(here: Any, part: str | int) -> Any:
    if isinstance(here, dict):
        return here.get(part)
    if isinstance(here, list) and isinstance(part, int) and part < len(here):
        return here[part]
    return None


def _settings_at(location: Place) -> list[str]:
    """Names of the settings that exist at a location of Pydantic's."""
    here: Any = EstateConfig
    for part in location:
        here = _plain(here)
        if isinstance(part, int):
            here = get_args(here)[0]
        elif get_origin(here) in {Union, types.UnionType}:
            here = next(one for one in get_args(here) if _tag(one) == part)
        else:
            here = here.model_fields[part].annotation
    here = _plain(here)
    return sorted(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _plain(annotation: Any) -> Any:
    """Without ``Annotated``, and without the None of something optional."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, types.UnionType}:
        some = [one for one in get_args(annotation) if one is not types.NoneType]
        return some[0] if len(some) == 1 else annotation
    return annotation


def _tag(model: Any) -> str | None:
    field = model.model_fields.get("kind")
    return None if field is None else str(field.default)
