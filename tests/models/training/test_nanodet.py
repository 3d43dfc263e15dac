"""The NanoDet that comes with Anju is built as its card says, and from nothing but the weights it needs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from models.training.nanodet import COCO_KINDS, UnexpectedWeightsError, Weights, build, read_weights

_CHANNELS = (
    [(3, 32), (32, 32), (32, 16), (16, 16), (32, 32)]
    + [(64, 64), (64, 32), (32, 32), (64, 32), (32, 32), (64, 64)]
    + [(128, 128), (128, 64), (64, 64), (128, 64), (64, 64), (128, 128)]
    + [(256, 256), (256, 128), (128, 128), (256, 128), (128, 128), (256, 128), (128, 128), (256, 256)]
    + [(128, 128), (256, 128), (512, 128)]
    + [(128, 128), (128, 124)] * 3
)


@pytest.fixture
def weights() -> Weights:
    """Small random weights of the right shapes and names."""
    random = np.random.default_rng(1)
    made: Weights = {}
    for number, (taken, given) in enumerate(_CHANNELS):
        side = 1 if number in {25, 26, 27, 29, 31, 33} else 3
        name = "PartitionedCall/split" + (f"_{number}" if number else "")
        made[name] = (random.standard_normal((side, side, taken, given)) * 0.05).astype(np.float16)
    biases = [*range(0, 56, 2), 60, 62, 66, 68, 70, 72]
    for number, bias in enumerate(biases):
        made[f"unknown_{bias}"] = np.zeros(_CHANNELS[number][1], np.float16)
    return made


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 160)])
def test_it_runs_at_any_size_in_steps_of_32(height: int, width: int, weights: Weights) -> None:
    session = ort.InferenceSession(build(weights).SerializeToString(), providers=["CPUExecutionProvider"])
    picture = np.zeros((2, 3, height, width), np.float32)
    scores, sides = session.run(["scores", "sides"], {"image": picture})
    cells = sum((height // stride) * (width // stride) for stride in (8, 16, 32))
    assert scores.shape == (2, cells, len(COCO_KINDS))
    assert sides.shape == (2, cells, 44)


def test_the_same_weights_give_the_same_bytes(weights: Weights) -> None:
    assert build(weights).SerializeToString(deterministic=True) == build(weights).SerializeToString(deterministic=True)


def test_other_weights_are_refused_by_name(weights: Weights) -> None:
    del weights["unknown_60"]
    with pytest.raises(UnexpectedWeightsError, match="unknown_60"):
        build(weights)


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    entry = {"name": "one", "shape": [3], "dtype": "float32", "quantization": {"dtype": "float16"}}
    manifest = {"weightsManifest": [{"paths": ["one.bin"], "weights": [entry]}]}
    (tmp_path / "one.json").write_text(json.dumps(manifest))
    (tmp_path / "one.bin").write_bytes(np.array([1, 2, 3], np.float16).tobytes())
    assert read_weights(tmp_path / "one.json")["one"].tolist() == [1, 2, 3]
    (tmp_path / "one.bin").write_bytes(b"12345678")
    with pytest.raises(UnexpectedWeightsError, match="6 bytes"):
        read_weights(tmp_path / "one.json")
