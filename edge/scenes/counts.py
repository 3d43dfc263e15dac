"""What was counted before one camera, until the interval is over and it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.contract.events_scenes import CountsV1, LineCount, ZoneCount
from core.contract.ids import CameraId, PlaceId
from core.contract.vocabulary import BodyKind
from edge.scenes.zones import ZoneSums

TakeZones = Callable[[], Mapping[PlaceId, Mapping[BodyKind, ZoneSums]]]
"""What zones have summed up, which then begin anew."""


@dataclass(slots=True)
class CountBook:
    """Intervals begin at whole multiples of ``every_s``: sums per hour then need no splitting."""

    camera: CameraId
    every_s: int
    since: datetime
    _crossed: Counter[tuple[PlaceId, BodyKind, bool]] = field(default_factory=Counter)

    def cross(self, line: PlaceId, kind: BodyKind, *, forward: bool) -> None:
        """Count one body over ``line``."""
        self._crossed[line, kind, forward] += 1

    def over(self, now: datetime) -> bool:
        """True when an interval has ended by ``now``, also when the clock was set back before it began."""
        return now < self.since or self._interval(now) != self._interval(self.since)

    def take(self, now: datetime, zones: TakeZones) -> CountsV1 | None:
        """What was counted until ``now``, and begin anew; None where nobody came.

        None, too, when the clock was set back before the interval began: what was counted is then told with the next.
        """
        since, self.since = self.since, now
        if now <= since:
            return None
        crossed, self._crossed = self._crossed, Counter()
        lines = tuple(
            LineCount(place=place, body=kind, forward=crossed[place, kind, True], backward=crossed[place, kind, False])
            for place, kind in sorted({(place, kind) for place, kind, _ in crossed})
        )
        spent = tuple(
            ZoneCount(
                place=place,
                body=kind,
                body_s=round(sums.body_s),
                most_at_once=sums.most_at_once,
                long_stays=sums.long_stays,
            )
            for place, kinds in sorted(zones().items())
            for kind, sums in sorted(kinds.items())
        )
        if not lines and not spent:
            return None
        return CountsV1(camera=self.camera, since=since, until=now, lines=lines, zones=spent)

    def _interval(self, moment: datetime) -> int:
        return int(moment.astimezone(UTC).timestamp()) // self.every_s
