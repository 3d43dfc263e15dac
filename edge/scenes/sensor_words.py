"""What contacts and buttons say, in the words that sensors on MQTT commonly use."""

from __future__ import annotations

import json
import re

_OPEN = frozenset({"open", "opened", "on", "true", "1"})
_CLOSED = frozenset({"closed", "close", "off", "false", "0"})
_KEYS = ("state", "opening", "door")
_PRESSED = re.compile(r"(?:(?:button_)?\d+_)?(?:press|pressed|single|double|triple|hold|long|on|true)|1")
"""A press, of one button or of one among several: ``pressed``, ``single``, ``2_single``, ``button_1_press``."""


def door_is_open(said: str) -> bool | None:
    """True for open, False for shut, None for anything else.

    Plain words (``open``, ``closed``; ``ON`` is open, as with a Home Assistant door sensor) or JSON with ``state``,
    ``opening`` or ``door``; Zigbee2MQTT's ``{"contact": true}`` means that both halves touch: shut.
    """
    word = said.strip().lower()
    if word in _OPEN or word in _CLOSED:
        return word in _OPEN
    found = _object(said)
    contact = found.get("contact")
    if isinstance(contact, bool):
        return not contact
    for key in _KEYS:
        value = str(found.get(key, "")).lower()
        if value in _OPEN or value in _CLOSED:
            return value in _OPEN
    return None


def button_is_pressed(said: str) -> bool:
    """Whether a button's message says in so many words that it is pressed.

    What it says besides (its release, its battery, that it is away) unlocks nothing. Plain words (``pressed``, ``ON``)
    or JSON with ``action`` or ``state``.
    """
    found = _object(said)
    word = found.get("action", found.get("state", "")) if found else said
    return _PRESSED.fullmatch(str(word).strip().lower()) is not None


def _object(said: str) -> dict[str, object]:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
