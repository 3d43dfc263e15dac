"""Pictures that wait in the process they were taken in until the edge wants them, blurred and packed there."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Callable

import structlog

from edge.aside import Aside
from edge.health import Counters
from edge.shards.messages import PictureMade, written
from edge.shards.wire import Wire
from edge.vision.blur import PictureTooLargeError, blur_faces, encode_jpeg
from models.protocols import FaceDetecting
from models.types import Image, ModelInputError

log = structlog.get_logger()

KEPT_S = 15.0
"""A gate has answered, or given up, long before."""
MAX_KEPT = 16


class KeptPictures:
    """Thread-safe. Beyond ``MAX_KEPT`` the oldest is forgotten; after ``KEPT_S`` each."""

    def __init__(
        self, detector: FaceDetecting, wire: Wire, counters: Counters, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._detector = detector
        self._wire = wire
        self._counters = counters
        self._clock = clock
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[float, Image]] = {}

    def keep(self, image: Image) -> int:
        """Number to ask for ``image`` by."""
        with self._lock:
            number = next(self._numbers)
            self._kept[number] = self._clock(), image
            while len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            return number

    def tidy(self) -> None:
        """Forget what nobody has asked for; to be called about once a second."""
        oldest_s = self._clock() - KEPT_S
        with self._lock:
            self._kept = {number: one for number, one in self._kept.items() if one[0] >= oldest_s}

    def answer(self, number: int, aside: Aside) -> None:
        """Have picture ``number`` blurred, packed and sent ``aside``; where that can't be, say so. Raises WireError.

        Said it is in any case: the edge asks for no more while it waits for too many.
        """
        if not aside.submit(functools.partial(self._send, number)):
            with self._lock:
                self._kept.pop(number, None)
            self._wire.send(written(PictureMade(picture=number)))

    def _send(self, number: int) -> None:
        made, jpeg = PictureMade(picture=number), b""
        try:
            with self._lock:
                _, image = self._kept.pop(number, (0.0, None))
            if image is not None:
                blurred = blur_faces(image, self._detector)
                jpeg, width_px, height_px = encode_jpeg(blurred.image)
                size = {"width_px": width_px, "height_px": height_px}
                made = made.model_copy(update=size | {"faces_blurred": blurred.faces})
        except (ModelInputError, PictureTooLargeError) as error:
            self._counters.add("pictures_not_blurred")
            log.warning("picture.not_kept", problem=str(error))
        finally:
            self._wire.send(written(made), jpeg)
