"""SFace on ONNX Runtime says what OpenCV's `FaceRecognizerSF` says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.alignment import align
from models.protocols import FaceDetecting, FaceEmbedding
from models.types import Float, Image, ModelInputError
from tests.support.evaluation import require_evaluation, rows


@pytest.fixture(scope="module")
def reference(published: dict[str, Path]) -> cv2.FaceRecognizerSF:
    return cv2.FaceRecognizerSF.create(str(published["sface"]), "")


@pytest.fixture(scope="module")
def crops(astronaut: Image, face_detector: FaceDetecting) -> Image:
    """The astronaut, mirrored, darker, noisy, and two crops that are no faces: uint8 (6, 112, 112, 3)."""
    face = align(astronaut, face_detector.detect([astronaut])[0].landmarks[0])
    noise = np.random.default_rng(7).integers(0, 60, face.shape)
    noisy = np.clip(face.astype(int) + noise, 0, 255).astype(np.uint8)
    grey = np.full_like(face, 128)
    return np.stack([face, face[:, ::-1], face // 2, noisy, grey, astronaut[300:412, 300:412]])


def _reference_vector(reference: cv2.FaceRecognizerSF, crop: Image) -> Float:
    vector = np.asarray(reference.feature(np.ascontiguousarray(crop)), np.float32)[0]
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def test_vectors_are_opencvs(crops: Image, face_embedder: FaceEmbedding, reference: cv2.FaceRecognizerSF) -> None:
    expected = np.stack([_reference_vector(reference, crop) for crop in crops])
    np.testing.assert_allclose(face_embedder.embed(crops), expected, atol=2e-5)


def test_vectors_have_unit_length_and_the_dimension_promised(crops: Image, face_embedder: FaceEmbedding) -> None:
    vectors = face_embedder.embed(crops)
    assert vectors.shape == (len(crops), face_embedder.dimension) == (6, 128)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_vector_does_not_depend_on_the_faces_beside_it(crops: Image, face_embedder: FaceEmbedding) -> None:
    together = face_embedder.embed(np.concatenate([crops, crops[:3]]))
    alone = np.concatenate([face_embedder.embed(crop[None]) for crop in crops])
    np.testing.assert_allclose(together[:6], alone, atol=1e-5)
    np.testing.assert_allclose(together[6:], alone[:3], atol=1e-5)


def test_no_faces_give_no_vectors(face_embedder: FaceEmbedding) -> None:
    assert face_embedder.embed(np.zeros((0, 112, 112, 3), np.uint8)).shape == (0, 128)


def test_the_model_id_names_the_published_weights(face_embedder: FaceEmbedding) -> None:
    assert face_embedder.model == "sface@0ba9fbfa01b5"


def test_one_person_is_nearer_to_herself_than_to_others(
    face_detector: FaceDetecting, face_embedder: FaceEmbedding
) -> None:
    folder = require_evaluation("faces")
    manifest = rows(folder, "manifest.csv")
    enrolled = {row["identity"]: row["file"] for row in manifest if row["role"] == "enrol"}
    probes = [row for row in manifest if row["role"] == "mated"][:30]
    wanted = dict.fromkeys([row["identity"] for row in probes])

    def vector(file: str) -> Float:
        image = np.asarray(cv2.imread(str(folder / "images" / file)), np.uint8)
        # The middle face is the labelled one in this data.
        faces = face_detector.detect([image])[0]
        middle = np.abs(faces.boxes.reshape(-1, 2, 2).mean(axis=1) - 125).sum(axis=1).argmin()
        return np.asarray(face_embedder.embed(align(image, faces.landmarks[middle])[None])[0], np.float32)

    gallery = np.stack([vector(enrolled[name]) for name in wanted])
    names = list(wanted)
    right = sum(names[int((gallery @ vector(row["file"])).argmax())] == row["identity"] for row in probes)
    assert right >= len(probes) - 1


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((112, 112, 3), np.uint8),
        np.zeros((1, 112, 100, 3), np.uint8),
        np.zeros((1, 3, 112, 112), np.uint8),
        np.zeros((1, 112, 112, 3), np.float32),
        [[1, 2, 3]],
    ],
    ids=["one crop without batch", "other size", "channels first", "floats", "a list"],
)
def test_crops_that_are_none_are_refused(wrong: Image, face_embedder: FaceEmbedding) -> None:
    with pytest.raises(ModelInputError, match="crops"):
        face_embedder.embed(wrong)
