"""Changes to a graph that keep its answers, made once when a model is fetched.

The same original gives the same bytes every time: nothing depends on a clock, a path or a random name.
"""

from __future__ import annotations

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from models.errors import ChecksumError
from models.manifest import Rewrite


def rewrite(kind: Rewrite, original: bytes) -> bytes:
    """The graph in ``original`` (ONNX) changed as ``kind`` says.

    Raises ChecksumError when ``original`` is no graph of that kind.
    """
    try:
        model = onnx.load_model_from_string(original)
    except DecodeError as error:
        raise ChecksumError(f"not an ONNX graph: {error}") from error
    if kind is Rewrite.YUNET_DYNAMIC:
        _make_yunet_dynamic(model)
    else:
        _make_sface_relu(model)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def _make_yunet_dynamic(model: ModelProto) -> None:
    """Free batch, height and width, which the file fixes to 1, 640 and 640.

    Its twelve heads end in a reshape to [1, -1, k]; with [0, -1, k] the batch is copied from the input instead.
    """
    graph = model.graph
    _keep_only_input(graph, "input")
    _free_dimension(graph, "input", {0: "n", 2: "h", 3: "w"})
    for output in graph.output:
        _free(output.type.tensor_type.shape, {0: "n", 1: f"anchors_{output.name}"})
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] not in constants:
            continue
        shape = numpy_helper.to_array(constants[node.input[1]]).copy()
        if len(shape) == 3 and shape[0] == 1:
            shape[0] = 0
            constants[node.input[1]].CopyFrom(numpy_helper.from_array(shape, node.input[1]))
    del graph.value_info[:]


def _make_sface_relu(model: ModelProto) -> None:
    """Free the batch, which the file fixes to 1, and write PRelu with operators that ONNX Runtime vectorises.

    13.5 of SFace's 23 ms went into ONNX Runtime's scalar PRelu (version 1.31).
    """
    graph = model.graph
    _keep_only_input(graph, "data")
    _free_dimension(graph, "data", {0: "n"})
    for output in graph.output:
        _free(output.type.tensor_type.shape, {0: "n"})
    slopes = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[NodeProto] = []
    for node in graph.node:
        nodes.extend(_without_prelu(graph, node, slopes) if node.op_type == "PRelu" else [node])
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]


def _without_prelu(graph: GraphProto, node: NodeProto, slopes: dict[str, TensorProto]) -> list[NodeProto]:
    """Nodes that compute what ``node`` does: prelu(x) = a x + (1 - a) relu(x).

    All of them have blocked-layout kernels in ONNX Runtime, so the tensor is not reordered between two convolutions;
    max(x, a x) would be one node less, and slower.
    """
    source, slope_name = node.input
    result = node.output[0]
    slope = numpy_helper.to_array(slopes[slope_name]).reshape(-1, 1, 1).astype(np.float32)
    rest = (1 - slope).astype(np.float32)
    graph.initializer.append(numpy_helper.from_array(slope, f"{result}_slope"))
    graph.initializer.append(numpy_helper.from_array(rest, f"{result}_rest"))
    steps = (
        ("Mul", [source, f"{result}_slope"], f"{result}_scaled"),
        ("Relu", [source], f"{result}_positive"),
        ("Mul", [f"{result}_positive", f"{result}_rest"], f"{result}_lift"),
        ("Add", [f"{result}_scaled", f"{result}_lift"], result),
    )
    return [helper.make_node(kind, inputs, [output], name=f"{output}_{kind}") for kind, inputs, output in steps]


def _keep_only_input(graph: GraphProto, name: str) -> None:
    """Drop weights that old exporters list as inputs: ONNX Runtime folds constants only if they are none."""
    kept = [value for value in graph.input if value.name == name]
    if len(kept) != 1:
        raise ChecksumError(f"the graph has no input {name!r}: it is another model")
    del graph.input[:]
    graph.input.extend(kept)


def _free_dimension(graph: GraphProto, name: str, dimensions: dict[int, str]) -> None:
    for value in graph.input:
        if value.name == name:
            _free(value.type.tensor_type.shape, dimensions)


def _free(shape: onnx.TensorShapeProto, dimensions: dict[int, str]) -> None:
    for index, symbol in dimensions.items():
        shape.dim[index].dim_param = symbol
