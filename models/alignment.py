"""Turning a face upright: the similarity that lays five landmarks on the places ArcFace and SFace were trained with.

Same as insightface's `norm_crop` (tested), without the second it takes to import and the warnings of its solver.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.inputs import checked_image, checked_points
from models.types import Float, Image, ModelInputError

SIDE_PX = 112
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
).astype(np.float64)
"""Where the landmarks go, pixels of the crop (insightface, `face_align.arcface_dst`, which is float32)."""


def align(image: Image, landmarks: Float) -> Image:
    """uint8 (112, 112, 3) BGR: the face with ``landmarks`` (5, 2; pixels of ``image``) upright, black outside.

    Raises ModelInputError, also for landmarks that all fall together.
    """
    matrix = similarity(checked_points(landmarks, 5, "landmarks"))
    picture = checked_image(image, "image")
    crop = cv2.warpAffine(picture, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR, borderValue=0.0)
    return np.asarray(crop, np.uint8)


def similarity(points: np.ndarray) -> np.ndarray:
    """Matrix (2, 3) of the rotation, scale and shift that best lays ``points`` (5, 2) on `TEMPLATE`.

    Least squares after Umeyama (1991). Raises ModelInputError when the points have no extent.
    """
    source, target = points - points.mean(axis=0), TEMPLATE - TEMPLATE.mean(axis=0)
    variance = source.var(axis=0).sum()
    if not 1e-6 < variance < 1e12:
        raise ModelInputError("landmarks: they fall together or lie too far apart to be a face")
    covariance = target.T @ source / len(source)
    signs = np.array([1.0, -1.0 if np.linalg.det(covariance) < 0 else 1.0])
    left, singular, right = np.linalg.svd(covariance)
    rotation = left @ np.diag(signs) @ right
    scale = singular @ signs / variance
    shift = TEMPLATE.mean(axis=0) - scale * rotation @ points.mean(axis=0)
    return np.concatenate([scale * rotation, shift[:, None]], axis=1)
