"""The time of a clip, on the clocks of an edge."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class ReplayClock:
    """The clip's time on two clocks. starts_s: monotonic, starts_at: wall clock, both at the clip's first frame."""

    starts_s: float = field(default_factory=time.monotonic)
    starts_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    clip_s: float = 0.0
    """How much of the clip has been played."""

    def begin(self) -> None:
        """The first frame is played now."""
        self.starts_s, self.starts_at, self.clip_s = time.monotonic(), datetime.now(UTC), 0.0

    def monotonic(self) -> float:
        return self.starts_s + self.clip_s

    def wall(self) -> datetime:
        return self.starts_at + timedelta(seconds=self.clip_s)

    def of(self, at: datetime) -> float:
        """Seconds from the clip's first frame to ``at``."""
        return (at - self.starts_at).total_seconds()
