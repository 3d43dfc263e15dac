"""What an edge says of doors and places says where and when, and makes sense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from core.contract.events_scenes import CountsV1, HappeningV1, Phase
from core.contract.ids import new_id

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HELD = {
    "happening_id": new_id(),
    "what": "door_held",
    "phase": "began",
    "occurred_at": NOW,
    "camera": "cam-door",
    "checkpoint": "door-3",
}


def test_what_lasts_is_told_when_it_begins_and_when_it_ends() -> None:
    began = HappeningV1.model_validate(HELD)
    ended = HappeningV1.model_validate({**HELD, "phase": "ended", "ended_at": NOW + timedelta(seconds=40)})
    assert (began.phase, began.ended_at) == (Phase.BEGAN, None)
    assert (ended.phase, ended.ended_at) == (Phase.ENDED, ended.occurred_at + timedelta(seconds=40))


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "at_once"},
        {"what": "door_forced"},
        {"checkpoint": None},
        {"what": "vehicle_standing", "checkpoint": None},
        {"phase": "ended"},
        {"ended_at": NOW},
        {"phase": "ended", "ended_at": NOW - timedelta(seconds=1)},
        {"track": 7},
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HappeningV1.model_validate({**HELD, **change})


def test_counts_belong_to_an_interval() -> None:
    plain = {"camera": "cam", "since": NOW, "until": NOW + timedelta(minutes=5)}
    assert CountsV1.model_validate(plain).lines == ()
    with pytest.raises(ValidationError):
        CountsV1.model_validate({**plain, "until": NOW})


def test_there_is_no_field_for_who_it_was() -> None:
    fields = set(HappeningV1.model_fields) | set(CountsV1.model_fields)
    assert not fields & {"subject", "face", "template_id", "track", "plate", "picture"}
