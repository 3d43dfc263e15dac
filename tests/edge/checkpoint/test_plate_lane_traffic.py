"""What happens on a lane beside one car at a time, drawn and read with the real models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.contract.config import PlateLane
from core.contract.vocabulary import PlateColour
from edge.checkpoint.plate_lane import SAME_VISIT_S, PlateLaneWatcher
from edge.evidence import Observation, PlateEvidence
from models.directory import ModelDirectory
from models.store import open_plate_detector, open_plate_reader
from tests.edge.checkpoint.drawn import checkpoint, recorded
from tests.edge.checkpoint.watching import FPS, SHUT, moment
from tests.support.lane import LANE_X, DrawnLane, Drive, Hidden, Key, through

Told = list[tuple[int, Observation]]


@pytest.fixture(scope="module")
def models(models_dir: Path) -> tuple[object, object]:
    store = ModelDirectory(models_dir)
    return open_plate_detector("anju-plate-det", store=store), open_plate_reader("anju-plates", store=store)


def watcher_of(models: tuple[object, object]) -> PlateLaneWatcher:
    where = checkpoint("east-lane")
    assert isinstance(where, PlateLane)
    return PlateLaneWatcher(where, *models)  # type: ignore[arg-type]


def watched(film: DrawnLane, models: tuple[object, object]) -> tuple[PlateLaneWatcher, Told]:
    watcher = watcher_of(models)
    looks = recorded(film, (0, film.frames - 1))
    return watcher, [(number, seen) for number, picture in looks for seen in watcher.look(picture, SHUT)]


def plates(told: Told) -> list[str | None]:
    seen = [one.seen for _, one in told]
    assert all(isinstance(one, PlateEvidence) for one in seen)
    return [one.reading.text if one.reading else None for one in seen if isinstance(one, PlateEvidence)]


def test_a_queue_is_told_car_by_car_in_its_order(models: tuple[object, object]) -> None:
    first = Drive("苏E05EV8", through(0, stop_frames=8))
    second = Drive(
        "粤B8N3K5",
        (Key(10, 0.45), Key(30, 0.6), Key(40, 0.6), Key(56, 1.0), Key(62, 1.0), Key(88, 1.42, LANE_X - 1500)),
        paint=4,
    )
    third = Drive(
        "沪AF12345", (Key(40, 0.45), Key(64, 0.6), Key(70, 0.6), Key(86, 1.0), Key(94, 1.0)), PlateColour.GREEN, paint=6
    )
    _, told = watched(DrawnLane([first, second, third], 96), models)
    assert plates(told) == ["苏E05EV8", "粤B8N3K5", "沪AF12345"]


def test_who_tailgates_is_told_as_well(models: tuple[object, object]) -> None:
    """Its plate comes out from behind the first car, nearly where the first one's was."""
    first = Drive("苏E05EV8", through(0))
    follower = Drive("粤B8N3K5", (Key(8, 0.5), Key(40, 1.0), Key(64, 1.42, LANE_X - 1500)), paint=4)
    _, told = watched(DrawnLane([first, follower], 66), models)
    assert plates(told) == ["苏E05EV8", "粤B8N3K5"]


def test_the_same_plate_again_is_another_visit_once_it_has_been_away(models: tuple[object, object]) -> None:
    film = DrawnLane([Drive("苏E05EV8", through(0)), Drive("苏E05EV8", through(60))], 112)
    watcher = watcher_of(models)
    told = []
    for look, (number, picture) in enumerate(recorded(film, (0, film.frames - 1))):
        if number >= 56:
            picture.moment = moment(look + round(FPS * SAME_VISIT_S))
        told += [(number, seen) for seen in watcher.look(picture, SHUT)]
    assert plates(told) == ["苏E05EV8", "苏E05EV8"]


def test_a_plate_half_hidden_is_read_when_it_comes_out_and_shown_as_it_was_read(models: tuple[object, object]) -> None:
    hidden = Hidden((940, 420, 1120, 1060), until_frame=36)
    film = DrawnLane([Drive("苏E05EV8", through(0, stop_frames=40))], 56, hidden)
    _, told = watched(film, models)
    assert plates(told) == ["苏E05EV8"]
    number, seen = told[0]
    assert number >= hidden.until_frame
    assert seen.picture is not None
    middle = np.asarray(seen.picture, np.float32)[500:1000, 960:1100].mean(axis=(0, 1))
    assert np.abs(middle - (70, 92, 60)).max() > 20, "the frame shown is one of those where it could be read"


@pytest.mark.parametrize(
    ("plate", "colour", "rows"),
    [("沪AF12345", PlateColour.GREEN, 1), ("苏B82K67", PlateColour.YELLOW, 1), ("苏B82967", PlateColour.YELLOW, 2)],
)
def test_plates_of_each_shape_are_read_soon(
    plate: str, colour: PlateColour, rows: int, models: tuple[object, object]
) -> None:
    film = DrawnLane([Drive(plate, through(0, stop_frames=20), colour, rows)], 40)
    watcher, told = watched(film, models)
    assert plates(told) == [plate]
    assert isinstance(told[0][1].seen, PlateEvidence)
    assert told[0][1].seen.reading is not None
    assert told[0][1].seen.reading.colour is colour
    first_s, told_s = told[0][1].first.pts_s, told[0][1].deciding.pts_s
    assert told_s - first_s <= 10 / FPS
    assert watcher.counts.flat()["gate.plate_grammar.asked"] >= 2
