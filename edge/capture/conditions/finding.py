"""What one look at a camera finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Grade(IntEnum):
    """How bad it is."""

    NONE = 0
    THERE = 1
    BLIND = 2  # no checkpoint can work with such pictures


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a condition is there now.

    after_s: how long it must last before anybody hears of it, where that is more than usual; detail: what to do.
    """

    grade: Grade = Grade.NONE
    detail: str = ""
    after_s: float = 0.0


NOTHING = Finding()
"""Looked for, and not there. Where it could not be looked for there is no finding: None."""
