"""What edges say of their cameras, committed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from core import live
from core.contract.config import EstateConfig
from core.contract.events_cameras import CameraConditionV1
from core.storage.database import Database
from tests.core.estates import NOW, event
from tests.core.ingest.commit import commit


def blocked(**change: object) -> CameraConditionV1:
    said = {"camera": "cam-gate", "condition": "blocked", "since": NOW, "blind": True, "checkpoints": ["gate"]}
    return CameraConditionV1.model_validate(said | {"detail": "something covers the lens: uncover it"} | change)


def test_pages_are_told_once_when_a_camera_goes_blind_and_when_it_sees_again(
    known_database: Database, config: EstateConfig
) -> None:
    began = event(blocked(), 1)
    over = event(blocked(until=NOW + timedelta(minutes=5), blind=False, checkpoints=[]), 2)
    first = commit(known_database, config, began, began)
    second = commit(known_database, config, began, over)
    assert (first.counts["stored"], first.counts["cameras_blind"], first.counts["duplicates"]) == (1, 1, 1)
    assert (second.counts["stored"], second.counts["cameras_blind"]) == (1, 0)
    with known_database.reading() as db:
        told = [one.payload for one in live.read_after(db, 0) if one.kind is live.LiveKind.CAMERA]
    assert [(one["condition"], one["blind"], one["checkpoints"], one["until"] is None) for one in told] == [
        ("blocked", True, ["gate"], True),
        ("blocked", False, [], False),
    ]


@pytest.mark.parametrize("change", [{"camera": "cam-lane"}, {"checkpoints": ["lane"]}], ids=["camera", "checkpoint"])
def test_an_edge_cant_speak_for_another_ones_cameras(
    change: dict[str, object], known_database: Database, config: EstateConfig
) -> None:
    committed = commit(known_database, config, event(blocked(**change), 1))
    assert (committed.counts["unusable"], committed.acks[0].sequence) == (1, 1)
    with known_database.reading() as db:
        assert live.read_after(db, 0) == []


@pytest.mark.parametrize(
    "change", [{"until": NOW - timedelta(seconds=1)}, {"blind": False}, {"detail": "x" * 301}, {"condition": "ugly"}]
)
def test_nonsense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        blocked(**change)
