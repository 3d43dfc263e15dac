"""The presentation check sees what its network's authors show it, and says how likely a face is one.

The weights are not part of Anju and can't be had everywhere: a network small enough to write down stands in for them,
with the same input and answer, that answers from the mean colour alone.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from models.errors import LicenceNotAcceptedError, ModelDamagedError, ModelRunError
from models.presentation import CONTEXT, SIDE_PX, PresentationCheck, around
from models.store import open_presentation_check
from models.types import Float, Image, ModelInputError


def stand_in(path: Path, columns: int = 3, side: int = SIDE_PX) -> Path:
    """A network whose answer's columns are the means of blue, green and red, in hundredths."""
    weights = (np.eye(3, columns, dtype=np.float32) / 100).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["seen"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("seen", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, columns])],
        [numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def check(tmp_path: Path) -> PresentationCheck:
    return PresentationCheck(stand_in(tmp_path / "network.onnx"))


def plain(colour: tuple[int, int, int], width: int = 200, height: int = 150) -> Image:
    return np.full((height, width, 3), colour, np.uint8)


def test_the_network_sees_blue_green_red_from_0_to_255_and_its_second_class_is_the_face(
    check: PresentationCheck,
) -> None:
    answer = np.exp(np.asarray([0.40, 1.20, 2.00]))
    assert check.check(plain((40, 120, 200))) == pytest.approx(answer[1] / answer.sum(), abs=1e-5)
    assert check.check(plain((0, 255, 0))) > 0.8
    assert check.check(plain((255, 0, 0))) < 0.1


# Cut by the reference code of the network's package (uniface 4.2.1), for boxes x1 y1 x2 y2.
CUTS = [
    ("in the middle", (100.4, 80.2, 180.9, 190.7), (32, 0, 249, 284)),
    ("top left", (5.5, 10.1, 95.2, 140.8), (0, 0, 170, 251)),
    ("bottom right", (600.1, 300.4, 660.3, 372.9), (549, 238, 640, 360)),
    ("larger than its context has room for", (200.0, 20.0, 420.0, 330.0), (182, 0, 438, 355)),
    ("partly outside", (-12.5, -8.25, 60.5, 70.75), (0, 0, 124, 139)),
]


@pytest.mark.parametrize(("box", "part"), [row[1:] for row in CUTS], ids=[row[0] for row in CUTS])
def test_what_is_looked_at_is_what_the_authors_cut_out(
    box: tuple[float, ...], part: tuple[int, ...], check: PresentationCheck
) -> None:
    assert check.region(np.asarray(box, np.float32), 640, 360) == part


@given(
    st.integers(30, 2000),
    st.integers(30, 2000),
    st.floats(-0.4, 0.9),
    st.floats(-0.4, 0.9),
    st.floats(0.05, 1.5),
    st.floats(0.05, 1.5),
)
def test_a_part_lies_in_the_picture_and_is_at_most_so_many_times_the_face(
    width: int, height: int, x: float, y: float, wide: float, high: float
) -> None:
    box = np.asarray([x * width, y * height, (x + wide) * width, (y + high) * height], np.float32)
    try:
        x0, y0, x1, y1 = around(box, width, height)
    except ModelInputError:
        middle_x, middle_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        assert min(box[2:] - box[:2]) < 2 or not (1 < middle_x < width - 1 and 1 < middle_y < height - 1)
        return
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    assert x1 - x0 <= CONTEXT * (box[2] - box[0]) + 2
    assert y1 - y0 <= CONTEXT * (box[3] - box[1]) + 2


@pytest.mark.parametrize(
    "box",
    [(1, 1, 1, 9), (9, 9, 1, 1), (900, 10, 950, 60), (-60, 5, -10, 50), (np.nan, 0, 5, 5), (0, 0, np.inf, 5)],
)
def test_a_box_that_is_none_is_refused(box: tuple[float, ...], check: PresentationCheck) -> None:
    with pytest.raises(ModelInputError, match="box: "):
        check.region(np.asarray(box, np.float32), 640, 360)


@pytest.mark.parametrize(
    "region", [np.zeros((0, 5, 3), np.uint8), np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3), np.float32)]
)
def test_a_region_that_is_no_picture_is_refused(region: Float, check: PresentationCheck) -> None:
    with pytest.raises(ModelInputError, match="region"):
        check.check(region)  # type: ignore[arg-type]


def test_a_region_of_any_size_is_shrunk_as_opencv_shrinks_it(check: PresentationCheck) -> None:
    region = np.random.default_rng(3).integers(0, 255, (301, 217, 3)).astype(np.uint8)
    shrunk = np.asarray(cv2.resize(region, (SIDE_PX, SIDE_PX)), np.uint8)
    assert check.check(region) == pytest.approx(check.check(shrunk), abs=1e-6)


def test_a_network_that_gives_no_answer_says_so_by_type(tmp_path: Path) -> None:
    other = stand_in(tmp_path / "wide.onnx", side=112)
    with pytest.raises(ModelRunError, match="minifasnet gives no answer"):
        PresentationCheck(other).check(plain((1, 2, 3)))


def test_an_estate_may_measure_its_own_threshold(tmp_path: Path) -> None:
    network = stand_in(tmp_path / "network.onnx")
    assert PresentationCheck(network).threshold == 0.5
    assert PresentationCheck(network, threshold=0.8).threshold == 0.8
    with pytest.raises(ModelInputError, match="threshold"):
        PresentationCheck(network, threshold=1.2)


def test_a_network_that_answers_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelDamagedError, match=r"two.onnx: its answer is .* not one of 3 classes"):
        PresentationCheck(stand_in(tmp_path / "two.onnx", columns=2))


def test_weights_whose_licence_nobody_accepted_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANJU_MODELS_DIR", str(tmp_path))
    with pytest.raises(LicenceNotAcceptedError, match="minifasnet"):
        open_presentation_check("minifasnet")
