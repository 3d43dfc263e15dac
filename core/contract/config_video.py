"""How much video an edge keeps around events."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.contract.base import Message


class ClipSettings(Message):
    """Clips around events: ten seconds before, ten after, encrypted on the edge's disk.

    30 days: what security services keep of alarms (保安服务管理条例, art. 25), and no more than that.
    """

    keep_days: Annotated[int, Field(ge=0, le=90)] = 30
    """0: no clips are made."""
    max_bytes: Annotated[int, Field(ge=100_000_000)] = 20_000_000_000
    """When they take more, the oldest go first."""
