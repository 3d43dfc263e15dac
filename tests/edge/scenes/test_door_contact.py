"""A door's contact over MQTT, its gate and its exit button: held and forced are told, ordinary days are not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.contract.commands import COMMAND_LIFETIME_S, GateCommandV1
from core.contract.config_scenes import DoorContact
from core.contract.events_scenes import Happening, HappeningV1, Phase
from core.contract.ids import CheckpointId, SensorId
from edge.checkpoint.controllers import MqttRelay
from edge.link.inbox import SensorSaid
from edge.scenes.door_contact import MAX_HEARD, Bolt, DoorContactWatch
from tests.edge.checkpoint.test_through import door
from tests.edge.scenes.parts import START

CONTACT, BUTTON = SensorId("contact"), SensorId("button")


class Gate:
    """A gate that a test locks and unlocks."""

    unlocked = False

    def may_be_unlocked(self) -> bool:
        return self.unlocked


class Nowhere:
    """A way to a relay that never answers."""

    def send_command(self, command: GateCommandV1) -> bool:
        return command.action == "open"


class Entrance:
    """A door with a contact; time passes when it is told to."""

    def __init__(self, gate: Bolt | None = None) -> None:
        self.at_s = 100.0
        self.gate = Gate()
        self.watch = DoorContactWatch(
            door(),
            DoorContact(sensor=CONTACT, exit_button=BUTTON, held_grace_s=10),
            gate or self.gate,
            clock=lambda: self.at_s,
            wall_clock=lambda: START + timedelta(seconds=self.at_s),
        )
        self.told: list[HappeningV1] = []
        self.says("closed", retained=True)
        self.wait(1)

    def says(self, said: str, sensor: SensorId = CONTACT, *, retained: bool = False) -> None:
        self.watch.heard(SensorSaid(sensor, said, retained))

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 5)):
            for event in self.watch.tick():
                assert isinstance(event.message, HappeningV1)
                self.told.append(event.message)
            self.at_s += 0.2

    @property
    def what(self) -> list[tuple[Happening, Phase]]:
        return [(one.what, one.phase) for one in self.told]


def test_a_credential_opens_the_door_and_nothing_is_told() -> None:
    entrance = Entrance()
    entrance.gate.unlocked = True
    entrance.wait(1)
    entrance.says("open")
    entrance.wait(2)
    entrance.gate.unlocked = False
    entrance.wait(3)
    entrance.says("closed")
    entrance.wait(30)
    assert entrance.told == []


@pytest.mark.parametrize("pressed_first", [True, False])
def test_whoever_presses_the_exit_button_forces_nothing(pressed_first: bool) -> None:
    entrance = Entrance()
    if pressed_first:
        entrance.says("pressed", BUTTON)
    entrance.says("open")
    entrance.wait(0.4)
    if not pressed_first:
        entrance.says("pressed", BUTTON)
    entrance.wait(4)
    entrance.says("closed")
    entrance.wait(10)
    assert entrance.told == []


def test_a_door_that_opens_without_any_of_it_was_forced_and_then_held() -> None:
    entrance = Entrance()
    entrance.says("pressed", BUTTON, retained=True)
    entrance.says("open")
    entrance.wait(20)
    entrance.says("closed")
    entrance.wait(1)
    assert entrance.what == [
        (Happening.DOOR_FORCED, Phase.AT_ONCE),
        (Happening.DOOR_HELD, Phase.BEGAN),
        (Happening.DOOR_HELD, Phase.ENDED),
    ]
    assert {one.checkpoint for one in entrance.told} == {"building-3-door"}


def test_a_door_held_open_ends_when_the_edge_stops_and_one_that_is_shut_tells_nothing() -> None:
    entrance = Entrance()
    entrance.says("pressed", BUTTON)
    entrance.says("open")
    entrance.wait(40)
    assert entrance.what == [(Happening.DOOR_HELD, Phase.BEGAN)]
    stopped = START + timedelta(seconds=entrance.at_s)
    (event,) = entrance.watch.finish(stopped)
    assert isinstance(event.message, HappeningV1)
    assert event.message.happening_id == entrance.told[0].happening_id
    assert (event.message.phase, event.message.ended_at) == (Phase.ENDED, stopped)
    assert entrance.watch.finish(stopped) == []
    assert Entrance().watch.finish(stopped) == []


def test_while_nobody_knows_whether_the_door_is_unlocked_nobody_is_accused() -> None:
    entrance = Entrance()
    entrance.gate.unlocked = True
    entrance.says("open")
    entrance.wait(5)
    assert entrance.told == []


def test_a_door_whose_relay_never_answers_can_be_forced_once_its_commands_are_over() -> None:
    at_s = [100.0]
    relay = MqttRelay(CheckpointId("building-3-door"), 3.0, 0.01, Nowhere(), lambda _state: None, clock=lambda: at_s[0])
    entrance = Entrance(relay)
    at_s[0] += COMMAND_LIFETIME_S + 3.1
    entrance.at_s = at_s[0]
    assert not relay.open()
    entrance.wait(1)
    entrance.says("open")
    entrance.wait(5)
    entrance.says("closed")
    entrance.wait(1)
    assert entrance.told == [], "it may have been the relay after all"
    at_s[0] += COMMAND_LIFETIME_S + 3.1
    entrance.wait(10)
    entrance.says("open")
    entrance.wait(5)
    assert entrance.what == [(Happening.DOOR_FORCED, Phase.AT_ONCE)]


def test_words_that_mean_nothing_change_nothing_and_too_many_push_out_the_oldest() -> None:
    entrance = Entrance()
    for number in range(MAX_HEARD * 2):
        entrance.says(f"{number} volts")
    entrance.wait(5)
    assert entrance.told == []
