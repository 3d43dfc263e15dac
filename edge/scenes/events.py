"""Something an edge has to tell of doors and places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.contract.base import Message
from core.contract.events_scenes import CountsV1, HappeningV1, Phase


@dataclass(frozen=True, slots=True)
class SceneEvent:
    """A message, and when what it tells of happened."""

    message: HappeningV1 | CountsV1
    occurred_at: datetime


def shown_at_s(told: Message, occurred_at: datetime, now: datetime, now_s: float) -> float | None:
    """Stream time around which the camera's video shows what is told ``now``, when it is ``now_s`` (monotonic).

    None for what there is nothing to be seen of. What began by lasting is shown as it is now: when it came is longer
    ago than a camera's packets are kept.
    """
    if not isinstance(told, HappeningV1) or told.phase is Phase.ENDED:
        return None
    if told.phase is Phase.BEGAN:
        return now_s
    return now_s - max(0.0, (now - occurred_at).total_seconds())
