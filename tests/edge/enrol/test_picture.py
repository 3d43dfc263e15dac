"""Uploaded pictures: the size is known before a pixel is decoded, and nothing else is taken for a picture."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.enrol.picture import MAX_PIXELS, declared_size, decode
from edge.enrol.refusals import EnrolmentRefusedError, RefusalReason
from tests.edge.enrol.desk import astronaut, encoded

KINDS = (".jpg", ".png", ".webp")


@pytest.mark.parametrize("kind", KINDS)
@given(width=st.integers(1, 70), height=st.integers(1, 70), quality=st.sampled_from([50, 101]))
def test_the_declared_size_is_the_size(kind: str, width: int, height: int, quality: int) -> None:
    options = [cv2.IMWRITE_WEBP_QUALITY, quality] if kind == ".webp" else []  # above 100: lossless
    picture = np.full((height, width, 3), 90, np.uint8)
    content = cv2.imencode(kind, picture, options)[1].tobytes()
    assert declared_size(content) == (width, height)
    assert decode(content).shape == (height, width, 3)


def test_a_webp_with_transparency_is_read_in_colour() -> None:
    content = encoded(np.dstack([astronaut(), np.full((512, 512), 200, np.uint8)]), ".webp")
    assert content[12:16] == b"VP8X" or content[12:16] == b"VP8L"
    assert decode(content).shape == (512, 512, 3)


@given(
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]),
    rest=st.binary(max_size=80),
)
def test_garbage_is_refused_whatever_it_begins_with(start: bytes, rest: bytes) -> None:
    with pytest.raises(EnrolmentRefusedError):
        decode(start + rest)


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_header_is_refused(kind: str) -> None:
    content = encoded(astronaut(), kind)
    for length in range(0, 25):
        with pytest.raises(EnrolmentRefusedError) as refused:
            decode(content[:length])
        assert refused.value.reason is RefusalReason.NOT_A_PICTURE


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that says it is ``side`` x ``side``."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [5_001, 30_000, 2**31 - 1])
def test_a_picture_that_would_fill_the_memory_is_refused_unseen(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert side * side > MAX_PIXELS
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(EnrolmentRefusedError) as refused:
        decode(bomb(side))
    assert refused.value.reason is RefusalReason.TOO_MANY_PIXELS


@pytest.mark.parametrize("kind", [".bmp", ".tiff"])
def test_other_kinds_of_pictures_are_refused(kind: str) -> None:
    with pytest.raises(EnrolmentRefusedError) as refused:
        decode(encoded(astronaut(), kind))
    assert refused.value.reason is RefusalReason.NOT_A_PICTURE
