"""One door with its contact and exit button: hears them, keeps time, says what is to be told."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog

from core.contract.config import Door
from core.contract.config_scenes import DoorContact
from core.contract.events_scenes import Happening, HappeningV1, Phase
from core.contract.ids import SensorId
from edge.link.inbox import SensorSaid
from edge.scenes.contacts import DoorNews, DoorState, closed, finished, opened, settled, unlocked
from edge.scenes.events import SceneEvent
from edge.scenes.sensor_words import button_is_pressed, door_is_open

log = structlog.get_logger()

MAX_HEARD = 256
"""Messages waiting for the next tick; a contact that says more than that in a fraction of a second is broken."""


class Bolt(Protocol):
    """What keeps the door shut; see `edge.checkpoint.controllers`."""

    def may_be_unlocked(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Heard:
    message: SensorSaid
    at_s: float
    at: datetime


class DoorContactWatch:
    """`heard` may be called from any thread and never waits; `tick` from one, a few times a second."""

    def __init__(
        self,
        door: Door,
        contact: DoorContact,
        gate: Bolt,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._door = door
        self._contact = contact
        self._gate = gate
        self._clock = clock
        self._wall_clock = wall_clock
        self._hold_s = door.controller.hold_s
        self._state = DoorState()
        self._lock = threading.Lock()
        self._waiting: deque[_Heard] = deque(maxlen=MAX_HEARD)

    @property
    def sensors(self) -> tuple[SensorId, ...]:
        """The sensors to listen to."""
        button = self._contact.exit_button
        return (self._contact.sensor,) if button is None else (self._contact.sensor, button)

    def heard(self, message: SensorSaid) -> None:
        """One of ``sensors`` says something."""
        with self._lock:
            self._waiting.append(_Heard(message, self._clock(), self._wall_clock()))

    def tick(self) -> list[SceneEvent]:
        """What is to be told now."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        news: list[DoorNews] = []
        for one in waiting:
            news += self._take(one)
        now_s = self._clock()
        # Of a relay that has not answered nobody knows whether it has unlocked: nothing was forced, then.
        if self._gate.may_be_unlocked():
            self._state = unlocked(self._state, now_s)
        self._state, more = settled(self._state, now_s, self._hold_s + self._contact.held_grace_s)
        return [self._event(one) for one in (*news, *more)]

    def finish(self, at: datetime) -> list[SceneEvent]:
        """The edge stops: what lasts ends. From the thread of `tick`, after its last call."""
        self._state, news = finished(self._state, at)
        return [self._event(one) for one in news]

    def _take(self, heard: _Heard) -> list[DoorNews]:
        message = heard.message
        if message.sensor == self._contact.exit_button:
            if not message.retained and button_is_pressed(message.said):
                self._state = unlocked(self._state, heard.at_s, self._hold_s)
            return []
        is_open = door_is_open(message.said)
        if is_open is None:
            log.warning("door.contact_not_understood", checkpoint=self._door.id, sensor=message.sensor, advice=_ADVICE)
            return []
        if is_open:
            self._state = opened(self._state, heard.at_s, heard.at, retained=message.retained)
            return []
        self._state, news = closed(self._state, heard.at_s, heard.at)
        return news

    def _event(self, news: DoorNews) -> SceneEvent:
        happening = HappeningV1(
            happening_id=news.happening,
            what=news.what,
            phase=_phase(news),
            occurred_at=news.since,
            ended_at=news.until,
            camera=self._door.camera,
            checkpoint=self._door.id,
        )
        log.info("door.contact", checkpoint=self._door.id, what=str(news.what), phase=str(happening.phase))
        return SceneEvent(happening, news.until or news.since)


_ADVICE = "it should say open or closed, see docs/scenes.md"


def _phase(news: DoorNews) -> Phase:
    if news.what is Happening.DOOR_FORCED:
        return Phase.AT_ONCE
    return Phase.BEGAN if news.until is None else Phase.ENDED
