"""What stands in an edge for something that is in one of its processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.contract.events import CheckpointStateV1, PassageV1
from edge.capture.picture import Picture
from edge.checkpoint.watcher import WatchCounts
from edge.evidence import Observation


class WatcherElsewhere:
    """See `edge.checkpoint.watcher.Watcher`: looks at nothing here; what it tells comes to `CheckpointPost.handle`."""

    in_pass = False
    wanted_fps = 0.0

    def __init__(self) -> None:
        self.counts = WatchCounts()

    def look(self, picture: Picture, gate: CheckpointStateV1) -> list[Observation]:  # noqa: ARG002 - Watcher's form
        return []


@dataclass(frozen=True, slots=True)
class KeptElsewhere:
    """See `edge.evidence.PictureElsewhere`. number: what its process calls it; ask: has it sent, False if not."""

    number: int
    ask: Callable[[int, PassageV1], bool]

    def send_for(self, passage: PassageV1) -> bool:
        return self.ask(self.number, passage)
