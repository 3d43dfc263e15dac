"""insightface's loader takes small graphs of SCRFD's and ArcFace's interface, and answers through our doors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.directory import ModelDirectory, Record
from models.errors import ModelDamagedError
from models.insightface_pack import ArcFaceEmbedder, ScrfdDetector
from models.manifest import Manifest, load_manifest
from models.store import open_face_detector, open_face_embedder
from models.types import ModelInputError
from tests.models.small_models import sha256


def small_scrfd(*, landmarks: bool = True) -> bytes:
    """A graph with SCRFD's nine heads: each cell's score is its brightness; boxes and landmarks are constant.

    A cell is white where the face is. Boxes reach one stride to each side, landmarks lie on the cell's corner.
    """
    constants: dict[str, np.ndarray] = {
        "mix": np.full((2, 3, 1, 1), 1 / 3, np.float32),
        "to_scores": np.array([-1, 1], np.int64),
        "fill_bbox": np.ones((1, 4), np.float32),
        "fill_kps": np.zeros((1, 10), np.float32),
    }
    nodes = []
    for stride in (8, 16, 32):
        size = [stride, stride]
        nodes += [
            helper.make_node("AveragePool", ["input"], [f"pooled_{stride}"], kernel_shape=size, strides=size),
            helper.make_node("Conv", [f"pooled_{stride}", "mix"], [f"mixed_{stride}"]),
            helper.make_node("Transpose", [f"mixed_{stride}"], [f"last_{stride}"], perm=[0, 2, 3, 1]),
            helper.make_node("Reshape", [f"last_{stride}", "to_scores"], [f"score_{stride}"]),
            helper.make_node("Mul", [f"score_{stride}", "fill_bbox"], [f"bbox_{stride}"]),
            helper.make_node("Mul", [f"score_{stride}", "fill_kps"], [f"kps_{stride}"]),
        ]
    widths = {"score": 1, "bbox": 4} | ({"kps": 10} if landmarks else {})
    outputs = [
        helper.make_tensor_value_info(f"{head}_{stride}", TensorProto.FLOAT, ["n", width])
        for head, width in widths.items()
        for stride in (8, 16, 32)
    ]
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    entry = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])
    return _serialised(helper.make_graph(nodes, "scrfd", [entry], outputs, weights))


def small_arcface(dimension: int = 8) -> bytes:
    """A graph with ArcFace's interface: the mean colour of each face, mixed into ``dimension`` numbers."""
    mix = np.random.default_rng(5).normal(size=(3, dimension)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["input.1"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["colour"]),
        helper.make_node("MatMul", ["colour", "mix"], ["683"]),
    ]
    entry = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["n", 3, 112, 112])
    result = helper.make_tensor_value_info("683", TensorProto.FLOAT, ["n", dimension])
    return _serialised(helper.make_graph(nodes, "arcface", [entry], [result], [numpy_helper.from_array(mix, "mix")]))


def _serialised(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelDirectory:
    """A store that holds the small graphs as buffalo_l, its licence accepted."""
    contents = {"det_10g.onnx": small_scrfd(), "w600k_r50.onnx": small_arcface()}
    real = load_manifest().model("buffalo_l")
    files = tuple(
        file.model_copy(update={"sha256": sha256(contents[file.file]), "size": len(contents[file.file])})
        for file in real.files
    )
    model = real.model_copy(update={"files": files})
    manifest = Manifest.model_construct(models=(model,))
    monkeypatch.setattr("models.store.load_manifest", lambda: manifest)
    store = ModelDirectory(tmp_path)
    store.remember(model, Record(licence_accepted=model.licence))
    for file in files:
        store.write(store.original(model, file), contents[file.file])
    return store


def test_a_pack_opens_behind_the_same_doors(pack: ModelDirectory) -> None:
    detector = open_face_detector("buffalo_l", store=pack)
    embedder = open_face_embedder("buffalo_l", threads=2, store=pack)
    assert isinstance(detector, ScrfdDetector)
    assert isinstance(embedder, ArcFaceEmbedder)
    assert embedder.model == f"buffalo_l@{sha256(small_arcface())[:12]}"
    assert embedder.dimension == 8


def test_boxes_and_landmarks_are_in_pixels_of_the_picture(pack: ModelDirectory) -> None:
    detector = open_face_detector("buffalo_l", store=pack)
    image = np.zeros((320, 640, 3), np.uint8)
    image[64:96, 128:160] = 255
    found = detector.detect([image], max_side=640, min_score=0.9)[0]
    assert len(found) >= 1
    assert (found.scores >= 0.9).all()
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    assert (np.abs(centres - (144, 80)) <= 17).all()
    assert (np.abs(found.landmarks - (144, 80)) <= 17).all()
    halved = detector.detect([image], max_side=320, min_score=0.9)[0]
    assert (np.abs((halved.boxes[:, :2] + halved.boxes[:, 2:]) / 2 - (144, 80)) <= 17).all()


def test_a_picture_without_a_face_has_none(pack: ModelDirectory) -> None:
    detector = open_face_detector("buffalo_l", store=pack)
    shapes = [(320, 320), (1, 1), (1, 3000), (3000, 1)]
    assert [len(found) for found in detector.detect([np.zeros((*s, 3), np.uint8) for s in shapes])] == [0] * 4


def test_vectors_are_unit_and_independent_of_the_batch(pack: ModelDirectory) -> None:
    embedder = open_face_embedder("buffalo_l", store=pack)
    crops = np.random.default_rng(2).integers(0, 255, (6, 112, 112, 3)).astype(np.uint8)
    together = embedder.embed(crops)
    assert together.shape == (6, 8)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(together, np.concatenate([embedder.embed(c[None]) for c in crops]), atol=1e-6)
    assert embedder.embed(crops[:0]).shape == (0, 8)


def test_colours_reach_arcface_as_rgb_around_zero(pack: ModelDirectory) -> None:
    embedder = open_face_embedder("buffalo_l", store=pack)
    blue = np.zeros((1, 112, 112, 3), np.uint8)
    blue[..., 0] = 255
    mix = np.random.default_rng(5).normal(size=(3, 8)).astype(np.float32)
    expected = np.array([-1, -1, 1], np.float32) @ mix
    np.testing.assert_allclose(embedder.embed(blue)[0], expected / np.linalg.norm(expected), atol=1e-5)


def test_what_is_no_picture_is_refused(pack: ModelDirectory) -> None:
    with pytest.raises(ModelInputError):
        open_face_detector("buffalo_l", store=pack).detect([np.zeros((0, 0, 3), np.uint8)])
    with pytest.raises(ModelInputError):
        open_face_embedder("buffalo_l", store=pack).embed(np.zeros((1, 8, 8, 3), np.uint8))


def test_a_graph_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(small_arcface())
    with pytest.raises(ModelDamagedError, match="no SCRFD graph"):
        ScrfdDetector(path)
    path.write_bytes(small_scrfd())
    with pytest.raises(ModelDamagedError, match="no ArcFaceONNX graph"):
        ArcFaceEmbedder(path, "0" * 64, "buffalo_l")
    path.write_bytes(small_scrfd(landmarks=False))
    with pytest.raises(ModelDamagedError, match="no landmarks"):
        ScrfdDetector(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ModelDamagedError, match="anju models fetch"):
        ScrfdDetector(path)
