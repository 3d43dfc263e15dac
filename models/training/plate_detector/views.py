"""Parts of composed scenes: what the network is shown in training."""

from __future__ import annotations

import cv2
import numpy as np

from models.training.plate_detector.scene import MIN_PX, Scene

ON_A_PLATE = 0.8
"""Share of the views that are chosen so that a plate of the scene lies in them."""


def view(scene: Scene, random: np.random.Generator, width: int, height: int) -> Scene:
    """A part of a scene, somewhat larger or smaller, in somewhat other light: (height, width)."""
    high, wide = scene.picture.shape[:2]
    scale = random.uniform(0.7, 1.3)
    if len(scene.quads) and random.random() < ON_A_PLATE:
        quad = scene.quads[random.integers(len(scene.quads))]
        scale = min(scale, 0.95 * width / np.ptp(quad[:, 0]), 0.95 * height / np.ptp(quad[:, 1]))
        first, last = quad.min(0) * scale, quad.max(0) * scale
        shift = np.array([random.uniform(-first[0], width - last[0]), random.uniform(-first[1], height - last[1])])
        shift = np.clip(shift, np.minimum(0, (width - wide * scale, height - high * scale)), 0)
    else:
        shift = np.array([_between(width - wide * scale, random), _between(height - high * scale, random)])
    shift = shift.astype(np.float32)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    flags, edge = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    seen = cv2.warpAffine(scene.picture, matrix, (width, height), flags=flags, borderMode=edge)
    seen = cv2.convertScaleAbs(seen, alpha=random.uniform(0.7, 1.25), beta=random.uniform(0, 20))
    quads, ignored = scene.quads * scale + shift, scene.ignored * scale + shift
    inside = ((quads > -2) & (quads < (width + 2, height + 2))).all(axis=(1, 2))
    asked = inside & (np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1) >= MIN_PX * 0.9)
    return Scene(np.asarray(seen, np.uint8), quads[asked], np.concatenate([ignored, quads[~asked]]))


def _between(end: float, random: np.random.Generator) -> float:
    return float(random.uniform(min(0, end), max(0, end)))
