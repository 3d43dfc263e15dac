"""What Anju made of the demo, read from its own database once it has caught up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.contract.config_file import LoadedConfig
from core.contract.vocabulary import Credential, Reason, Verdict
from core.live import LiveKind
from core.service import opened
from core.storage.schema import AlertRow, EdgeCursorRow, EventRow, LiveRow, PassageRow


@dataclass(frozen=True, slots=True)
class SeenPassage:
    """A passage as committed. ``at``: seconds since the epoch, when the deciding frame came; times in milliseconds."""

    id: str
    checkpoint: str
    at: float
    credential: Credential
    verdict: Verdict
    reason: Reason
    subject: str | None
    plate: str | None
    times: dict[str, float]


@dataclass(frozen=True, slots=True)
class SeenAlert:
    id: str
    trigger: str
    passage: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that was committed, and what the books say about the way there.

    lost: events an edge numbered that never came, or were dropped on purpose; doubled: passages or alerts that
    pages were told twice; dead_letters: what arrived and was not understood is among the lost ones.
    """

    passages: tuple[SeenPassage, ...]
    alerts: tuple[SeenAlert, ...]
    lost: int
    doubled: int

    def since(self, began: float) -> Observed:
        """Without what was decided before ``began``: people were still moving in, and lists were not complete."""
        return replace(
            self,
            passages=tuple(passage for passage in self.passages if passage.at >= began),
            alerts=tuple(alert for alert in self.alerts if alert.at >= began),
        )


def read_observed(loaded: LoadedConfig) -> Observed:
    """The whole database of one run: thousands of rows at the most."""
    with opened(loaded) as database, database.reading() as db:
        return Observed(
            passages=tuple(_passage(row) for row in db.scalars(select(PassageRow).order_by(PassageRow.occurred_at))),
            alerts=tuple(
                SeenAlert(row.id, row.trigger, row.passage_id, row.occurred_at.timestamp())
                for row in db.scalars(select(AlertRow).order_by(AlertRow.occurred_at))
            ),
            lost=_lost(db),
            doubled=_told_twice(db),
        )


def _passage(row: PassageRow) -> SeenPassage:
    return SeenPassage(
        id=row.id,
        checkpoint=row.checkpoint,
        at=row.occurred_at.timestamp(),
        credential=Credential(row.credential),
        verdict=Verdict(row.verdict),
        reason=Reason(row.reason),
        subject=row.subject,
        plate=row.plate["text"] if row.plate else None,
        times={step: float(taken) for step, taken in row.times.items() if taken is not None},
    )


def _lost(db: Session) -> int:
    """Numbers missing below the highest that came, per life of an outbox, and those the edge says it dropped."""
    counted = db.execute(
        select(func.max(EventRow.sequence), func.count()).group_by(EventRow.edge_id, EventRow.epoch)
    ).all()
    missing = sum(int(highest) - int(came) for highest, came in counted)
    skipped = db.scalar(select(func.coalesce(func.sum(EdgeCursorRow.skipped), 0))) or 0
    return max(missing, int(skipped))


def _told_twice(db: Session) -> int:
    told: dict[tuple[str, Any], int] = {}
    kinds = (LiveKind.PASSAGE.value, LiveKind.ALERT.value)
    for kind, payload in db.execute(select(LiveRow.kind, LiveRow.payload).where(LiveRow.kind.in_(kinds))):
        told[kind, payload["id"]] = told.get((kind, payload["id"]), 0) + 1
    return sum(times - 1 for times in told.values())
