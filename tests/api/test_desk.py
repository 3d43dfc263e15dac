"""What the control room's page gathers."""

from __future__ import annotations

from datetime import timedelta

from api.pages.desk import MAX_OPEN, alert_board, checkpoint_board
from core.contract.ids import CameraId
from core.storage.schema import AlertRow
from tests.api.houses import House, now
from tests.core.estates import key


def raised(severity: str, minutes_ago: int) -> AlertRow:
    at = now() - timedelta(minutes=minutes_ago)
    fields = {"id": key(), "cause": key(), "rule": "stranger", "trigger": "stranger_at_door", "state": "raised"}
    return AlertRow(**fields, severity=severity, occurred_at=at, raised_at=at)


def test_a_crowd_of_newer_alerts_hides_no_urgent_one(house: House) -> None:
    old, older = raised("critical", 5000), raised("critical", 6000)
    with house.database.writing() as db:
        db.add_all([older, old, raised("warning", 4000), *(raised("info", number) for number in range(1100))])
    with house.database.reading() as db:
        board = alert_board(db, house.config)
    assert [card.alert.id for card in board.open[:2]] == [old.id, older.id]
    assert [card.alert.severity for card in board.open[2:4]] == ["warning", "info"]
    assert board.open[3].alert.raised_at > board.open[4].alert.raised_at
    assert (len(board.open), board.more) == (MAX_OPEN, 1103 - MAX_OPEN)


def test_cameras_that_see_nothing_usable_are_named_beside_those_that_are_gone(house: House) -> None:
    house.edge_says("edge-1", moved=CameraId("cam-gate"), cam_door="offline")
    with house.database.reading() as db:
        board = checkpoint_board(db, house.config, now())
    names = {one.id: one.name for one in house.config.cameras}
    assert board.cameras_blind == [names[CameraId("cam-gate")]]
    assert board.cameras_down == [names[CameraId("cam-door")]]
