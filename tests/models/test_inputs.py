"""Whatever is no picture stops at the door with a text that says why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.inputs import MAX_PIXELS, checked_image
from models.protocols import FaceDetecting, PlateDetecting, PlateReading
from models.types import Image, ModelInputError

BAD = {
    "none": None,
    "list": [[1, 2, 3]],
    "0x0": np.zeros((0, 0, 3), np.uint8),
    "no height": np.zeros((0, 10, 3), np.uint8),
    "grey": np.zeros((10, 10), np.uint8),
    "with alpha": np.zeros((10, 10, 4), np.uint8),
    "floats": np.zeros((10, 10, 3), np.float32),
    "not a number": np.full((10, 10, 3), np.nan),
    "video": np.zeros((2, 10, 10, 3), np.uint8),
    "gigantic": np.broadcast_to(np.uint8(0), (MAX_PIXELS + 1, 1, 3)),
}


@pytest.mark.parametrize("wrong", BAD.values(), ids=BAD.keys())
def test_what_is_no_picture_is_refused_by_every_runner(
    wrong: Image, face_detector: FaceDetecting, plate_detector: PlateDetecting, plate_reader: PlateReading
) -> None:
    good = np.zeros((40, 40, 3), np.uint8)
    for look in (face_detector.detect, plate_detector.detect, plate_reader.read):
        with pytest.raises(ModelInputError, match=r"\[1\]"):
            look([good, wrong])


def test_a_view_on_a_larger_picture_is_as_good_as_a_copy(astronaut: Image, face_detector: FaceDetecting) -> None:
    view = astronaut[::-1, ::-1][::-1, ::-1][20:300, 100:380]
    copy = np.ascontiguousarray(view)
    np.testing.assert_array_equal(face_detector.detect([view])[0].boxes, face_detector.detect([copy])[0].boxes)


@given(
    hnp.arrays(
        dtype=st.sampled_from([np.dtype(name) for name in ("u1", "i2", "f4", "f8", "?", "U1")]),
        shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    )
)
def test_any_array_is_either_a_picture_or_refused(array: np.ndarray) -> None:
    try:
        checked = checked_image(array, "image")
    except ModelInputError:
        assert array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape
    else:
        assert checked.dtype == np.uint8
        assert checked.shape == array.shape
        assert checked.flags.c_contiguous
