"""The one base of every message: frozen, and closed to fields nobody agreed on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Message(BaseModel):
    """A value that crosses a process border."""

    # What was wrong with a message may be logged with a traceback; what was in it may not.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


Instant = AwareDatetime
"""A point in time with its offset; naive times are refused."""

UnitInterval = Annotated[float, Field(ge=0.0, le=1.0)]


def isoformat(moment: datetime) -> str:
    """RFC 3339 text of an aware ``moment``, as CloudEvents wants it."""
    if moment.tzinfo is None:
        raise ValueError("a time without an offset can't be sent: use an aware datetime")
    return moment.isoformat()
