"""Is that a face or a picture of one? MiniFASNetV2 (Silent-Face-Anti-Spoofing, Minivision) on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.errors import ModelDamagedError, ModelRunError
from models.inputs import checked_image, checked_unit
from models.protocols import PixelBox
from models.session import LOAD_ERRORS, Session
from models.types import Float, Image, ModelInputError

SIDE_PX = 80
"""Height and width of what the network sees."""
CONTEXT = 2.7
"""Sides of what is looked at, in sides of the face's box: edges of a sheet or a telephone are often within it."""
MIN_FACE_PX = 40
"""Narrower faces are 15 network pixels and less: nothing of a print or a display is left in them."""
THRESHOLD = 0.5
"""The authors' own operating point: bona fide is likelier than both kinds of attack together."""
_CLASSES = 3
_BONA_FIDE = 1
"""Column of the answer; 0 and 2 are attacks, flat ones and others."""


class PresentationCheck:
    """Looks at a face and what is around it. Thread-safe; keeps nothing."""

    def __init__(self, path: Path, threads: int = 1, name: str = "minifasnet", threshold: float = THRESHOLD) -> None:
        """path: MiniFASNetV2 with a (1, 3, 80, 80) input; threshold: in [0, 1], the score that is still a face.

        Raises ModelDamagedError, for another network too; ModelInputError.
        """
        self._session = Session(path, threads)
        self._name = name
        self._threshold = checked_unit(threshold, "threshold")
        shapes = self._session.output_shapes
        self._output = next(iter(shapes))
        if len(shapes) != 1 or shapes[self._output][-1] != _CLASSES:
            raise ModelDamagedError(f"{path.name}: its answer is {shapes}, not one of {_CLASSES} classes")

    @property
    def model(self) -> str:
        return self._name

    @property
    def threshold(self) -> float:
        return self._threshold

    @property
    def min_face_px(self) -> int:
        return MIN_FACE_PX

    def region(self, box: Float, width: int, height: int) -> PixelBox:
        """What of a ``width`` x ``height`` picture is looked at for a face at ``box``. Raises ModelInputError."""
        return around(box, width, height)

    def check(self, region: Image) -> float:
        """How likely `region` shows a face and not a picture of one, in [0, 1].

        Raises ModelInputError; ModelRunError when the network gives no answer.
        """
        seen = cv2.resize(checked_image(region, "region"), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
        blob = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], np.float32)
        try:
            answer = self._session.run([self._output], blob)[0][0]
        except LOAD_ERRORS as error:
            raise ModelRunError(f"{self._name} gives no answer: {error}") from error
        raised = np.exp(answer - answer.max())
        return float(raised[_BONA_FIDE] / raised.sum())


def around(box: Float, width: int, height: int) -> PixelBox:
    """The part of a picture that is `CONTEXT` times ``box``, as the network's authors cut it.

    A box too large for that gets as much context as the picture has; at the picture's edge the part is cut off there.
    Whole pixels, as the authors': the box's corners first, then its size. Raises ModelInputError for a box that is
    none, or whose middle lies outside.
    """
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ModelInputError(f"box: four finite numbers are needed, not {box.tolist()}")
    left, top = int(box[0]), int(box[1])
    wide, high = int(box[2] - box[0]), int(box[3] - box[1])
    middle_x, middle_y = left + wide / 2, top + high / 2
    if wide < 1 or high < 1 or not (0 <= middle_x < width and 0 <= middle_y < height):
        raise ModelInputError(f"box: the middle of {box.tolist()} is not in the {width}x{height} picture")
    scale = min((height - 1) / high, (width - 1) / wide, CONTEXT)
    return (
        max(0, int(middle_x - wide * scale / 2)),
        max(0, int(middle_y - high * scale / 2)),
        min(width - 1, int(middle_x + wide * scale / 2)) + 1,
        min(height - 1, int(middle_y + high * scale / 2)) + 1,
    )
