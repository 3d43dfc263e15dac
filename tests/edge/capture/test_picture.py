"""Pixels of a picture: whole, in parts, shrunk, from a small stream; the same colours every way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.capture.picture import Picture
from edge.evidence import Moment

WIDTH, HEIGHT = 322, 182
MOMENT = Moment(1.0, datetime(2026, 3, 1, tzinfo=UTC), 1.0)


def scene(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Smooth colours: chroma at half the resolution loses nothing of them."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [40 + 150 * x / width, 60 + 120 * y / height, 200 - 100 * (x / width) * (y / height)]
    return np.stack(planes, axis=2).astype(np.uint8)


def picture_of(image: Any, pixel_format: str = "yuv420p", **kinds: int) -> Picture:
    frame = av.VideoFrame.from_ndarray(image, format="bgr24")
    if pixel_format == "yuv420p10le":
        # Not by swscale, whose way to ten bits gives another picture each time.
        eight = frame.reformat(format="yuv420p").to_ndarray()
        frame = av.VideoFrame.from_ndarray(eight.astype(np.uint16) * 4, format=pixel_format)
    elif pixel_format != "bgr24":
        frame = frame.reformat(format=pixel_format, **kinds)
        if "dst_colorspace" in kinds:
            frame.colorspace = kinds["dst_colorspace"]
    return Picture(MOMENT, frame, 1.0)


@pytest.mark.parametrize(
    "pixel_format",
    ["yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "nv12", "yuv420p10le", "bgr24"],
)
def test_every_format_of_decoders_gives_the_colours_that_were_filmed(pixel_format: str) -> None:
    picture = picture_of(scene(), pixel_format)
    assert picture.bgr().shape == (HEIGHT, WIDTH, 3)
    assert np.abs(picture.bgr().astype(int) - scene()).max() <= 6
    grey = cv2.cvtColor(scene(), cv2.COLOR_BGR2GRAY).astype(float)
    assert np.corrcoef(picture.luma().ravel(), grey.ravel())[0, 1] > 0.99


def test_a_stream_in_the_colours_of_high_definition_is_not_tinted() -> None:
    picture = picture_of(scene(), "yuv420p", dst_colorspace=1)
    assert np.abs(picture.bgr().astype(int) - scene()).max() <= 6


@settings(max_examples=60)
@given(
    st.sampled_from(["yuv420p", "yuv422p", "nv12", "bgr24"]),
    st.tuples(st.integers(0, WIDTH - 2), st.integers(0, HEIGHT - 2), st.integers(1, WIDTH), st.integers(1, HEIGHT)),
    st.one_of(st.none(), st.integers(16, 400)),
)
def test_a_part_is_the_same_as_cutting_and_shrinking_the_whole(
    pixel_format: str, place: tuple[int, int, int, int], max_side: int | None
) -> None:
    x0, y0, wide, high = place
    picture = picture_of(scene(), pixel_format)
    part = picture.part(x0, y0, x0 + wide, y0 + high, max_side)
    whole = scene()[y0 : y0 + high, x0 : x0 + wide]
    longest = max(whole.shape[:2])
    if max_side is None or max_side >= longest:
        assert part.shape == whole.shape
    else:
        assert max(part.shape[:2]) == max_side
        shrunk = cv2.resize(whole, part.shape[1::-1], interpolation=cv2.INTER_AREA)
        whole = np.asarray(shrunk, np.uint8).reshape(part.shape)
    assert np.abs(part.astype(int) - whole).max() <= 12


def test_a_box_that_hangs_over_the_edge_is_cut_off_there_and_one_outside_is_an_error() -> None:
    picture = picture_of(scene())
    assert picture.part(-20, -20, 30, 40).shape == (40, 30, 3)
    assert picture.part(WIDTH - 10, 0, WIDTH + 50, 8).shape == (8, 10, 3)
    with pytest.raises(ValueError, match="outside"):
        picture.part(WIDTH, 0, WIDTH + 10, 10)


def test_whoever_writes_into_a_part_changes_nobody_elses_picture() -> None:
    for pixel_format in ("yuv420p", "bgr24"):
        picture = picture_of(scene(), pixel_format)
        before = picture.bgr().copy()
        picture.part(0, 0, 50, 50).fill(0)
        picture.part(0, 0, WIDTH, HEIGHT, 64).fill(0)
        assert np.array_equal(picture.bgr(), before)


@dataclass
class MainStream:
    """Frames of a main stream, and when they were asked for."""

    frame: av.VideoFrame | None
    size: tuple[int, int] = (1920, 1080)
    asked: list[float] = field(default_factory=list)

    def near(self, at_s: float) -> av.VideoFrame | None:
        self.asked.append(at_s)
        return self.frame


def small_picture(main: MainStream) -> Picture:
    small = np.asarray(cv2.resize(scene(1920, 1080), (640, 360), interpolation=cv2.INTER_AREA), np.uint8)
    frame = av.VideoFrame.from_ndarray(small, format="bgr24").reformat(format="yuv420p")
    return Picture(MOMENT, frame, 1.0, full=main)


def test_with_a_small_stream_small_pictures_come_from_it_and_large_ones_from_the_main_stream() -> None:
    main = MainStream(av.VideoFrame.from_ndarray(scene(1920, 1080), format="bgr24").reformat(format="yuv420p"))
    picture = small_picture(main)
    assert (picture.width, picture.height, picture.small) == (1920, 1080, True)
    assert picture.luma().shape == (360, 640)
    assert picture.part(0, 0, 1920, 1080, 640).shape == (360, 640, 3)
    assert main.asked == []
    crop = picture.part(960, 540, 1160, 740)
    assert crop.shape == (200, 200, 3)
    assert np.abs(crop.astype(int) - scene(1920, 1080)[540:740, 960:1160]).max() <= 6
    assert picture.bgr().shape == (1080, 1920, 3)
    assert main.asked == [MOMENT.pts_s], "one picture shows one frame"


def test_where_the_main_stream_has_nothing_the_small_picture_is_enlarged() -> None:
    picture = small_picture(MainStream(None))
    crop = picture.part(960, 540, 1160, 740)
    assert crop.shape == (200, 200, 3)
    assert np.abs(crop.astype(int) - scene(1920, 1080)[540:740, 960:1160]).max() <= 8
