"""Presentation attacks drawn from a photograph: what a camera would see if the photograph were held in front of it.

SIMULATED, all of them: no attacker, no printer and no display was at hand. Each effect is computed at the size it has
in the picture, in linear light, then seen by one and the same camera (optics, sensor noise, JPEG), which the bona fide
pictures go through as well; so what tells an attack apart is the medium, not the camera.

What is drawn: halftone and gamut of a colour print, grain of its paper, its bend, its border; grid, colour and glare of
a display, its bezel, and the moire that arises where the camera samples the grid; a print cut out along the face.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from models.types import Float, Image

Numbers = np.random.Generator
SIDE_PX = 480
"""Height and width of the pictures that the camera makes."""
_FINE = 3
"""Pixels of the medium for one of the camera's, each way: halftone and display grid are finer than the camera sees."""


@dataclass(frozen=True, slots=True)
class Scene:
    """photo: uint8 (h, w, 3) BGR; box: x1 y1 x2 y2 of the face in it; behind: what else is in view, uint8 BGR."""

    photo: Image
    box: Float
    behind: Image


def bona_fide(scene: Scene, numbers: Numbers) -> Image:
    """The person, seen by the camera: the photograph is taken for the world itself."""
    return _camera(_linear(_filling(scene.photo, SIDE_PX)), numbers)


def printed(scene: Scene, numbers: Numbers) -> Image:
    """A colour print with a white border, bent, held up."""
    sheet = _paper(_print(scene.photo, numbers), numbers)
    border = int(sheet.shape[0] * numbers.uniform(0.02, 0.07))
    sheet = _framed(sheet, border, (0.78, 0.79, 0.8))
    return _camera(_held(_bent(sheet, numbers), scene.behind, numbers), numbers)


def on_screen(scene: Scene, numbers: Numbers) -> Image:
    """A telephone or tablet that shows the photograph."""
    shown = _display(scene.photo, numbers)
    bezel = int(shown.shape[0] * numbers.uniform(0.015, 0.05))
    shown = _framed(shown, bezel, (0.012, 0.012, 0.012))
    return _camera(_held(_glare(shown, scene.behind, numbers), scene.behind, numbers), numbers)


def filling_screen(scene: Scene, numbers: Numbers) -> Image:
    """A display so near that its edges are out of view: nothing but its grid, colour and glare tells."""
    shown = _glare(_display(scene.photo, numbers), scene.behind, numbers)
    return _camera(_turned(shown, numbers, room=1.02), numbers)


def cut_out(scene: Scene, numbers: Numbers) -> Image:
    """A printed face cut out along its edge and worn as a mask: body and room behind it are real."""
    sheet = _paper(_print(scene.photo, numbers), numbers)
    scale = sheet.shape[0] / scene.photo.shape[0]
    x1, y1, x2, y2 = scene.box * scale
    centre, axes = ((x1 + x2) / 2, (y1 + y2) / 2), ((x2 - x1) * 0.56, (y2 - y1) * 0.58)
    mask = np.zeros(sheet.shape[:2], np.uint8)
    cv2.ellipse(mask, _whole(centre), _whole(axes), float(numbers.uniform(-4, 4)), 0, 360, 255, -1)
    shadow = cv2.GaussianBlur(np.roll(mask, 5 * _FINE, (0, 1)), (0, 0), 4.0 * _FINE)[..., None] / 255
    wearer = _linear(_filling(scene.behind, sheet.shape[0]))
    world = np.where(mask[..., None] > 0, sheet, wearer * (1 - 0.45 * shadow)).astype(np.float32)
    return _camera(_shrunk(world), numbers)


ATTACKS: dict[str, Callable[[Scene, Numbers], Image]] = {
    "printed": printed,
    "on a screen": on_screen,
    "screen fills the view": filling_screen,
    "cut out": cut_out,
}


def _print(photo: Image, numbers: Numbers) -> Float:
    """Linear light from a colour print of ``photo``: what ink can show, in dots of four inks at four angles."""
    picture = _filling(photo, SIDE_PX * _FINE).astype(np.float32) / 255
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * numbers.uniform(0.65, 0.85)
    light = picture ** np.float32(2.2)
    black = 1 - light.max(axis=2, keepdims=True)
    inks = np.concatenate([(1 - light - black) / np.maximum(1 - black, 1e-3), black], axis=2)
    pitch = numbers.uniform(2.0, 3.6) * _FINE / 2
    rows, columns = np.mgrid[0 : light.shape[0], 0 : light.shape[1]].astype(np.float32)
    dots = np.empty_like(inks)
    for ink, degrees in enumerate((0.0, 75.0, 15.0, 45.0)):
        turn = np.deg2rad(degrees)
        along = np.cos(turn) * columns + np.sin(turn) * rows
        across = -np.sin(turn) * columns + np.cos(turn) * rows
        screen = 0.5 - 0.25 * (np.cos(2 * np.pi * along / pitch) + np.cos(2 * np.pi * across / pitch))
        dots[..., ink] = 1 / (1 + np.exp(-14 * (inks[..., ink] - screen)))
    # Dot gain and the mix of printers: photo paper shows less of its dots than an office printer.
    shown = inks + (dots - inks) * numbers.uniform(0.25, 0.9)
    ink_left = 0.955 - 0.9 * shown[..., :3]
    return np.asarray(ink_left * (1 - 0.93 * shown[..., 3:]) + 0.02, np.float32)


def _paper(sheet: Float, numbers: Numbers) -> Float:
    """The grain and the cockle of paper."""
    grain = cv2.GaussianBlur(numbers.normal(size=sheet.shape[:2]).astype(np.float32), (0, 0), 0.8 * _FINE)
    cockle = numbers.normal(size=(8, 8)).astype(np.float32)
    waves = cv2.resize(cockle, sheet.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(sheet * (1 + 0.05 * grain + 0.03 * waves)[..., None] * 0.82, np.float32)


def _bent(sheet: Float, numbers: Numbers) -> Float:
    """Bent about an upright axis, as a sheet held at its sides is: narrower and darker where it turns away."""
    height, width = sheet.shape[:2]
    bend = numbers.uniform(0.2, 0.8)
    across = np.linspace(-1, 1, width, dtype=np.float32)
    source = (np.sin(across * bend) / np.sin(bend) + 1) / 2 * (width - 1)
    columns = np.broadcast_to(source[None], (height, width)).astype(np.float32)
    rows = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width))
    shade = np.cos(across * bend + numbers.uniform(-0.4, 0.4))
    return np.asarray(cv2.remap(sheet, columns, rows, cv2.INTER_LINEAR) * shade[None, :, None], np.float32)


def _display(photo: Image, numbers: Numbers) -> Float:
    """Linear light from a display: its own gamma, bluer white, black that shines, stripes of red, green and blue."""
    picture = _filling(photo, SIDE_PX * _FINE).astype(np.float32) / 255
    light = picture ** np.float32(numbers.uniform(2.0, 2.5))
    white = np.asarray([numbers.uniform(1.02, 1.18), 1.0, numbers.uniform(0.86, 0.98)], np.float32)
    light = light * white * 0.95 + numbers.uniform(0.004, 0.02)
    pitch = numbers.uniform(0.9, 2.2) * _FINE
    columns = np.arange(light.shape[1], dtype=np.float32) / pitch
    rows = np.arange(light.shape[0], dtype=np.float32) / pitch
    depth = np.float32(numbers.uniform(0.35, 0.8))
    lines = 1 + depth * np.cos(2 * np.pi * rows)[:, None, None] * 0.5
    stripes = np.stack([1 + depth * np.cos(2 * np.pi * (columns + third)) for third in (2 / 3, 1 / 3, 0.0)], axis=-1)
    banding = 1 + numbers.uniform(0, 0.06) * np.sin(np.linspace(0, numbers.uniform(4, 20), len(rows)))
    return np.asarray(light * lines * stripes[None] * banding[:, None, None], np.float32)


def _glare(shown: Float, behind: Image, numbers: Numbers) -> Float:
    """What a glass front mirrors: a lamp, and faintly the room."""
    height, width = shown.shape[:2]
    mirrored = _linear(_filling(behind, height))[:, ::-1]
    room = cv2.GaussianBlur(cv2.resize(mirrored, (width, height)), (0, 0), 6.0 * _FINE)
    lamp = np.zeros((height, width), np.float32)
    at = (float(numbers.uniform(0, width)), float(numbers.uniform(0, height)))
    cv2.ellipse(lamp, _whole(at), _whole((width * 0.08, height * 0.13)), 30, 0, 360, 1.0, -1)
    lamp = cv2.GaussianBlur(lamp, (0, 0), 8.0 * _FINE)[..., None] * np.float32(numbers.uniform(0, 0.5))
    return np.asarray(shown + room * numbers.uniform(0.02, 0.10) + lamp, np.float32)


def _held(sheet: Float, behind: Image, numbers: Numbers) -> Float:
    """``sheet`` held in front of ``behind``, a little turned, at the camera's own size (linear light)."""
    side = SIDE_PX * _FINE
    share = numbers.uniform(0.72, 0.95)
    corners = _corners(sheet.shape[1], sheet.shape[0])
    middle = side * (0.5 + numbers.uniform(-0.03, 0.03, 2))
    target = (corners / sheet.shape[0] - 0.5) * side * share + middle
    target += numbers.normal(0, 0.015 * side, target.shape)
    turn = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    world = _linear(_filling(behind, side))
    there = cv2.warpPerspective(np.ones(sheet.shape[:2], np.float32), turn, (side, side))[..., None]
    seen = cv2.warpPerspective(sheet, turn, (side, side)) * there + world * (1 - there)
    return _shrunk(np.asarray(seen, np.float32))


def _turned(sheet: Float, numbers: Numbers, *, room: float) -> Float:
    """``sheet`` turned by a few degrees and shown ``room`` times larger than the view (linear light)."""
    side = SIDE_PX * _FINE
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(numbers.uniform(-4, 4)), room + 0.08)
    seen = cv2.warpAffine(sheet, turn, (side, side), borderMode=cv2.BORDER_REFLECT)
    return _shrunk(np.asarray(seen, np.float32))


def _shrunk(world: Float) -> Float:
    """What falls on each of the camera's pixels: optics a little softer than the pixel, then its area."""
    soft = cv2.GaussianBlur(world, (0, 0), 0.45 * _FINE)
    return np.asarray(cv2.resize(soft, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)


def _camera(light: Float, numbers: Numbers) -> Image:
    """Linear light to the picture of a cheap gate camera: exposure, noise of photons and sensor, gamma, JPEG."""
    light = light * np.float32(numbers.uniform(0.8, 1.15) * 0.5 / max(float(light.mean()), 0.08) * 0.45)
    noise = numbers.normal(size=light.shape).astype(np.float32) * np.sqrt(np.maximum(light, 0) * 0.0004 + 2e-6)
    picture = np.clip(light + noise, 0, 1) ** (1 / 2.2)
    eight = np.asarray(np.rint(picture * 255), np.uint8)
    quality = int(numbers.integers(72, 93))
    _, packed = cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _filling(picture: Image, side: int) -> Image:
    """The middle square of ``picture``, ``side`` pixels a side."""
    height, width = picture.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = picture[top : top + short, left : left + short]
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _framed(sheet: Float, width: int, light: tuple[float, float, float]) -> Float:
    around = cv2.copyMakeBorder(sheet, width, width, width, width, cv2.BORDER_CONSTANT, value=light)
    return np.asarray(around, np.float32)


def _linear(picture: Image) -> Float:
    """Light, in [0, 1], of 8-bit pixels."""
    return np.asarray((picture.astype(np.float32) / 255) ** np.float32(2.2), np.float32)


def _corners(width: int, height: int) -> Float:
    return np.asarray([(0, 0), (width, 0), (width, height), (0, height)], np.float32)


def _whole(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])
