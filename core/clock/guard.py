"""The clock of the core's process. It looks at the machine's every few seconds, and remembers what it saw.

What is over by time is over for good: consents, cases. So the machine's clock alone ends nothing. While the core runs
it counts seconds that nobody can set; what edges counted meanwhile bears out how long it was off. A clock that says
something else is in doubt: until then things end by the earlier of what it shows and what was counted, and rolls to
edges carry that time, too. An edge that knows better takes such a roll for old, and stops recognising faces in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from core.clock.judge import WAIT_FOR_EDGES_S, WRONG_BY, Doubt, doubt_about, earlier
from core.clock.record import (
    ClockRecord,
    does_harm,
    heard_lately,
    read_record,
    times_counted,
    write_record,
)
from core.contract.steady import boot_id, steady_s

RECORDED_EVERY = timedelta(minutes=1)
OTHERS_TELL_WITHIN_S = 180.0
"""A core that runs has written down what it counted within this: what it did not count has not passed."""
FOLLOWED_EVERY_S = 3600.0
"""How often what was counted follows the wall clock: small steps, each within tolerance, can't add up to a leap."""
log = structlog.get_logger()


def utc_now() -> datetime:
    return datetime.now(UTC)


class CoreClock:
    """Call it for the time by which things end, from any thread. ``look`` first, and often, from one at a time.

    doubt: as of the last look; counts: ``clock_in_doubt``, how often a doubt began since the start.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = utc_now,
        steady: Callable[[], float] = steady_s,
        boot: str | None = None,
    ) -> None:
        """steady: seconds that nobody can set; boot: which start of this machine they count from (``boot_id``)."""
        self._wall = wall
        self._steady = steady
        self._boot = boot or boot_id()
        self._counted_from: tuple[datetime, float] | None = None
        """A time that was believed, and what ``steady`` was then."""
        self._believed_once = False
        self._started_s = steady()
        self._seen_at: datetime | None = None
        """What the record said when this core last looked; another time stands there now only by somebody else."""
        self._others_s = float("-inf")
        self.doubt: Doubt | None = None
        self.counts: Counter[str] = Counter()

    def __call__(self) -> datetime:
        return earlier(self._wall(), self._counted())

    def look(self, db: Session) -> None:
        """Compare, and remember, in the caller's writing transaction. Raises SQLAlchemyError."""
        wall, record = self._wall(), read_record(db, lock=True)
        if record is not None and self._seen_at not in (None, record.at):
            self._others_s = self._steady()
        self._catch_up(record)
        doubt = self._judge(db, wall, record)
        if doubt is None:
            self._follow(wall)
        if doubt is not self.doubt:
            self._tell(doubt, wall)
        self.doubt = doubt
        self._remember(db, wall, record)

    def _counted(self) -> datetime | None:
        if self._counted_from is None:
            return None
        at, steady = self._counted_from
        return at + timedelta(seconds=self._steady() - steady)

    def _catch_up(self, record: ClockRecord | None) -> None:
        """What the core worked by before its start, or another core works by, is past here, too."""
        counted = self._counted()
        if record is not None and (counted is None or record.at > counted):
            self._counted_from = (record.at, self._steady())

    def _judge(self, db: Session, wall: datetime, record: ClockRecord | None) -> Doubt | None:
        edges = record.edges if record is not None else {}
        doubt = doubt_about(
            wall,
            self._counted(),
            off_before=not self._believed_once and self._steady() - self._others_s > OTHERS_TELL_WITHIN_S,
            by_edges=list(times_counted(wall, heard_lately(db, wall, self._boot), edges)),
            waited=not edges or self._steady() - self._started_s >= WAIT_FOR_EDGES_S,
        )
        if doubt is None:
            return None
        confirmed = record.confirmed_at if record is not None else None
        if confirmed is not None and abs(wall - confirmed) <= WRONG_BY:
            return None
        return doubt if does_harm(db, wall) else None

    def _follow(self, wall: datetime) -> None:
        counted, now_s = self._counted(), self._steady()
        due = self._counted_from is None or now_s - self._counted_from[1] >= FOLLOWED_EVERY_S
        if due or counted is None or abs(wall - counted) > WRONG_BY or not self._believed_once:
            self._counted_from = (wall, now_s)
        self._believed_once = True

    def _remember(self, db: Session, wall: datetime, record: ClockRecord | None) -> None:
        """Not before the clock was believed once, where there is nothing to go by."""
        counted = self._counted()
        self._seen_at = record.at if record is not None else None
        if counted is None:
            return
        known = record or ClockRecord(at=counted)
        if record is not None and record.doubt is self.doubt and abs(counted - record.at) < RECORDED_EVERY:
            return
        edges = known.edges if self.doubt is not None else known.edges | heard_lately(db, wall, self._boot)
        since = None if self.doubt is None else known.since or counted
        self._seen_at = counted
        write_record(db, known.model_copy(update={"at": counted, "doubt": self.doubt, "since": since, "edges": edges}))

    def _tell(self, doubt: Doubt | None, wall: datetime) -> None:
        if doubt is None:
            log.warning("clock.believed_again", wall=wall.isoformat())
            return
        self.counts["clock_in_doubt"] += 1
        counted = self._counted()
        log.error(
            "clock.in_doubt",
            doubt=doubt.value,
            wall=wall.isoformat(),
            counted=counted.isoformat() if counted is not None else None,
            advice="set the clock, or say that it is right: anju core clock confirm",
        )
