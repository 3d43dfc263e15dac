"""A whole edge that counts before an overview camera and listens to a door's contact."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.contract.config_file import LoadedConfig, load_config
from core.contract.events_scenes import Happening, HappeningV1
from core.contract.topics import Channel, topic
from edge.worker import EdgeWorker
from tests.edge.link.parts import Client, Core, until
from tests.edge.test_worker import EDGE, core, estate, running  # noqa: F401 - fixtures
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.integration


@pytest.fixture
def loaded(estate: Path, request: pytest.FixtureRequest) -> LoadedConfig:  # noqa: F811
    """The usual edge, with a line before its overview camera and its gate, and a contact at its door."""
    plain = json.loads(estate.read_text())
    name = {"zh": "线", "en": "line"}
    plain["scenes"] = {
        "counting_lines": [
            {"id": f"line-{camera}", "name": name, "camera": camera, "line": [[0, 0.5], [1, 0.5]]}
            for camera in ("yard-cam", "gate-cam")
        ]
    }
    plain["checkpoints"][2]["contact"] = {"sensor": "door-contact", "held_grace_s": 4}
    if getattr(request, "param", "") == "without a model":
        plain["edges"][0]["models"] = {"body_detector": None}
    estate.write_text(json.dumps(plain))
    return load_config(estate)


def test_an_overview_camera_is_looked_at_for_bodies_and_by_no_gate(
    loaded: LoadedConfig,
    core: Core,  # noqa: F811
    running: Callable[[LoadedConfig], EdgeWorker],  # noqa: F811
) -> None:
    worker = running(loaded)
    looks = ("yard-cam.scenes.looks", "gate-cam.scenes.looks")
    until(lambda: core.states() and all(counted(core, name) > 2 for name in looks), "both cameras looked at")
    (station,) = [one for one in worker._vision._stations if one.scenes is not None and not one.posts]
    assert station.scenes is not None
    assert station.scenes.watcher.camera == "yard-cam"
    assert worker._counters.snapshot().get("looks_failed", 0) == 0
    assert all("no body detector" not in camera.detail for camera in core.states()[-1].cameras)


def counted(core: Core, name: str) -> int:  # noqa: F811
    return core.states()[-1].counters.get(name, 0)


@pytest.mark.parametrize("loaded", ["without a model"], indirect=True)
def test_without_a_body_detector_the_cameras_say_how_they_count(
    loaded: LoadedConfig,
    core: Core,  # noqa: F811
    running: Callable[[LoadedConfig], EdgeWorker],  # noqa: F811
) -> None:
    running(loaded)
    until(lambda: core.states() and counted(core, "yard-cam.scenes.looks") > 2, "the yard looked at")
    details = {str(camera.camera): camera.detail for camera in core.states()[-1].cameras}
    assert "what moves is counted" in details["yard-cam"]
    assert "only people whose face is seen are counted" in details["door-cam"]
    assert details["lane-cam"].count("no body detector") == 0


def test_a_door_that_is_forced_is_told_to_the_core_while_its_camera_is_away(
    loaded: LoadedConfig,
    mosquitto: Mosquitto,
    core: Core,  # noqa: F811
    running: Callable[[LoadedConfig], EdgeWorker],  # noqa: F811
) -> None:
    worker = running(loaded)
    until(lambda: worker._link.connected, "connected")
    where = topic(loaded.config.estate.id, Channel.SENSOR_STATE, "door-contact")
    sensor = Client(mosquitto, "relay", [])
    sensor.publish(where, "closed")
    sensor.publish(where, "open")
    until(lambda: len(told(core)) >= 2, "forced and held")
    sensor.publish(where, "closed")
    until(lambda: len(told(core)) >= 3, "shut again")
    sensor.close()
    assert [one.what for one in told(core)] == [Happening.DOOR_FORCED, Happening.DOOR_HELD, Happening.DOOR_HELD]
    assert {one.checkpoint for one in told(core)} == {"door"}


def told(core: Core) -> list[HappeningV1]:  # noqa: F811
    events = [one for one in core.events.values() if one.type == "anju.happening.v1"]
    return [HappeningV1.model_validate(one.data) for one in sorted(events, key=lambda one: one.sequence)]
