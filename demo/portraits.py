"""The picture a resident hands in to enrol: drawn like the person, at another moment than any in the clips."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from demo.cast import Resident, Stranger
from demo.draw.canvas import Picture, lay
from demo.draw.faces import Mood, draw_head
from demo.draw.looks import look_of
from demo.draw.people import Pose, draw_body, outfit_of
from demo.draw.scenery import gradient

WIDTH, HEIGHT = 480, 600
_UNIT_PX = 112.0
_JPEG_QUALITY = 92
_MOOD = Mood(yaw=0.01, pitch=0.008, roll_deg=0.0, lids=0.97, smile=0.02, light=0.1, bright=1.02)
"""As for a passport: straight ahead, hardly a smile, light from the front."""


def portrait(resident: Resident | Stranger) -> Picture:
    """The portrait of somebody drawn, uint8 (600, 480, 3)."""
    picture = gradient((226, 218, 208), (206, 196, 186), HEIGHT, WIDTH)
    look = look_of(resident.face)
    neck = (WIDTH / 2, 0.76 * HEIGHT)
    lay(picture, draw_head(look, _MOOD, _UNIT_PX), neck)
    lay(picture, draw_body(outfit_of(resident.face, look), look.skin, Pose(), _UNIT_PX), neck)
    noise = np.random.default_rng(resident.face).normal(0, 1.5, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


def portrait_jpeg(resident: Resident | Stranger) -> bytes:
    """The portrait as a JPEG file."""
    done, encoded = cv2.imencode(".jpg", portrait(resident), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV could not encode a portrait as JPEG: its build lacks JPEG support")
    return encoded.tobytes()


def write_portrait(resident: Resident, folder: Path) -> Path:
    """The portrait as a file in ``folder``, named by nothing but the resident's key."""
    path = folder / f"{resident.subject}.jpg"
    path.write_bytes(portrait_jpeg(resident))
    return path
