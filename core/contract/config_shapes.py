"""Words and shapes that every part of the estate's file uses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.contract.base import Message

UnitPoint = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]
Polygon = Annotated[tuple[UnitPoint, ...], Field(min_length=3, max_length=32)]
"""Corners in fractions of the picture's width and height, origin at the top left."""
Line = tuple[UnitPoint, UnitPoint]
"""First and second point. Forward is from its left to its right, seen from the first to the second."""


class Name(Message):
    """What people read: Chinese first, English complete."""

    zh: Annotated[str, Field(min_length=1, max_length=80)]
    en: Annotated[str, Field(min_length=1, max_length=80)]
