"""The lane's watcher with the real models, on drawn vehicles."""

from __future__ import annotations

from pathlib import Path

from core.contract.config import PlateLane
from demo.cast import make_cast
from demo.script import LANE_CAMERA, make_script
from edge.checkpoint.plate_lane import PlateLaneWatcher
from edge.evidence import PlateEvidence
from models.directory import ModelDirectory
from models.store import open_plate_detector, open_plate_reader
from tests.edge.checkpoint.drawn import checkpoint, film_of, recorded
from tests.edge.checkpoint.watching import SHUT

CAST = make_cast(1)
SCRIPT = make_script(CAST, 1)


def test_each_of_two_vehicles_is_read_once_with_its_colour_before_it_drives_on(models_dir: Path) -> None:
    store = ModelDirectory(models_dir)
    where = checkpoint("east-lane")
    assert isinstance(where, PlateLane)
    watcher = PlateLaneWatcher(
        where, open_plate_detector("anju-plate-det", store=store), open_plate_reader("anju-plates", store=store)
    )
    film = film_of(LANE_CAMERA, CAST, SCRIPT)
    vehicles = {vehicle.plate: vehicle for vehicle in CAST.vehicles}
    acts = SCRIPT.camera(LANE_CAMERA).acts[:2]
    looks = recorded(film, *((act.first_frame + 16, act.decisive_frame - 8) for act in acts))
    told = [(number, seen) for number, picture in looks for seen in watcher.look(picture, SHUT)]
    assert len(told) == 2
    for act, (number, seen) in zip(acts, told, strict=True):
        assert isinstance(seen.seen, PlateEvidence)
        assert seen.seen.reading is not None
        assert seen.seen.reading.text == act.vehicle
        assert seen.seen.reading.colour == vehicles[seen.seen.reading.text].colour
        assert seen.seen.reading.confidence > 0.6
        assert act.first_frame < number < act.leave_frame
        assert seen.picture is not None
