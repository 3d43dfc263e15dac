"""Bodies as a script says, pictures without pixels worth looking at, and places at a camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import av
import numpy as np

from core.contract.config_scenes import Scenes
from edge.capture.picture import Picture
from edge.evidence import Moment
from models.types import Bodies, BodyKind, Image

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SIZE = (160, 90)
Thing = tuple[BodyKind, tuple[float, float, float, float]]
"""Kind and box, fractions of the picture."""


class ScriptedBodies:
    """A body detector that sees what it is told is there."""

    def __init__(self) -> None:
        self.things: Sequence[Thing] = ()
        self.looks = 0

    def detect(self, images: Sequence[Image], *, max_side: int = 416, min_score: float = 0.4) -> list[Bodies]:
        self.looks += len(images)
        return [self._bodies(image) for image in images]

    def _bodies(self, image: Image) -> Bodies:
        height, width = image.shape[:2]
        boxes = np.array([box for _, box in self.things], np.float32).reshape(-1, 4)
        kinds = np.array([kind for kind, _ in self.things], np.uint8)
        scale = np.array([width, height, width, height], np.float32)
        return Bodies(boxes * scale, kinds, np.full(len(kinds), 0.8, np.float32))


def picture(at_s: float) -> Picture:
    """A grey picture made ``at_s`` seconds after `START`."""
    frame = av.VideoFrame.from_ndarray(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8), format="bgr24")
    return Picture(Moment(at_s, START + timedelta(seconds=at_s), at_s), frame, at_s)


def person(x: float, foot: float) -> Thing:
    return BodyKind.PERSON, (x - 0.04, foot - 0.3, x + 0.04, foot)


def car(x: float, foot: float) -> Thing:
    return BodyKind.VEHICLE, (x - 0.15, foot - 0.25, x + 0.15, foot)


def scenes() -> Scenes:
    """At camera ``yard``: a path across the middle, a way out on the right, a fire lane at the bottom, a playground."""
    words = {"zh": "处", "en": "place"}
    common = {"name": words, "camera": "yard"}
    return Scenes.model_validate(
        {
            "counts_every_s": 60,
            "counting_lines": [{**common, "id": "path", "line": [[0.1, 0.5], [0.9, 0.5]]}],
            "one_way_lines": [{**common, "id": "exit", "line": [[0.7, 0.4], [0.95, 0.4]], "checkpoint": "lane"}],
            "fire_lanes": [
                {
                    **common,
                    "id": "fire-lane",
                    "zone": [[0.0, 0.75], [1.0, 0.75], [1.0, 1.0], [0.0, 1.0]],
                    "standing_s": 30,
                }
            ],
            "zones": [
                {**common, "id": "play", "zone": [[0, 0], [0.4, 0], [0.4, 0.4], [0, 0.4]], "long_stay_s": 20},
                {**common, "id": "elsewhere", "camera": "other", "zone": [[0, 0], [1, 0], [1, 1]]},
            ],
        }
    )


Script = Callable[[float], Sequence[Thing]]
"""What is there at a time, seconds."""
