"""Where in the video something is to be seen that is told now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.contract.events_scenes import Happening, HappeningV1, Phase
from core.contract.ids import CameraId, CheckpointId, HappeningId, PlaceId, new_id
from edge.scenes.events import shown_at_s
from tests.edge.scenes.parts import START
from tests.edge.scenes.test_post import counts


@pytest.mark.parametrize(
    ("what", "phase", "expected"),
    [
        (Happening.WRONG_WAY, Phase.AT_ONCE, 95.0),
        (Happening.DOOR_FORCED, Phase.AT_ONCE, 95.0),
        (Happening.VEHICLE_STANDING, Phase.BEGAN, 100.0),
        (Happening.DOOR_HELD, Phase.BEGAN, 100.0),
        (Happening.VEHICLE_STANDING, Phase.ENDED, None),
    ],
)
def test_what_happened_is_shown_when_it_did_and_what_lasts_when_it_is_told(
    what: Happening, phase: Phase, expected: float | None
) -> None:
    told = HappeningV1(
        happening_id=HappeningId(new_id()),
        what=what,
        phase=phase,
        occurred_at=START,
        ended_at=START + timedelta(seconds=5) if phase is Phase.ENDED else None,
        camera=CameraId("yard"),
        checkpoint=CheckpointId("door"),
        place=PlaceId("place"),
    )
    assert shown_at_s(told, START, START + timedelta(seconds=5), 100.0) == expected


def test_counts_are_nothing_to_be_seen() -> None:
    assert shown_at_s(counts(), START, START, 100.0) is None


def test_a_clock_that_was_set_back_shows_nothing_of_what_is_to_come() -> None:
    told = HappeningV1(
        happening_id=HappeningId(new_id()),
        what=Happening.WRONG_WAY,
        phase=Phase.AT_ONCE,
        occurred_at=START,
        camera=CameraId("yard"),
        checkpoint=CheckpointId("door"),
        place=PlaceId("place"),
    )
    assert shown_at_s(told, START, START - timedelta(hours=1), 100.0) == 100.0
