"""An uploaded picture, opened without trusting it: its size is read from its header before a pixel is decoded."""

from __future__ import annotations

import struct

import cv2
import numpy as np

from edge.enrol.refusals import EnrolmentRefusedError, RefusalReason
from models.types import Image

MAX_PIXELS = 25_000_000
"""A 24-megapixel phone photograph passes; decoded, it takes 75 MB for a moment."""
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def decode(encoded: bytes) -> Image:
    """The picture, uint8 (h, w, 3) BGR, turned as its EXIF says.

    Raises EnrolmentRefusedError: NOT_A_PICTURE for anything but a whole JPEG, PNG or WebP, TOO_MANY_PIXELS.
    """
    size = declared_size(encoded)
    if size is None or min(size) < 1:
        raise EnrolmentRefusedError(RefusalReason.NOT_A_PICTURE)
    if size[0] * size[1] > MAX_PIXELS:
        raise EnrolmentRefusedError(RefusalReason.TOO_MANY_PIXELS)
    try:
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None or picture.dtype != np.uint8 or sorted(picture.shape[:2]) != sorted(size):
        raise EnrolmentRefusedError(RefusalReason.NOT_A_PICTURE)
    return np.asarray(picture, np.uint8)


def declared_size(encoded: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as a JPEG, PNG or WebP header declares them; None for anything else."""
    try:
        if encoded.startswith(_PNG) and encoded[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", encoded, 16)
            return width, height
        if encoded.startswith(b"\xff\xd8\xff"):
            return _jpeg_size(encoded)
        if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
            return _webp_size(encoded)
    except (struct.error, IndexError):
        return None
    return None


def _jpeg_size(encoded: bytes) -> tuple[int, int] | None:
    """ITU-T T.81 B.1: segments up to the first frame header. Raises struct.error or IndexError where it ends early."""
    at = 2
    while encoded[at] == 0xFF:
        marker = encoded[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _JPEG_WITHOUT_LENGTH:
            at += 2
        elif marker in _JPEG_FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", encoded, at + 5)
            return width, height
        else:
            (length,) = struct.unpack_from(">H", encoded, at + 2)
            at += 2 + length
    return None


def _webp_size(encoded: bytes) -> tuple[int, int] | None:
    """RFC 9649, sections 2.5 to 2.7. Raises struct.error where it ends early."""
    kind = encoded[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", encoded, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", encoded, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        width_low, width_high, height_low, height_high = struct.unpack_from("<HBHB", encoded, 24)
        return (width_low | width_high << 16) + 1, (height_low | height_high << 16) + 1
    return None
