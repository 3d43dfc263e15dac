"""Something an edge has to tell of doors and places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.contract.events_scenes import CountsV1, HappeningV1


@dataclass(frozen=True, slots=True)
class SceneEvent:
    """A message, and when what it tells of happened."""

    message: HappeningV1 | CountsV1
    occurred_at: datetime
