"""A door's contact and exit button behind a real broker."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from core.contract.config_scenes import DoorContact
from core.contract.events_scenes import Happening, HappeningV1, Phase
from core.contract.ids import SensorId
from core.contract.topics import Channel, topic
from edge.link.inbox import SensorSaid
from edge.scenes.door_contact import DoorContactWatch
from tests.edge.checkpoint.test_through import door
from tests.edge.link.parts import Client, Edge, until
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.integration
CONTACT, BUTTON = SensorId("contact"), SensorId("button")


class ShutGate:
    def may_be_unlocked(self) -> bool:
        return False


class Sensors:
    """Says what a contact and a button say, and what the edge makes of it."""

    def __init__(self, edge: Edge, client: Client) -> None:
        self._edge, self._client = edge, client
        self.heard: list[SensorSaid] = []
        self.told: list[HappeningV1] = []
        self.later_s = 0.0
        """How far the watch's clock is ahead: whoever waits for something to last need not."""
        self.watch = DoorContactWatch(
            door(),
            DoorContact(sensor=CONTACT, exit_button=BUTTON, held_grace_s=1),
            ShutGate(),
            clock=lambda: time.monotonic() + self.later_s,
        )
        for sensor in self.watch.sensors:
            edge.link.listen_to_sensor(sensor, self._hear)

    def says(self, sensor: SensorId, said: str, *, retain: bool = False) -> None:
        self._client.publish(topic(self._edge.estate, Channel.SENSOR_STATE, sensor), said, retain=retain)

    def until_heard(self, number: int) -> None:
        until(lambda: len(self.heard) >= number, f"{number} messages of sensors")

    def until_told(self, number: int) -> None:
        until(lambda: self.tick() >= number, f"{number} happenings")

    def _hear(self, message: SensorSaid) -> None:
        self.watch.heard(message)
        self.heard.append(message)

    def tick(self) -> int:
        """What is told by now, added to `told`; how much that is."""
        self.told += [event.message for event in self.watch.tick() if isinstance(event.message, HappeningV1)]
        return len(self.told)


@pytest.fixture
def sensors(mosquitto: Mosquitto, edge: Edge) -> Iterator[Sensors]:
    client = Client(mosquitto, "relay", [])
    yield Sensors(edge, client)
    client.close()


def connect(edge: Edge) -> None:
    edge.link.start()
    until(lambda: edge.link.connected, "connected")


def test_a_door_that_is_forced_and_stays_open_is_told_until_it_is_shut(edge: Edge, sensors: Sensors) -> None:
    sensors.says(CONTACT, "closed", retain=True)
    connect(edge)
    sensors.until_heard(1)
    assert sensors.heard[0].retained
    sensors.says(CONTACT, "open", retain=True)
    sensors.until_heard(2)
    assert not sensors.heard[1].retained
    sensors.until_told(2)
    sensors.says(CONTACT, "closed", retain=True)
    sensors.until_heard(3)
    sensors.until_told(3)
    assert [(one.what, one.phase) for one in sensors.told] == [
        (Happening.DOOR_FORCED, Phase.AT_ONCE),
        (Happening.DOOR_HELD, Phase.BEGAN),
        (Happening.DOOR_HELD, Phase.ENDED),
    ]


def test_after_the_broker_was_away_the_contact_is_known_again_and_nothing_was_forced(
    mosquitto: Mosquitto, edge: Edge, sensors: Sensors
) -> None:
    connect(edge)
    sensors.says(CONTACT, "closed", retain=True)
    sensors.says(BUTTON, "pressed")
    sensors.says(CONTACT, "open", retain=True)
    sensors.until_heard(3)
    assert sensors.tick() == 0
    mosquitto.stop()
    until(lambda: not edge.link.connected, "the cut noticed")
    mosquitto.start()
    until(lambda: edge.link.connected, "connected again")
    sensors.later_s = 60.0
    sensors.says(CONTACT, "open", retain=True)
    sensors.until_heard(4)
    sensors.tick()
    sensors.later_s = 120.0
    sensors.says(CONTACT, "closed", retain=True)
    sensors.until_heard(5)
    sensors.tick()
    sensors.says(CONTACT, "open", retain=True)
    sensors.until_heard(6)
    sensors.tick()
    assert [(one.what, one.phase) for one in sensors.told] == [
        (Happening.DOOR_HELD, Phase.BEGAN),
        (Happening.DOOR_HELD, Phase.ENDED),
    ], "said again, it is the door that the button opened"
    sensors.later_s = 125.0
    sensors.until_told(3)
    assert sensors.told[2].what is Happening.DOOR_FORCED, "as anybody's is who opens it now"


def test_more_than_a_sensor_may_say_is_refused(edge: Edge, sensors: Sensors) -> None:
    connect(edge)
    sensors.says(CONTACT, "open" * 2000)
    sensors.says(CONTACT, "closed")
    sensors.until_heard(1)
    assert [one.said for one in sensors.heard] == ["closed"]
