"""What the network should say in each cell of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.types import Float

ACROSS, DOWN = 0.13, 0.26
"""How far a plate's middle reaches, in plate widths and heights: the score falls like a bell with these sigmas."""
CORNERS_FROM = 0.3
"""Cells whose wanted score is at least this also tell the corners."""
_EVEN_CELLS = 8.0
"""A plate of so many cells counts as they do; a smaller one's cells count for more, a larger one's for less."""


@dataclass(frozen=True, slots=True)
class Targets:
    """score: float32 (h, w), wanted in [0, 1]; counts: float32 (h, w), how much it counts, 0 where nothing is asked;

    corners: float32 (8, h, w), pixels from the cell's middle; near: float32 (h, w), how much a cell's corners count;
    height_px: float32 (h, w), the plate's height there, 1 elsewhere.
    """

    score: Float
    counts: Float
    corners: Float
    near: Float
    height_px: Float


def targets(quads: Float, ignored: Float, width: int, height: int, stride: int) -> Targets:
    """For a picture of that size with plates at ``quads`` ((n, 4, 2), pixels) and ``ignored`` ones."""
    down, across = height // stride, width // stride
    y, x = (np.mgrid[0:down, 0:across].astype(np.float32) + 0.5) * stride
    score, counts = np.zeros((down, across), np.float32), np.ones((down, across), np.float32)
    corners, height_px = np.zeros((8, down, across), np.float32), np.ones((down, across), np.float32)
    for quad in ignored:
        hole = np.zeros((down, across), np.uint8)
        cv2.fillConvexPoly(hole, np.round(quad / stride - 0.5).astype(np.int32), 1)
        counts[hole > 0] = 0
    for quad in quads:
        bell, high = _bell(quad, x, y)
        better = bell > score
        cells = float(bell[bell >= CORNERS_FROM].sum())
        score[better], counts[bell > 0.1] = bell[better], 1
        counts[better & (bell >= CORNERS_FROM)] = np.sqrt(_EVEN_CELLS / cells)
        offsets = (quad[:, :, None, None] - np.stack([x, y])[None]).reshape(8, down, across)
        corners[:, better] = offsets[:, better]
        height_px[better] = high
    near = np.where(score >= CORNERS_FROM, score * counts, 0).astype(np.float32)
    return Targets(score, counts, corners, near, height_px)


def _bell(quad: Float, x: Float, y: Float) -> tuple[Float, float]:
    """Wanted score of each cell for one plate, 1 in the cell nearest to its middle; and the plate's height, pixels."""
    right = (quad[1] - quad[0] + quad[2] - quad[3]) / 2
    down = (quad[3] - quad[0] + quad[2] - quad[1]) / 2
    frame = np.linalg.inv(np.stack([right, down], 1))
    middle = quad.mean(0)
    u = frame[0, 0] * (x - middle[0]) + frame[0, 1] * (y - middle[1])
    v = frame[1, 0] * (x - middle[0]) + frame[1, 1] * (y - middle[1])
    bell = np.exp(-((u / ACROSS) ** 2 + (v / DOWN) ** 2) / 2)
    return np.asarray(bell / max(float(bell.max()), 1e-6), np.float32), float(np.linalg.norm(down))
