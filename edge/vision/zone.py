"""The marked zone of a checkpoint: what lies outside is blacked out before anything is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from core.contract.config import Polygon
from models.types import Faces, Float, Image, Plates


@dataclass(frozen=True, slots=True)
class ZoneCut:
    """The zone's bounding box cut from a picture, with everything outside the polygon black.

    x, y: the cut's top left corner in the picture, pixels; across, down: the picture's pixels per pixel of the cut.
    """

    image: Image
    x: int
    y: int
    across: float = 1.0
    down: float = 1.0

    def faces_in_picture(self, faces: Faces) -> Faces:
        """``faces`` found in the cut, in the picture's pixels."""
        scale, shift = self._back
        boxes = faces.boxes * np.tile(scale, 2) + np.tile(shift, 2)
        return Faces(boxes, faces.landmarks * scale + shift, faces.scores)

    def plates_in_picture(self, plates: Plates) -> Plates:
        """``plates`` found in the cut, in the picture's pixels."""
        scale, shift = self._back
        boxes = plates.boxes * np.tile(scale, 2) + np.tile(shift, 2)
        return Plates(boxes, plates.quads * scale + shift, plates.scores)

    @property
    def _back(self) -> tuple[Float, Float]:
        return np.array([self.across, self.down], np.float32), np.array([self.x, self.y], np.float32)


class Parted(Protocol):
    """A picture that makes only those pixels that are asked for; see `edge.capture.picture.Picture`."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def part(self, x0: int, y0: int, x1: int, y1: int, max_side: int | None = None) -> Image: ...


@dataclass(frozen=True, slots=True)
class _Stencil:
    """A polygon on pictures of one size. outside: bool (h, w) of the bounding box, None when all of it is inside."""

    corners: Float
    x0: int
    y0: int
    x1: int
    y1: int
    outside: npt.NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon in fractions of the picture, usable on pictures of any size."""

    polygon: Polygon

    def cut(self, image: Image) -> ZoneCut:
        """The zone's part of ``image``: a copy where something has to be blacked out, else a view."""
        height, width = image.shape[:2]
        stencil = _stencil(self.polygon, width, height)
        part = image[stencil.y0 : stencil.y1, stencil.x0 : stencil.x1]
        if stencil.outside is not None:
            part = part.copy()
            part[stencil.outside] = 0
        return ZoneCut(part, stencil.x0, stencil.y0)

    def part_of(self, picture: Parted, max_side: int | None = None) -> ZoneCut:
        """The zone's part of ``picture``, made no larger than ``max_side``; new pixels, free to be written to."""
        stencil = _stencil(self.polygon, picture.width, picture.height)
        image = picture.part(stencil.x0, stencil.y0, stencil.x1, stencil.y1, max_side)
        height, width = image.shape[:2]
        outside = _outside_at(self.polygon, picture.width, picture.height, width, height)
        if outside is not None:
            image[outside] = 0
        across, down = (stencil.x1 - stencil.x0) / width, (stencil.y1 - stencil.y0) / height
        return ZoneCut(image, stencil.x0, stencil.y0, across, down)

    def detail_of(self, picture: Parted, box: tuple[int, int, int, int], max_side: int) -> ZoneCut:
        """``box`` (x0, y0, x1, y1, pixels within ``picture``), made no larger than that, black outside the zone."""
        x0, y0, x1, y1 = box
        image = picture.part(x0, y0, x1, y1, max_side)
        height, width = image.shape[:2]
        across, down = (x1 - x0) / width, (y1 - y0) / height
        corners = _stencil(self.polygon, picture.width, picture.height).corners
        corners = ((corners - (x0, y0)) / (across, down)).astype(np.float32)
        inside = np.zeros((height, width), np.uint8)
        cv2.fillPoly(inside, [np.round(corners).astype(np.int32)], 1)
        image[inside == 0] = 0
        return ZoneCut(image, x0, y0, across, down)

    def longest_side(self, *, width: int, height: int) -> int:
        """Of the zone's bounding box on a picture of that size, pixels."""
        stencil = _stencil(self.polygon, width, height)
        return max(stencil.x1 - stencil.x0, stencil.y1 - stencil.y0)

    def box_of(self, plane: Image) -> Image:
        """View of ``plane``'s part in the zone's bounding box, nothing blacked out: for asking whether it changed."""
        stencil = _stencil(self.polygon, plane.shape[1], plane.shape[0])
        return plane[stencil.y0 : stencil.y1, stencil.x0 : stencil.x1]

    def contains(self, x: float, y: float, *, width: int, height: int) -> bool:
        """True when the point (pixels of a picture of that size) is in the zone or on its border."""
        corners = _stencil(self.polygon, width, height).corners
        return bool(cv2.pointPolygonTest(corners, (float(x), float(y)), False) >= 0)


@lru_cache(maxsize=64)
def _stencil(polygon: Polygon, width: int, height: int) -> _Stencil:
    corners = np.array(polygon, np.float32) * np.array([width, height], np.float32)
    x0, y0 = (int(value) for value in np.floor(corners.min(axis=0)))
    x1, y1 = (int(value) for value in np.ceil(corners.max(axis=0)))
    x0, y0 = min(x0, width - 1), min(y0, height - 1)
    x1, y1 = max(min(x1, width), x0 + 1), max(min(y1, height), y0 + 1)
    inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(inside, [np.round(corners - (x0, y0)).astype(np.int32)], 1)
    outside = inside == 0
    return _Stencil(corners, x0, y0, x1, y1, outside if outside.any() else None)


@lru_cache(maxsize=64)
def _outside_at(
    polygon: Polygon, width: int, height: int, cut_width: int, cut_height: int
) -> npt.NDArray[np.bool_] | None:
    """What lies outside the polygon, bool (cut_height, cut_width) of its bounding box shrunk to that size."""
    outside = _stencil(polygon, width, height).outside
    if outside is None or outside.shape == (cut_height, cut_width):
        return outside
    shrunk = cv2.resize(outside.astype(np.uint8), (cut_width, cut_height), interpolation=cv2.INTER_NEAREST)
    return shrunk.astype(np.bool_)
