"""What the control room's page shows, gathered from the tables in a few bounded reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from api import schemas
from api.estate import edge_rows, list_checkpoints, list_overview_cameras
from core.alerts import AlertState, list_alerts
from core.contract.config import EstateConfig, Name
from core.contract.ids import CameraId, CheckpointId, EdgeId
from core.contract.vocabulary import CameraState, Severity
from core.live import newest
from core.passages import list_passages
from core.service import heartbeat
from core.storage.schema import AlertRow, PassageRow, PictureRow

MAX_OPEN = 50
MAX_ANSWERED = 10
MAX_CHECKPOINTS = 60
MAX_PASSAGES = 60
CORE_SILENCE = timedelta(seconds=20)
"""Four of the core's heartbeats."""
_URGENCY = {Severity.CRITICAL.value: 0, Severity.WARNING.value: 1, Severity.INFO.value: 2}


@dataclass(frozen=True, slots=True)
class AlertCard:
    """An alert with the passage that caused it. ``has_picture``: it has arrived."""

    alert: AlertRow
    place: Name | None
    passage: PassageRow | None
    has_picture: bool


@dataclass(frozen=True, slots=True)
class AlertBoard:
    """``open`` most urgent first, then newest; ``more``: how many open ones are not shown."""

    open: list[AlertCard]
    answered: list[AlertCard]
    more: int


@dataclass(frozen=True, slots=True)
class CheckpointCard:
    checkpoint: schemas.Checkpoint
    name: Name
    last: PassageRow | None


@dataclass(frozen=True, slots=True)
class CheckpointBoard:
    """``core_down``: the core says nothing, or has no broker; what is shown may be old, and alerts don't come.
    ``cameras_blind``: those that send pictures on which nothing can be decided."""

    cards: list[CheckpointCard]
    more: int
    overview: list[tuple[schemas.CameraHealth, Name]]
    cameras_down: list[Name]
    cameras_blind: list[Name]
    edges_down: list[EdgeId]
    core_down: bool


@dataclass(frozen=True, slots=True)
class PassageLine:
    passage: PassageRow
    place: Name | None
    has_picture: bool


def live_position(db: Session) -> int:
    """Where the page's stream starts: read before what the page shows, so nothing falls between."""
    return newest(db)


def alert_board(db: Session, config: EstateConfig) -> AlertBoard:
    raised = AlertRow.state == AlertState.RAISED.value
    # The database sorts: a crowd of newer alerts must not push an urgent one out of what is read.
    urgency = case(_URGENCY, value=AlertRow.severity)
    most_urgent = select(AlertRow).where(raised).order_by(urgency, AlertRow.raised_at.desc(), AlertRow.id.desc())
    shown = list(db.scalars(most_urgent.limit(MAX_OPEN)))
    count = db.scalar(select(func.count()).select_from(AlertRow).where(raised)) or 0
    answered = list_alerts(db, state=AlertState.ACKNOWLEDGED, limit=MAX_ANSWERED)
    cards = _alert_cards(db, config, [*shown, *answered])
    return AlertBoard(cards[: len(shown)], cards[len(shown) :], max(0, count - len(shown)))


def checkpoint_board(db: Session, config: EstateConfig, now: datetime) -> CheckpointBoard:
    names = {one.id: one.name for one in config.checkpoints}
    cameras = {one.id: one.name for one in config.cameras}
    found = list_checkpoints(db, config)
    overview = list_overview_cameras(db, config)
    health = {one.id: one for one in [*(point.camera for point in found), *overview]}
    online_edges = {row.id for row in edge_rows(db) if row.online}
    edges_down = [one.id for one in config.edges if one.id not in online_edges]
    down = [
        cameras[CameraId(one.id)] for one in health.values() if one.state is CameraState.OFFLINE and one.edge_online
    ]
    blind = [cameras[CameraId(one.id)] for one in health.values() if one.blind and one.state is not CameraState.OFFLINE]
    others = [(one, cameras[CameraId(one.id)]) for one in overview[:MAX_CHECKPOINTS]]
    cards = [
        CheckpointCard(one, names[CheckpointId(one.id)], _last_passage(db, one.id)) for one in found[:MAX_CHECKPOINTS]
    ]
    return CheckpointBoard(cards, len(found) - len(cards), others, down, blind, edges_down, _core_is_down(db, now))


def passage_lines(db: Session, config: EstateConfig) -> list[PassageLine]:
    rows = list_passages(db, MAX_PASSAGES)
    arrived = _arrived(db, [row.picture_id for row in rows if row.picture_id])
    return [PassageLine(row, _place(config, row.checkpoint), row.picture_id in arrived) for row in rows]


def _core_is_down(db: Session, now: datetime) -> bool:
    said = heartbeat(db)
    return said is None or not said["broker"] or now - datetime.fromisoformat(said["at"]) > CORE_SILENCE


def _alert_cards(db: Session, config: EstateConfig, alerts: list[AlertRow]) -> list[AlertCard]:
    ids = [row.passage_id for row in alerts if row.passage_id]
    passages = {row.id: row for row in db.scalars(select(PassageRow).where(PassageRow.id.in_(ids)))}
    arrived = _arrived(db, [row.picture_id for row in passages.values() if row.picture_id])
    cards = []
    for row in alerts:
        passage = passages.get(row.passage_id or "")
        has_picture = passage is not None and passage.picture_id in arrived
        cards.append(AlertCard(row, _place(config, row.checkpoint), passage, has_picture))
    return cards


def _arrived(db: Session, pictures: list[str]) -> set[str | None]:
    return set(db.scalars(select(PictureRow.id).where(PictureRow.id.in_(pictures))))


def _place(config: EstateConfig, checkpoint: str | None) -> Name | None:
    """The checkpoint's name; None when it has left the configuration, or the alert is about none."""
    return next((one.name for one in config.checkpoints if one.id == checkpoint), None)


def _last_passage(db: Session, checkpoint: str) -> PassageRow | None:
    newest_first = select(PassageRow).where(PassageRow.checkpoint == checkpoint).order_by(PassageRow.occurred_at.desc())
    return db.scalars(newest_first.limit(1)).first()
