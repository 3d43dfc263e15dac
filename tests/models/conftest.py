"""Opened models and a face to look at, once per session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage import data as pictures

from models.directory import ModelDirectory
from models.manifest import load_manifest
from models.protocols import BodyDetecting, FaceDetecting, FaceEmbedding, PlateDetecting, PlateReading
from models.store import (
    open_body_detector,
    open_face_detector,
    open_face_embedder,
    open_plate_detector,
    open_plate_reader,
)
from models.types import Image


@pytest.fixture(scope="session")
def store(models_dir: Path) -> ModelDirectory:
    """The store with the default models."""
    return ModelDirectory(models_dir)


@pytest.fixture(scope="session")
def face_detector(store: ModelDirectory) -> FaceDetecting:
    return open_face_detector("yunet", store=store)


@pytest.fixture(scope="session")
def face_embedder(store: ModelDirectory) -> FaceEmbedding:
    return open_face_embedder("sface", store=store)


@pytest.fixture(scope="session")
def plate_detector(clp_det_dir: Path) -> PlateDetecting:
    """Not ours: the one that may be chosen instead."""
    return open_plate_detector("clp-det", store=ModelDirectory(clp_det_dir))


@pytest.fixture(scope="session")
def plate_reader(store: ModelDirectory) -> PlateReading:
    return open_plate_reader("clp-rec", store=store)


@pytest.fixture(scope="session")
def body_detector() -> BodyDetecting:
    """It comes with Anju: needs no store."""
    return open_body_detector("nanodet-g")


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """Eileen Collins, NASA, public domain: 512x512 BGR, one face."""
    picture: Image = pictures.astronaut()  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(picture[:, :, ::-1])


@pytest.fixture(scope="session")
def published(store: ModelDirectory) -> dict[str, Path]:
    """Models as their authors published them, by name: what the reference implementations are fed with."""
    manifest = load_manifest()
    return {name: store.original(manifest.model(name), manifest.model(name).files[0]) for name in manifest.defaults}
