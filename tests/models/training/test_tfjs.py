"""A TensorFlow.js graph says the same as ONNX: each operation against NumPy, and what can't be converted is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
import pytest

from models.training.tfjs import TfjsError, convert, read_tfjs
from models.types import Float

Node = dict[str, Any]
RNG = np.random.default_rng(7)


def said(word: str) -> dict[str, str]:
    return {"s": base64.b64encode(word.encode()).decode()}


def words(*several: str) -> Node:
    return {"list": {"s": [base64.b64encode(word.encode()).decode() for word in several]}}


def integers(*several: int) -> Node:
    return {"list": {"i": [str(one) for one in several]}}


def placeholder(*shape: int) -> Node:
    sizes = [{"size": str(size)} for size in shape]
    return {"name": "x", "op": "Placeholder", "attr": {"shape": {"shape": {"dim": sizes}}}}


def node(op: str, *inputs: str, name: str = "y", **attributes: Node) -> Node:
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def write(folder: Path, nodes: list[Node], constants: dict[str, Any], stored: str | None = None) -> Path:
    """A model on disk. stored: the type float weights are written as (float16, or uint8 with its scale)."""
    specs, content = [], b""
    for name, value in constants.items():
        array = np.asarray(value)
        spec: Node = {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
        if stored and array.dtype == np.float32:
            spec["quantization"] = {"dtype": stored}
            if stored == "uint8":
                low, scale = float(array.min()), float(np.ptp(array)) / 255 or 1.0
                spec["quantization"] |= {"min": low, "scale": scale}
                array = np.rint((array - low) / scale)
            array = array.astype(stored)
        specs.append(spec)
        content += array.tobytes()
    names = [{"name": name, "op": "Const"} for name in constants]
    (folder / "weights.bin").write_bytes(content)
    manifest = [{"paths": ["weights.bin"], "weights": specs}]
    path = folder / "model.json"
    path.write_text(json.dumps({"modelTopology": {"node": [*names, *nodes]}, "weightsManifest": manifest}))
    return path


def computed(path: Path, blob: Float) -> list[Float]:
    model = convert(read_tfjs(path), "tried")
    session = ort.InferenceSession(model.SerializeToString())
    answers: list[Float] = session.run(None, {"x": blob})
    return answers


def drawn(*shape: int) -> Float:
    return RNG.normal(size=shape).astype(np.float32)


def convolved(image: Float, kernel: Float, stride: int, *, same: bool) -> Float:
    """Convolution written out: NHWC image, HWIO kernel."""
    side = kernel.shape[0]
    out = -(-image.shape[1] // stride) if same else (image.shape[1] - side) // stride + 1
    if same:
        missing = max((out - 1) * stride + side - image.shape[1], 0)
        around = (missing // 2, missing - missing // 2)
        image = np.pad(image, ((0, 0), around, around, (0, 0)))
    answer = np.zeros((len(image), out, out, kernel.shape[3]), np.float32)
    for row in range(out):
        for column in range(out):
            window = image[:, row * stride : row * stride + side, column * stride : column * stride + side]
            answer[:, row, column] = np.einsum("nhwi,hwio->no", window, kernel)
    return answer


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_with_its_bias_and_activation_says_what_it_says_written_out(
    tmp_path: Path, padding: str, stride: int
) -> None:
    kernel, bias, image = drawn(3, 3, 2, 4), drawn(4), drawn(2, 8, 8, 2)
    fused = node(
        "_FusedConv2D",
        "x",
        "kernel",
        "bias",
        strides=integers(1, stride, stride, 1),
        padding=said(padding),
        fused_ops=words("BiasAdd", "Relu"),
    )
    path = write(tmp_path, [placeholder(-1, 8, 8, 2), fused], {"kernel": kernel, "bias": bias})
    (answer,) = computed(path, image)
    expected = np.maximum(convolved(image, kernel, stride, same=padding == "SAME") + bias, 0)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_pooling_reshaping_and_a_dense_layer_make_the_probabilities_of_numpy(tmp_path: Path) -> None:
    image, weights, bias = drawn(2, 4, 4, 3), drawn(12, 5), drawn(5)
    nodes = [
        placeholder(-1, 4, 4, 3),
        node("MaxPool", "x", name="p", ksize=integers(1, 2, 2, 1), strides=integers(1, 2, 2, 1), padding=said("VALID")),
        node("Reshape", "p", "shape", name="flat"),
        node("_FusedMatMul", "flat", "weights", "bias", name="dense", fused_ops=words("BiasAdd")),
        node("Softmax", "dense"),
    ]
    constants = {"shape": np.asarray([-1, 12], np.int32), "weights": weights, "bias": bias}
    (answer,) = computed(write(tmp_path, nodes, constants), image)
    pooled = image.reshape(2, 2, 2, 2, 2, 3).max(axis=(2, 4)).reshape(2, 12)
    raised = np.exp(pooled @ weights + bias)
    np.testing.assert_allclose(answer, raised / raised.sum(axis=1, keepdims=True), rtol=1e-4)


def test_padding_splitting_and_joining_put_every_number_where_numpy_puts_it(tmp_path: Path) -> None:
    image = drawn(1, 3, 4, 4)
    constants = {
        "perm": np.asarray([0, 2, 3, 1], np.int32),
        "around": np.asarray([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32),
        "filler": np.float32(-7),
        "sizes": np.asarray([1, 2], np.int32),
        "last": np.int32(3),
    }
    nodes = [
        placeholder(1, 3, 4, 4),
        node("Transpose", "x", "perm", name="t"),
        node("PadV2", "t", "around", "filler", name="padded"),
        node("SplitV", "padded", "sizes", "last", name="s", num_split={"i": "2"}),
        node("ConcatV2", "s:1", "s", "last"),
    ]
    (answer,) = computed(write(tmp_path, nodes, constants), image)
    padded = np.pad(image.transpose(0, 2, 3, 1), ((0, 0), (1, 2), (0, 1), (0, 0)), constant_values=-7)
    np.testing.assert_array_equal(answer, padded[..., [1, 2, 0]])


def test_bilinear_resizing_from_pixel_centres_is_that_of_opencv(tmp_path: Path) -> None:
    image = drawn(1, 5, 7, 2)
    resize = node("ResizeBilinear", "x", "side", half_pixel_centers={"b": True})
    path = write(tmp_path, [placeholder(1, 5, 7, 2), resize], {"side": np.asarray([10, 21], np.int32)})
    (answer,) = computed(path, image)
    np.testing.assert_allclose(answer[0], cv2.resize(image[0], (21, 10), interpolation=cv2.INTER_LINEAR), atol=1e-5)


def test_a_shape_that_the_exporter_left_as_a_sum_of_constants_is_summed(tmp_path: Path) -> None:
    nodes = [
        placeholder(1, 2, 6),
        node("SparseToDense", "where", "size", "value", "zero", name="sparse"),
        node("AddV2", "base", "sparse", name="shape"),
        node("Reshape", "x", "shape"),
    ]
    constants = {
        "where": np.asarray([[1]], np.int32),
        "size": np.asarray([2], np.int32),
        "value": np.asarray([4], np.int32),
        "zero": np.int32(0),
        "base": np.asarray([3, 0], np.int32),
    }
    (answer,) = computed(write(tmp_path, nodes, constants), drawn(1, 2, 6))
    assert answer.shape == (3, 4)


@pytest.mark.parametrize(("stored", "tolerance"), [("float16", 1e-2), ("uint8", 5e-2)])
def test_weights_stored_smaller_come_back_as_what_they_were_but_for_rounding(
    tmp_path: Path, stored: str, tolerance: float
) -> None:
    weights, blob = drawn(6, 4), drawn(3, 6)
    path = write(tmp_path, [placeholder(-1, 6), node("MatMul", "x", "weights")], {"weights": weights}, stored)
    (answer,) = computed(path, blob)
    np.testing.assert_allclose(answer, blob @ weights, atol=tolerance)


def test_nodes_may_stand_in_any_order(tmp_path: Path) -> None:
    nodes = [node("Relu", "leaky"), node("LeakyRelu", "x:0", name="leaky", alpha={"f": 0.5}), placeholder(1, 3)]
    (answer,) = computed(write(tmp_path, nodes, {}), np.asarray([[-2, 0, 2]], np.float32))
    np.testing.assert_array_equal(answer, [[0, 0, 2]])


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([placeholder(1, 2), node("Erfinv", "x")], "operation 'Erfinv' is not known; known are Conv2D"),
        ([placeholder(1, 2), node("Relu", "^x")], "control input"),
        ([placeholder(1, 2), node("Relu", "nowhere")], "takes from nowhere"),
        ([placeholder(1, 2), node("Reshape", "x", "x")], "input 1 of Reshape has to be a constant"),
    ],
)
def test_what_can_not_be_converted_is_refused_by_name(tmp_path: Path, nodes: list[Node], told: str) -> None:
    with pytest.raises(TfjsError, match=told):
        convert(read_tfjs(write(tmp_path, nodes, {})), "tried")


def test_a_file_of_weights_that_is_too_short_or_too_long_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [placeholder(-1, 6), node("MatMul", "x", "w")], {"w": drawn(6, 4)})
    weights = tmp_path / "weights.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    with pytest.raises(TfjsError, match="w: the weight files end before it"):
        read_tfjs(path)
    weights.write_bytes(whole + b"more")
    with pytest.raises(TfjsError, match="hold 100 bytes where 96 are described"):
        read_tfjs(path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text('{"format": "layers-model"}')
    with pytest.raises(TfjsError, match=r"model.json is no TensorFlow.js graph model"):
        read_tfjs(path)
