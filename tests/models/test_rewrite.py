"""A rewritten graph gives the original's answers, always in the same bytes, and takes what the original could not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from models.directory import ModelDirectory
from models.errors import ChecksumError
from models.manifest import Rewrite, load_manifest
from models.rewrite import rewrite

REWRITES = {"yunet": Rewrite.YUNET_DYNAMIC, "sface": Rewrite.SFACE_RELU}
INPUTS = {"yunet": ("input", (3, 640, 640)), "sface": ("data", (3, 112, 112))}


def _session(graph: bytes | str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _rewritten(store: ModelDirectory, name: str) -> str:
    model = load_manifest().model(name)
    return str(store.runnable(model, model.files[0]))


@pytest.mark.parametrize("name", REWRITES)
def test_a_batch_gives_the_answers_the_original_gives_one_by_one(
    name: str, published: dict[str, Path], store: ModelDirectory
) -> None:
    key, shape = INPUTS[name]
    blob = np.random.default_rng(3).uniform(0, 255, (3, *shape)).astype(np.float32)
    original = _session(str(published[name]))
    one_by_one = [original.run(None, {key: blob[i : i + 1]}) for i in range(3)]
    together = _session(_rewritten(store, name)).run(None, {key: blob})
    for head, answer in enumerate(together):
        expected = np.concatenate([answers[head] for answers in one_by_one])
        np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-4)


def test_slopes_above_one_are_computed_right_too() -> None:
    slope = np.array([-0.5, 0.25, 1.0, 1.75], np.float32)
    prelu = helper.make_node("PRelu", ["data", "slope"], ["fc1"], name="act")
    graph = helper.make_graph(
        [prelu],
        "prelu",
        [
            helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 4, 2, 2]),
            helper.make_tensor_value_info("slope", TensorProto.FLOAT, [4, 1, 1]),
        ],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, 4, 2, 2])],
        [onnx.numpy_helper.from_array(slope.reshape(4, 1, 1), "slope")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    changed = rewrite(Rewrite.SFACE_RELU, model.SerializeToString())
    blob = np.random.default_rng(1).normal(0, 3, (5, 4, 2, 2)).astype(np.float32)
    expected = np.where(blob > 0, blob, blob * slope.reshape(1, 4, 1, 1))
    np.testing.assert_allclose(_session(changed).run(None, {"data": blob})[0], expected, rtol=1e-6, atol=1e-6)
    assert "PRelu" not in {node.op_type for node in onnx.load_model_from_string(changed).graph.node}


@pytest.mark.parametrize("name", REWRITES)
def test_another_process_makes_the_same_bytes(name: str, published: dict[str, Path], store: ModelDirectory) -> None:
    program = (
        "import sys, hashlib; from pathlib import Path; from models.rewrite import rewrite, Rewrite;"
        "print(hashlib.sha256(rewrite(Rewrite(sys.argv[1]), Path(sys.argv[2]).read_bytes())).hexdigest())"
    )
    command = [sys.executable, "-c", program, REWRITES[name].value, str(published[name])]
    root = Path(__file__).resolve().parents[2]
    told = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True, timeout=60)
    model = load_manifest().model(name)
    assert told.stdout.strip() == store.record(model).derived[model.files[0].file].sha256


def test_yunet_takes_any_multiple_of_32(store: ModelDirectory) -> None:
    heads = _session(_rewritten(store, "yunet")).run(["cls_8", "kps_32"], {"input": np.zeros((2, 3, 96, 160), "f4")})
    assert [head.shape for head in heads] == [(2, 12 * 20, 1), (2, 3 * 5, 10)]


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(ChecksumError, match="not an ONNX graph"):
        rewrite(Rewrite.YUNET_DYNAMIC, b"\xff" * 64)


def test_a_graph_of_another_model_is_refused(published: dict[str, Path]) -> None:
    with pytest.raises(ChecksumError, match="no input 'data'"):
        rewrite(Rewrite.SFACE_RELU, published["yunet"].read_bytes())
