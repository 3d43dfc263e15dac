"""Where movement matters in a camera's picture: the same for a live camera and for a replay of its clip."""

from __future__ import annotations

from pathlib import Path

from core.contract.config import EstateConfig
from core.contract.config_file import load_config
from edge.assembly import moving_zones

EXAMPLE = Path(__file__).parents[2] / "configs" / "estate.example.yaml"


def example() -> EstateConfig:
    return load_config(EXAMPLE).config


def test_at_a_gate_movement_matters_in_the_zones_of_all_its_checkpoints() -> None:
    config = example()
    watched = {place.camera for place in config.scenes.places}
    gate = next(one for one in config.checkpoints if one.camera not in watched)
    beside = gate.model_copy(update={"id": "beside", "zone": ((0.0, 0.0), (0.1, 0.0), (0.1, 0.1))})
    assert moving_zones(gate.camera, [gate, beside], config.scenes) == [gate.zone, beside.zone]


def test_where_scenes_are_watched_movement_matters_in_the_whole_picture() -> None:
    config = example()
    place = config.scenes.places[0]
    gate = config.checkpoints[0].model_copy(update={"camera": place.camera})
    assert moving_zones(place.camera, [gate], config.scenes) == []
