"""The body detector finds people and vehicles on photographs and drawings, where they are, at any size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from skimage import data as pictures

from demo.cast import make_cast
from demo.film import make_film
from demo.script import GATE_CAMERA, make_script
from models.body_detector import MEAN_BGR, BodyDetector
from models.directory import WEIGHTS
from models.errors import ModelDamagedError
from models.protocols import BodyDetecting
from models.types import Bodies, BodyKind, Image, ModelInputError

REFERENCE_PEOPLE = 0.73445
"""What TensorFlow.js says of the astronaut with the package's own graph, 416x416."""


@pytest.fixture(scope="module")
def motorcycle() -> Image:
    """Middlebury stereo data in scikit-image: one motorcycle in a garage."""
    picture: Image = pictures.stereo_motorcycle()[0]  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(picture[:, :, ::-1])


@pytest.fixture(scope="module")
def walker() -> Image:
    """A drawn person on the way to the demo's gate, 1920x1080."""
    cast = make_cast(7)
    script = make_script(cast, 7)
    act = script.camera(GATE_CAMERA).acts[0]
    return make_film(GATE_CAMERA, cast, script, {}).frame((act.first_frame + act.decisive_frame) // 2)


def test_a_person_on_a_photograph_is_found_where_she_is(body_detector: BodyDetecting, astronaut: Image) -> None:
    (found,) = body_detector.detect([astronaut])
    assert found.kinds.tolist() == [BodyKind.PERSON]
    x1, y1, x2, y2 = found.boxes[0]
    assert x1 < 224 < x2
    assert y1 < 130 < y2
    assert (y2 - y1) > 400


def test_the_graph_says_what_tensorflow_js_says_of_the_same_picture(astronaut: Image) -> None:
    session = ort.InferenceSession(str(WEIGHTS / "nanodet_g_bodies.onnx"), providers=["CPUExecutionProvider"])
    small = cv2.resize(astronaut, (416, 416), interpolation=cv2.INTER_LINEAR)
    scores, sides = session.run(["scores", "sides"], {"image": cv2.dnn.blobFromImage(small, mean=MEAN_BGR)})
    assert scores.shape == (1, 52 * 52 + 26 * 26 + 13 * 13, 6)
    assert sides.shape == (1, scores.shape[1], 44)
    assert scores[0, :, 0].max() == pytest.approx(REFERENCE_PEOPLE, abs=1e-4)


def test_a_motorcycle_is_a_two_wheeler(body_detector: BodyDetecting, motorcycle: Image) -> None:
    (found,) = body_detector.detect([motorcycle])
    assert found.kinds[0] == BodyKind.TWO_WHEELER
    assert found.scores[0] > 0.6


def test_a_drawn_walker_is_a_person_and_nothing_else(body_detector: BodyDetecting, walker: Image) -> None:
    (found,) = body_detector.detect([walker])
    assert found.kinds.tolist() == [BodyKind.PERSON]


def test_answers_are_in_pixels_of_the_picture_given_whatever_size_the_network_sees(
    body_detector: BodyDetecting, astronaut: Image
) -> None:
    doubled = np.asarray(cv2.resize(astronaut, None, fx=2, fy=2), np.uint8)
    (small,), (large,) = (body_detector.detect([one], max_side=416) for one in (astronaut, doubled))
    assert np.abs(large.boxes[0] / 2 - small.boxes[0]).max() < 8
    (coarse,) = body_detector.detect([astronaut], max_side=256)
    assert np.abs(coarse.boxes[0] - small.boxes[0]).max() < 60


def test_wide_and_high_pictures_keep_their_shape(body_detector: BodyDetecting, walker: Image) -> None:
    (wide,) = body_detector.detect([walker])
    x1, y1, x2, y2 = wide.boxes[0]
    high = np.ascontiguousarray(walker[:, max(0, int(x1) - 150) : int(x2) + 150])
    (found,) = body_detector.detect([high])
    assert found.kinds.tolist() == [BodyKind.PERSON]
    assert (found.boxes[0, 3] - found.boxes[0, 1]) == pytest.approx(y2 - y1, rel=0.1)


def test_an_empty_wall_has_no_bodies(body_detector: BodyDetecting) -> None:
    found = body_detector.detect([np.full((270, 480, 3), 90, np.uint8)])[0]
    assert len(found) == len(Bodies.none()) == 0


@pytest.mark.parametrize("max_side", [0, 31, 1281])
def test_sizes_no_network_takes_are_refused(max_side: int, body_detector: BodyDetecting) -> None:
    with pytest.raises(ModelInputError, match="max_side"):
        body_detector.detect([np.zeros((64, 64, 3), np.uint8)], max_side=max_side)


def test_what_is_no_picture_is_refused_by_name(body_detector: BodyDetecting) -> None:
    with pytest.raises(ModelInputError, match=r"images\[1\]"):
        body_detector.detect([np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)])


def test_a_file_that_is_no_graph_says_so(tmp_path: Path) -> None:
    (tmp_path / "bodies.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelDamagedError, match="anju models fetch"):
        BodyDetector(tmp_path / "bodies.onnx")
