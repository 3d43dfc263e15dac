"""Laying flat things on a picture as a camera would see them: turned, tilted, in perspective, without jagged edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.types import Float, Image

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pose:
    """How a flat thing stands to the camera, radians; lens: focal length in picture widths."""

    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    lens: float = 2.0

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Pose:
        """Mostly nearly upright, seen from any side a lane's camera may hang at; rolled by up to 30 degrees."""
        roll = random.uniform(-30, 30) if random.random() < 0.3 else random.normal(0, 4)
        yaw = random.uniform(-52, 52) if random.random() < 0.35 else random.normal(0, 14)
        pitch = random.uniform(-10, 40) if random.random() < 0.4 else random.normal(8, 8)
        roll, yaw, pitch = np.radians(np.clip((roll, yaw, pitch), (-30, -55, -30), (30, 55, 42)))
        return cls(float(roll), float(yaw), float(pitch), float(random.uniform(1.5, 5)))


def see(pose: Pose, scale: float, anchor: tuple[float, float], at: tuple[float, float], view_px: float) -> Matrix:
    """float64 (3, 3), from the thing's pixels to the picture's: ``anchor`` comes to ``at``, ``scale`` times as large.

    view_px: the picture's longer side.
    """
    cos, sin = np.cos, np.sin
    roll = np.array([[cos(pose.roll), -sin(pose.roll), 0], [sin(pose.roll), cos(pose.roll), 0], [0, 0, 1]])
    yaw = np.array([[cos(pose.yaw), 0, sin(pose.yaw)], [0, 1, 0], [-sin(pose.yaw), 0, cos(pose.yaw)]])
    pitch = np.array([[1, 0, 0], [0, cos(pose.pitch), -sin(pose.pitch)], [0, sin(pose.pitch), cos(pose.pitch)]])
    turned = roll @ yaw @ pitch
    focal = pose.lens * view_px
    flat = np.array([[1, 0, -anchor[0]], [0, 1, -anchor[1]], [0, 0, 1.0]])
    plane = np.column_stack([turned[:, 0], turned[:, 1], (0, 0, focal / scale)])
    lens = np.array([[focal, 0, at[0]], [0, focal, at[1]], [0, 0, 1.0]])
    return np.asarray(lens @ plane @ flat, np.float64)


def seen_at(matrix: Matrix, places: Float) -> Float:
    """``places`` (n, 2) through ``matrix``, float32 (n, 2)."""
    return np.asarray(cv2.perspectiveTransform(places[None].astype(np.float64), matrix)[0], np.float32)


def in_front(matrix: Matrix, width: float, height: float) -> bool:
    """True when all of a thing of that size lies clearly in front of the camera."""
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1.0]])
    middle = matrix @ (width / 2, height / 2, 1)
    return bool((corners @ matrix[2] > 0.3 * middle[2]).all()) and bool(middle[2] > 0)


def lay(picture: Image, thing: Image, matrix: Matrix) -> Image:
    """Lay ``thing`` (uint8 (h, w, 4)) on ``picture`` in place; what is laid, uint8 of the picture's size."""
    height, width = thing.shape[:2]
    corners = seen_at(matrix, np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32))
    cover = np.zeros(picture.shape[:2], np.uint8)
    x0, y0 = (max(0, int(np.floor(edge)) - 1) for edge in corners.min(0))
    x1, y1 = (
        min(side, int(np.ceil(edge)) + 2)
        for edge, side in zip(corners.max(0), (picture.shape[1], picture.shape[0]), strict=True)
    )
    if x1 <= x0 or y1 <= y0:
        return cover
    longest = max(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3]))
    shrink = max(0.02, min(1.0, 1.4 * float(longest) / width))
    if shrink < 0.8:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        thing = np.asarray(cv2.resize(thing, size, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = matrix @ np.diag((width / size[0], height / size[1], 1.0))
    shift = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1.0]])
    warped = cv2.warpPerspective(thing, shift @ matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    alpha = warped[..., 3]
    cover[y0:y1, x0:x1] = alpha
    under = picture[y0:y1, x0:x1]
    share = cv2.merge([alpha, alpha, alpha]).astype(np.float32) / 255
    under[:] = np.clip(under + (warped[..., :3].astype(np.float32) - under) * share, 0, 255).astype(np.uint8)
    return cover
