"""What contacts and buttons say, in the words that sensors on MQTT commonly use."""

from __future__ import annotations

import json

_OPEN = frozenset({"open", "opened", "on", "true", "1"})
_CLOSED = frozenset({"closed", "close", "off", "false", "0"})
_KEYS = ("state", "opening", "door")
_RELEASED = frozenset({"off", "released", "release", "idle", "none", "false", "0", ""})


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
    """Whether a button's message is a press: anything but its release."""
    found = _object(said)
    word = found.get("action", found.get("state", said)) if found else said
    return str(word).strip().lower() not in _RELEASED


def _object(said: str) -> dict[str, object]:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
