"""TensorFlow.js graph models (``model.json`` and its ``.bin`` files) to ONNX, for developers.

    python -m models.training.tfjs MODEL.json OUT.onnx

The layouts of both sides are kept: a graph whose input is NHWC stays so, and its convolutions are wrapped in
transposes, which ONNX Runtime cancels when it loads the graph. Weights stored as float16, uint8 or uint16 become
float32. Format: https://github.com/tensorflow/tfjs/blob/master/docs/WEB_FORMAT.md (weights manifest, quantization) and
tensorflow/core/framework/graph.proto as JSON.
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from models.errors import ModelError

OPSET = 17
IR_VERSION = 9
_TO_NCHW, _TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]
_DTYPES = {"float32": np.float32, "int32": np.int32, "bool": np.bool_}
_STORED = {"float16": np.float16, "uint8": np.uint8, "uint16": np.uint16}

Array = NDArray[Any]


class TfjsError(ModelError):
    """A TensorFlow.js model that can't be converted: what in it, and what is known instead."""


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the source graph. inputs: tensor names without ``:0``; attributes: as in the JSON."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]

    def text(self, key: str) -> str:
        """A string attribute; empty where it is absent."""
        return base64.b64decode(self.attributes.get(key, {}).get("s", "")).decode()

    def texts(self, key: str) -> list[str]:
        return [base64.b64decode(one).decode() for one in self.attributes.get(key, {}).get("list", {}).get("s", [])]

    def integers(self, key: str) -> list[int]:
        return [int(one) for one in self.attributes.get(key, {}).get("list", {}).get("i", [])]

    def flag(self, key: str) -> bool:
        return bool(self.attributes.get(key, {}).get("b", False))

    def number(self, key: str, default: float) -> float:
        return float(self.attributes.get(key, {}).get("f", default))


@dataclass(frozen=True, slots=True)
class TfjsGraph:
    """steps: in topological order; constants: by name; inputs: name to shape (None: free); outputs: tensor names."""

    steps: tuple[Step, ...]
    constants: dict[str, Array]
    inputs: dict[str, list[int | None]]
    outputs: tuple[str, ...]


def read_tfjs(model_json: Path) -> TfjsGraph:
    """The graph in ``model_json`` with the weights of the files beside it. Raises TfjsError."""
    try:
        described = json.loads(model_json.read_text(encoding="utf-8"))
        nodes = described["modelTopology"]["node"]
        groups = described["weightsManifest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TfjsError(f"{model_json.name} is no TensorFlow.js graph model: {error!r}") from error
    constants: dict[str, Array] = {}
    for group in groups:
        content = b"".join((model_json.parent / path).read_bytes() for path in group["paths"])
        constants |= _weights(group["weights"], content)
    steps = tuple(
        Step(node["name"], node["op"], tuple(map(_plain, node.get("input", []))), node.get("attr", {}))
        for node in nodes
        if node["op"] != "Const"
    )
    inputs = {step.name: _dimensions(step) for step in steps if step.op == "Placeholder"}
    return TfjsGraph(_in_order(steps, constants), constants, inputs, _outputs(described, steps))


def convert(graph: TfjsGraph, name: str) -> ModelProto:
    """``graph`` as ONNX; its inputs and outputs keep their names. Raises TfjsError for an operation not known here."""
    build = _Build(dict(graph.constants))
    for step in graph.steps:
        if step.op == "Placeholder" or build.folded(step):
            continue
        if step.op not in _OPERATIONS:
            raise TfjsError(f"{step.name}: operation {step.op!r} is not known; known are {', '.join(_OPERATIONS)}")
        _OPERATIONS[step.op](build, step)
    used = {name for node in build.nodes for name in node.input}
    initializers = [numpy_helper.from_array(value, key) for key, value in build.constants.items() if key in used]
    model = helper.make_model(
        helper.make_graph(
            build.nodes,
            name,
            [
                helper.make_tensor_value_info(key, TensorProto.FLOAT, _free(shape))
                for key, shape in graph.inputs.items()
            ],
            [helper.make_tensor_value_info(key, TensorProto.FLOAT, None) for key in graph.outputs],
            initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="anju models.training.tfjs",
    )
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    onnx.checker.check_model(inferred)
    return inferred


@dataclass(slots=True)
class _Build:
    """The ONNX graph so far."""

    constants: dict[str, Array]
    nodes: list[NodeProto]

    def __init__(self, constants: dict[str, Array]) -> None:
        self.constants = constants
        self.nodes = []

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"{output}/{kind}", **attributes))
        return output

    def keep(self, name: str, value: Array) -> str:
        """A constant under a new name."""
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def known(self, step: Step, index: int) -> Array:
        """The constant that is input ``index`` of ``step``. Raises TfjsError when it is computed at run time."""
        if step.inputs[index] not in self.constants:
            raise TfjsError(f"{step.name}: input {index} of {step.op} has to be a constant")
        return self.constants[step.inputs[index]]

    def folded(self, step: Step) -> bool:
        """True when ``step`` was computed here, from constants alone."""
        if step.op not in _FOLDABLE or any(name not in self.constants for name in step.inputs):
            return False
        self.constants[step.name] = _FOLDABLE[step.op](*(self.constants[name] for name in step.inputs))
        return True

    def windowed(self, kind: str, step: Step, more: list[str], **attributes: Any) -> str:
        """A convolution or pooling of an NHWC tensor: transposed, computed, transposed back. Gives its output."""
        if step.text("data_format") not in {"", "NHWC"}:
            raise TfjsError(f"{step.name}: {step.text('data_format')} convolutions are not known, only NHWC")
        padding = {"SAME": "SAME_UPPER", "VALID": "VALID"}[step.text("padding")]
        channels_first = self.add("Transpose", [step.inputs[0]], f"{step.name}/nchw", perm=_TO_NCHW)
        self.add(
            kind,
            [channels_first, *more],
            f"{step.name}/windowed",
            auto_pad=padding,
            strides=step.integers("strides")[1:3],
            **attributes,
        )
        return self.add("Transpose", [f"{step.name}/windowed"], f"{step.name}/nhwc", perm=_TO_NHWC)

    def finish(self, step: Step, result: str, extras: tuple[str, ...]) -> None:
        """What is fused into ``step`` after its sum: a bias, then an activation. The last is named like the step."""
        rest = list(extras)
        for fused in step.texts("fused_ops"):
            if fused == "BiasAdd":
                result = self.add("Add", [result, rest.pop(0)], f"{step.name}/biased")
            elif fused in {"Relu", "Elu", "Sigmoid"}:
                result = self.add(fused, [result], f"{step.name}/activated")
            elif fused == "LeakyRelu":
                alpha = step.number("leakyrelu_alpha", 0.2)
                result = self.add(fused, [result], f"{step.name}/activated", alpha=alpha)
            else:
                raise TfjsError(f"{step.name}: {fused!r} fused into {step.op} is not known")
        self.add("Identity", [result], step.name)


def _convolve(build: _Build, step: Step) -> None:
    kernel = build.keep(f"{step.name}/kernel", build.known(step, 1).transpose(3, 2, 0, 1))
    dilations = step.integers("dilations")[1:3] or [1, 1]
    result = build.windowed("Conv", step, [kernel], dilations=dilations)
    build.finish(step, result, step.inputs[2:])


def _multiply_matrices(build: _Build, step: Step) -> None:
    sides = [
        build.add("Transpose", [name], f"{step.name}/{key}", perm=[1, 0]) if step.flag(key) else name
        for name, key in zip(step.inputs, ("transpose_a", "transpose_b"), strict=False)
    ]
    build.finish(step, build.add("MatMul", sides, f"{step.name}/product"), step.inputs[2:])


def _pool_max(build: _Build, step: Step) -> None:
    result = build.windowed("MaxPool", step, [], kernel_shape=step.integers("ksize")[1:3])
    build.add("Identity", [result], step.name)


def _reshape(build: _Build, step: Step) -> None:
    shape = build.keep(f"{step.name}/shape", build.known(step, 1).astype(np.int64).reshape(-1))
    build.add("Reshape", [step.inputs[0], shape], step.name)


def _transpose(build: _Build, step: Step) -> None:
    build.add("Transpose", [step.inputs[0]], step.name, perm=[int(axis) for axis in build.known(step, 1)])


def _pad(build: _Build, step: Step) -> None:
    before_after = build.keep(f"{step.name}/pads", build.known(step, 1).astype(np.int64).T.reshape(-1))
    build.add("Pad", [step.inputs[0], before_after, *step.inputs[2:]], step.name)


def _concatenate(build: _Build, step: Step) -> None:
    axis = int(build.known(step, len(step.inputs) - 1))
    build.add("Concat", list(step.inputs[:-1]), step.name, axis=axis)


def _split(build: _Build, step: Step) -> None:
    sizes = build.keep(f"{step.name}/sizes", build.known(step, 1).astype(np.int64).reshape(-1))
    parts = [step.name, *(f"{step.name}:{index}" for index in range(1, len(build.constants[sizes])))]
    axis = int(build.known(step, 2))
    build.nodes.append(helper.make_node("Split", [step.inputs[0], sizes], parts, name=f"{step.name}/Split", axis=axis))


def _resize_bilinear(build: _Build, step: Step) -> None:
    if step.flag("align_corners"):
        mode = "align_corners"
    else:
        mode = "half_pixel" if step.flag("half_pixel_centers") else "asymmetric"
    channels_first = build.add("Transpose", [step.inputs[0]], f"{step.name}/nchw", perm=_TO_NCHW)
    shape = build.add("Shape", [channels_first], f"{step.name}/kept", start=0, end=2)
    side = build.keep(f"{step.name}/side", build.known(step, 1).astype(np.int64))
    sizes = build.add("Concat", [shape, side], f"{step.name}/sizes", axis=0)
    build.add(
        "Resize",
        [channels_first, "", "", sizes],
        f"{step.name}/resized",
        mode="linear",
        coordinate_transformation_mode=mode,
    )
    build.add("Transpose", [f"{step.name}/resized"], step.name, perm=_TO_NHWC)


def _leaky(build: _Build, step: Step) -> None:
    build.add("LeakyRelu", [step.inputs[0]], step.name, alpha=step.number("alpha", 0.2))


def _softmax(build: _Build, step: Step) -> None:
    build.add("Softmax", [step.inputs[0]], step.name, axis=-1)


def _same(kind: str) -> Callable[[_Build, Step], None]:
    """An operation that ONNX has just so, broadcasting included."""

    def add(build: _Build, step: Step) -> None:
        build.add(kind, list(step.inputs), step.name)

    return add


_OPERATIONS: dict[str, Callable[[_Build, Step], None]] = {
    "Conv2D": _convolve,
    "_FusedConv2D": _convolve,
    "MatMul": _multiply_matrices,
    "_FusedMatMul": _multiply_matrices,
    "MaxPool": _pool_max,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Pad": _pad,
    "PadV2": _pad,
    "ConcatV2": _concatenate,
    "SplitV": _split,
    "ResizeBilinear": _resize_bilinear,
    "LeakyRelu": _leaky,
    "Softmax": _softmax,
    "Relu": _same("Relu"),
    "Sigmoid": _same("Sigmoid"),
    "Add": _same("Add"),
    "AddV2": _same("Add"),
    "Mul": _same("Mul"),
    "Identity": _same("Identity"),
}


def _sparse_to_dense(indices: Array, shape: Array, values: Array, default: Array) -> Array:
    dense = np.full(shape.astype(np.int64), default, dtype=values.dtype)
    dense[tuple(indices.reshape(-1, dense.ndim).T.astype(np.int64))] = values
    return dense


_FOLDABLE: dict[str, Callable[..., Array]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Mul": np.multiply,
    "SparseToDense": _sparse_to_dense,
}
"""Operations on constants that exporters leave in, for shapes above all."""


def _weights(specs: list[dict[str, Any]], content: bytes) -> dict[str, Array]:
    constants: dict[str, Array] = {}
    start = 0
    for spec in specs:
        plan = spec.get("quantization")
        dtype = np.dtype(_DTYPES[spec["dtype"]])
        stored = np.dtype(_STORED[plan["dtype"]]) if plan else dtype
        count = int(np.prod(spec["shape"], dtype=np.int64))
        if start + count * stored.itemsize > len(content):
            raise TfjsError(f"{spec['name']}: the weight files end before it; are all of them there?")
        value = np.frombuffer(content, stored, count, start).reshape(spec["shape"])
        start += count * stored.itemsize
        if plan and "scale" in plan:
            value = value.astype(np.float32) * np.float32(plan["scale"]) + np.float32(plan["min"])
        constants[spec["name"]] = value.astype(dtype)
    if start != len(content):
        raise TfjsError(f"the weight files hold {len(content)} bytes where {start} are described")
    return constants


def _plain(tensor: str) -> str:
    """``node:0`` and ``node`` are the same tensor. Raises TfjsError for an order without a tensor (``^node``)."""
    if tensor.startswith("^"):
        raise TfjsError(f"control input {tensor!r}: the model has to be frozen before it is converted")
    return tensor.removesuffix(":0")


def _dimensions(placeholder: Step) -> list[int | None]:
    sizes = [int(one["size"]) for one in placeholder.attributes["shape"]["shape"].get("dim", [])]
    return [None if size < 0 else size for size in sizes]


def _free(shape: list[int | None]) -> list[int | str]:
    return [f"free_{axis}" if size is None else size for axis, size in enumerate(shape)]


def _outputs(described: dict[str, Any], steps: tuple[Step, ...]) -> tuple[str, ...]:
    """As the signature says; without one, what no step takes."""
    signature = described.get("signature", described.get("userDefinedMetadata", {}).get("signature", {}))
    named = tuple(_plain(one["name"]) for one in signature.get("outputs", {}).values())
    taken = {name.partition(":")[0] for step in steps for name in step.inputs}
    return named or tuple(step.name for step in steps if step.name not in taken)


def _in_order(steps: tuple[Step, ...], constants: dict[str, Array]) -> tuple[Step, ...]:
    """Each step after those it takes from. Raises TfjsError when there is no such order."""
    ready, ordered, waiting = set(constants), [], list(steps)
    while waiting:
        now = [
            step for step in waiting if all(name in ready or name.partition(":")[0] in ready for name in step.inputs)
        ]
        if not now:
            raise TfjsError(f"{waiting[0].name}: takes from {', '.join(waiting[0].inputs)}, which nothing makes")
        ordered += now
        ready |= {step.name for step in now}
        waiting = [step for step in waiting if step.name not in ready]
    return tuple(ordered)


def main() -> None:
    """Convert one model and say what came out."""
    parser = argparse.ArgumentParser(description="TensorFlow.js graph model to ONNX")
    parser.add_argument("model", type=Path, help="model.json, its .bin files beside it")
    parser.add_argument("out", type=Path)
    chosen = parser.parse_args()
    model = convert(read_tfjs(chosen.model), chosen.model.stem)
    chosen.out.write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
