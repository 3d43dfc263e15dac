"""Scenes at work: pictures are looked at in the vision threads, what they tell is written down beside them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from core.contract.base import Message
from core.contract.ids import CameraId
from edge.capture.picture import Picture
from edge.health import Counters
from edge.scenes.events import SceneEvent

MAX_UNTOLD = 1000
"""Events of one camera waiting for the housekeeping thread, which comes five times a second."""


class WatchesScenes(Protocol):
    """See `edge.scenes.watcher.SceneWatcher`."""

    @property
    def camera(self) -> CameraId: ...

    @property
    def wanted_fps(self) -> float: ...

    def look(self, picture: Picture) -> list[SceneEvent]: ...

    def due(self, at_s: float, at: datetime) -> list[SceneEvent]: ...

    def away(self, at_s: float, at: datetime) -> None: ...

    def finish(self, at: datetime) -> list[SceneEvent]: ...

    def flat(self) -> dict[str, int]: ...


class WatchesContact(Protocol):
    """See `edge.scenes.door_contact.DoorContactWatch`."""

    def tick(self) -> list[SceneEvent]: ...

    def finish(self, at: datetime) -> list[SceneEvent]: ...


class ScenePost:
    """One camera's scenes. `look` never waits for a disk; at the limit the oldest events are dropped and counted."""

    def __init__(self, watcher: WatchesScenes, counters: Counters) -> None:
        self.watcher = watcher
        self._counters = counters
        self._untold: deque[SceneEvent] = deque()

    def look(self, picture: Picture) -> None:
        """Look at ``picture``; what it tells waits for `tell`."""
        for event in self.watcher.look(picture):
            if len(self._untold) >= MAX_UNTOLD:
                self._untold.popleft()
                self._counters.add("scene_events_dropped")
            self._untold.append(event)

    def take(self) -> list[SceneEvent]:
        """What waits to be told, oldest first."""
        return [self._untold.popleft() for _ in range(len(self._untold))]


class SceneDesk:
    """Writes down what the scenes and door contacts of an edge tell. From one thread, a few times a second."""

    def __init__(
        self,
        posts: Sequence[ScenePost],
        contacts: Sequence[WatchesContact],
        write: Callable[[Message, datetime], None],
    ) -> None:
        self.posts = tuple(posts)
        self._contacts = tuple(contacts)
        self._write = write

    def of(self, camera: CameraId) -> ScenePost | None:
        """The scenes of ``camera``, if it has any."""
        return next((post for post in self.posts if post.watcher.camera == camera), None)

    def tell(self) -> None:
        """Write down what happened since the last call."""
        for event in (*(event for post in self.posts for event in post.take()), *self._heard()):
            self._write(event.message, event.occurred_at)

    def finish(self, at: datetime) -> None:
        """The edge stops, nobody looks or listens any more: tell what is left, and that what lasts has ended."""
        self.tell()
        seen = [event for post in self.posts for event in post.watcher.finish(at)]
        for event in (*seen, *(event for contact in self._contacts for event in contact.finish(at))):
            self._write(event.message, event.occurred_at)

    def keep_time(self, at_s: float, at: datetime, there: Callable[[CameraId], bool]) -> None:
        """What time alone brings, about once a second. there: whether a camera is: of one that is away none is told."""
        for post in self.posts:
            if not there(post.watcher.camera):
                post.watcher.away(at_s, at)
                continue
            for event in post.watcher.due(at_s, at):
                self._write(event.message, event.occurred_at)

    def counts(self) -> dict[str, int]:
        """What the watchers have done, by ``{camera}.scenes.{what}``."""
        return {
            f"{post.watcher.camera}.scenes.{name}": number
            for post in self.posts
            for name, number in post.watcher.flat().items()
            if number
        }

    def _heard(self) -> list[SceneEvent]:
        return [event for contact in self._contacts for event in contact.tick()]
