"""One clock for everybody: it stands until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

BEGIN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class Clock:
    """Wall time when called; ``monotonic`` runs with it, whatever is restarted."""

    begin = BEGIN

    def __init__(self) -> None:
        self._passed = timedelta()

    def __call__(self) -> datetime:
        return BEGIN + self._passed

    def now(self, zone: tzinfo | None = None) -> datetime:
        """As ``datetime.now``: stands in for it where a module asks it itself."""
        return self().astimezone(zone)

    def monotonic(self) -> float:
        return 1_000.0 + self._passed.total_seconds()

    def pass_by(self, time: timedelta) -> None:
        self._passed += time


class MachineClock:
    """The wall clock of the core's machine: everybody's, unless it is ``wrong_by`` so much."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.wrong_by = timedelta()

    def __call__(self) -> datetime:
        return self._clock() + self.wrong_by

    def now(self, zone: tzinfo | None = None) -> datetime:
        """See ``Clock.now``."""
        return self().astimezone(zone)
