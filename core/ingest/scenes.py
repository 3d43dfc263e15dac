"""Happenings and counts, committed: each happening once however often it is told, counts summed per hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import case
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.contract.config import EstateConfig
from core.contract.events_scenes import CountsV1, HappeningV1
from core.contract.ids import CheckpointId, EdgeId, PlaceId
from core.ingest.rows import UnusableError
from core.storage.schema import HappeningRow, LineCountRow, ZoneCountRow

_Key = tuple[str, str, datetime]
"""(place, kind of body, hour): also the order in which rows are locked."""


@dataclass(slots=True)
class SceneNews:
    """What a batch says of scenes. Counts are written at its end, in one order of rows, so no two cores lock up."""

    places: dict[PlaceId, EdgeId]
    happenings: dict[str, HappeningRow] = field(default_factory=dict)
    lines: dict[_Key, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    zones: dict[_Key, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))

    def happened(self, db: Session, edge: str, message: HappeningV1, edge_of: dict[CheckpointId, EdgeId]) -> None:
        """Note ``message``. Raises UnusableError for a place or checkpoint of another edge."""
        if message.checkpoint is not None and edge_of.get(message.checkpoint, edge) != edge:
            raise UnusableError(f"checkpoint '{message.checkpoint}' belongs to another edge")
        if message.place is not None:
            self._check(edge, message.place)
        known = self.happenings.get(message.happening_id) or db.get(HappeningRow, message.happening_id)
        if known is None:
            known = self.happenings[message.happening_id] = happening_row(edge, message)
            db.add(known)
        elif known.edge_id != edge or known.what != message.what.value:
            raise UnusableError("this happening's id belongs to another one")
        # Its end may arrive before its beginning: whichever tells of the end is right.
        known.ended_at = known.ended_at or message.ended_at

    def counted(self, edge: str, message: CountsV1) -> None:
        """Add ``message`` to the hour it began in. Raises UnusableError for a place of another edge."""
        for place in (*(one.place for one in message.lines), *(one.place for one in message.zones)):
            self._check(edge, place)
        hour = message.since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        for line in message.lines:
            passed = self.lines[line.place, line.body.value, hour]
            passed[0] += line.forward
            passed[1] += line.backward
        for zone in message.zones:
            spent = self.zones[zone.place, zone.body.value, hour]
            spent[0] += zone.body_s
            spent[1] = max(spent[1], zone.most_at_once)
            spent[2] += zone.long_stays

    def write_counts(self, db: Session) -> None:
        """Add what was counted to what the database has, in the caller's transaction."""
        _add(db, LineCountRow, ("forward", "backward"), self.lines.items())
        _add(db, ZoneCountRow, ("body_s", "most_at_once", "long_stays"), self.zones.items())

    def _check(self, edge: str, place: PlaceId) -> None:
        if self.places.get(place, edge) != edge:
            raise UnusableError(f"place '{place}' belongs to another edge")


def edges_of_places(config: EstateConfig) -> dict[PlaceId, EdgeId]:
    """Which edge watches each line, lane and zone."""
    cameras = {camera.id: camera.edge for camera in config.cameras}
    return {place.id: cameras[place.camera] for place in config.scenes.places}


def happening_row(edge: str, message: HappeningV1) -> HappeningRow:
    return HappeningRow(
        id=message.happening_id,
        edge_id=edge,
        what=message.what.value,
        camera=message.camera,
        checkpoint=message.checkpoint,
        place=message.place,
        body=message.body.value if message.body is not None else None,
        occurred_at=message.occurred_at,
        ended_at=message.ended_at,
    )


def _add(
    db: Session,
    table: type[LineCountRow | ZoneCountRow],
    columns: tuple[str, ...],
    counts: Iterable[tuple[_Key, list[int]]],
) -> None:
    rows: list[dict[str, Any]] = [
        {"place": place, "body": body, "hour": hour, **dict(zip(columns, numbers, strict=True))}
        for (place, body, hour), numbers in sorted(counts)
    ]
    if not rows:
        return
    on_postgres = db.get_bind().dialect.name == "postgresql"
    insert = (postgresql.insert if on_postgres else sqlite.insert)(table).values(rows)
    more = {name: table.__table__.c[name] + insert.excluded[name] for name in columns if name != "most_at_once"}
    if "most_at_once" in columns:
        before, now = table.__table__.c.most_at_once, insert.excluded.most_at_once
        more["most_at_once"] = case((before > now, before), else_=now)
    db.execute(insert.on_conflict_do_update(index_elements=["place", "body", "hour"], set_=more))
