"""Opening models by the name the configuration gives them: the one door the rest of Anju uses.

Raises, all of them: UnknownModelError, LicenceNotAcceptedError, ModelMissingError or ModelDamagedError, whose texts
say which `anju models fetch` puts it right.
"""

from __future__ import annotations

from models.body_detector import BodyDetector
from models.directory import ModelDirectory
from models.face_detector import FaceDetector
from models.face_embedder import FaceEmbedder
from models.manifest import Task, load_manifest
from models.plate_detector import PlateDetector
from models.plate_detector_own import OwnPlateDetector
from models.plate_reader import PlateReader
from models.plate_reader_pair import PairedPlateReader
from models.presentation import THRESHOLD, PresentationCheck
from models.protocols import (
    BodyDetecting,
    FaceDetecting,
    FaceEmbedding,
    PlateDetecting,
    PlateReading,
    PresentationChecking,
)

_INSIGHTFACE = frozenset({"buffalo_l", "antelopev2"})
_OWN_PLATE_DETECTOR = "anju-plate-det"
_OWN_PLATE_READER, _SECOND_OPINION = "anju-plates", "clp-rec"


def open_face_detector(name: str, threads: int = 1, store: ModelDirectory | None = None) -> FaceDetecting:
    """The face detector called ``name``, computing on ``threads`` threads."""
    path = (store or ModelDirectory()).ready(load_manifest().model(name), Task.FACE_DETECTION)
    if name in _INSIGHTFACE:
        from models.insightface_pack import ScrfdDetector  # noqa: PLC0415 - a second and 100 MB, only if chosen

        return ScrfdDetector(path, threads)
    return FaceDetector(path, threads)


def open_face_embedder(name: str, threads: int = 1, store: ModelDirectory | None = None) -> FaceEmbedding:
    """The face embedder called ``name``, computing on ``threads`` threads."""
    model = load_manifest().model(name)
    path = (store or ModelDirectory()).ready(model, Task.FACE_EMBEDDING)
    sha256 = model.file_for(Task.FACE_EMBEDDING).sha256
    if name in _INSIGHTFACE:
        from models.insightface_pack import ArcFaceEmbedder  # noqa: PLC0415 - see above

        return ArcFaceEmbedder(path, sha256, name, threads)
    return FaceEmbedder(path, sha256, threads, name)


def open_plate_detector(name: str, threads: int = 1, store: ModelDirectory | None = None) -> PlateDetecting:
    """The plate detector called ``name``, computing on ``threads`` threads."""
    path = (store or ModelDirectory()).ready(load_manifest().model(name), Task.PLATE_DETECTION)
    return OwnPlateDetector(path, threads) if name == _OWN_PLATE_DETECTOR else PlateDetector(path, threads)


def open_plate_reader(name: str, threads: int = 1, store: ModelDirectory | None = None) -> PlateReading:
    """The plate reader called ``name``, computing on ``threads`` threads; ours opens `clp-rec` as well."""
    store, manifest = store or ModelDirectory(), load_manifest()
    path = store.ready(manifest.model(name), Task.PLATE_READING)
    if name != _OWN_PLATE_READER:
        return PlateReader(path, threads)
    return PairedPlateReader(path, store.ready(manifest.model(_SECOND_OPINION), Task.PLATE_READING), threads)


def open_body_detector(name: str, threads: int = 1, store: ModelDirectory | None = None) -> BodyDetecting:
    """The body detector called ``name``, computing on ``threads`` threads."""
    return BodyDetector((store or ModelDirectory()).ready(load_manifest().model(name), Task.BODY_DETECTION), threads)


def open_presentation_check(
    name: str, threads: int = 1, store: ModelDirectory | None = None, *, threshold: float | None = None
) -> PresentationChecking:
    """The presentation check called ``name``, computing on ``threads`` threads; threshold: instead of its own."""
    path = (store or ModelDirectory()).ready(load_manifest().model(name), Task.PRESENTATION_CHECK)
    return PresentationCheck(path, threads, name, THRESHOLD if threshold is None else threshold)
