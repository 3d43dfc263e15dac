"""The evaluation faces as Anju sees them, and as the plain exact pipeline does that any OpenCV tutorial builds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from benchmarks.degraded import Degrading
from edge.vision.quality import Measures, QualityLimits, assess, measure
from models.alignment import align
from models.directory import ModelDirectory
from models.manifest import load_manifest
from models.protocols import FaceDetecting, FaceEmbedding
from models.store import open_face_detector, open_face_embedder
from models.types import Float, Image
from tests.support.evaluation import rows

LIMITS = QualityLimits(min_face_px=24)
"""A gate's own, as far away as one can be set up: how wide a face has to be is the installer's choice."""
_MIN_SCORE = 0.6


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture: whose, and whether it is an enrolment (``enrol``), a probe (``mated``) or a stranger's."""

    path: Path
    person: str
    role: str
    number: int

    def load(self) -> Image:
        picture = cv2.imread(str(self.path))
        assert picture is not None, f"{self.path} is no picture: fetch the evaluation data again"
        return np.asarray(picture, np.uint8)


def photos(folder: Path, *, every: int = 1) -> list[Photo]:
    """The pictures of every ``every``-th person, in the order of the manifest."""
    listed = rows(folder, "manifest.csv")
    people = {person: index for index, person in enumerate(dict.fromkeys(row["identity"] for row in listed))}
    return [
        Photo(folder / "images" / row["file"], row["identity"], row["role"], number)
        for number, row in enumerate(listed)
        if people[row["identity"]] % every == 0
    ]


@dataclass(frozen=True, slots=True)
class Seen:
    """One face as Anju sees it. crop: aligned; value: its quality; refused: by a gate; vector: float32 (d,)."""

    crop: Image
    measures: Measures
    value: float
    refused: bool
    vector: Float


class Anju:
    """Detector, alignment, quality and embedder as at a gate."""

    def __init__(self) -> None:
        self._detector: FaceDetecting = open_face_detector("yunet", 2)
        self.embedder: FaceEmbedding = open_face_embedder("sface", 2)

    def width_px(self, picture: Image) -> float:
        """Of the face in the middle, 0 where there is none."""
        faces = self._detector.detect([picture])[0]
        if not len(faces):
            return 0.0
        box = faces.boxes[_central(faces.boxes, picture)]
        return float(box[2] - box[0])

    def see(self, picture: Image) -> Seen | None:
        """The face in the middle; None where there is none."""
        faces = self._detector.detect([picture])[0]
        if not len(faces):
            return None
        one = _central(faces.boxes, picture)
        crop = align(picture, faces.landmarks[one])
        about = faces.boxes[one], faces.landmarks[one], float(faces.scores[one])
        quality = assess(crop, *about, LIMITS)
        vector = self.embedder.embed(crop[None])[0]
        return Seen(crop, measure(crop, *about), quality.value, quality.refusal is not None, vector)


class Plain:
    """OpenCV's own runners of the same two networks, nothing refused."""

    def __init__(self) -> None:
        store = ModelDirectory()
        self._detector = cv2.FaceDetectorYN.create(_published(store, "yunet"), "", (320, 320), _MIN_SCORE, 0.3, 5000)
        self._recognizer = cv2.FaceRecognizerSF.create(_published(store, "sface"), "")

    def see(self, picture: Image) -> Float | None:
        """Vector of the face in the middle, float32 (d,), length 1; None where there is none."""
        self._detector.setInputSize((picture.shape[1], picture.shape[0]))
        faces: np.ndarray | None = self._detector.detect(picture)[1]
        if faces is None:
            return None
        boxes = np.concatenate([faces[:, :2], faces[:, :2] + faces[:, 2:4]], axis=1)
        crop = self._recognizer.alignCrop(picture, faces[_central(boxes, picture)])
        vector = self._recognizer.feature(crop)[0]
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


@dataclass(frozen=True)
class Evaluation:
    """The set and its faces' widths, to degrade each picture by shares of its face."""

    photos: Sequence[Photo]
    anju: Anju

    @cached_property
    def widths(self) -> dict[int, float]:
        return {photo.number: self.anju.width_px(photo.load()) or 92.0 for photo in self.photos}

    def of(self, role: str) -> list[Photo]:
        return [photo for photo in self.photos if photo.role == role]

    def degraded(self, photo: Photo, degrade: Degrading, seed: int) -> Image:
        """The picture made worse; the same seed gives the same picture."""
        return degrade(photo.load(), self.widths[photo.number], np.random.default_rng([seed, photo.number]))


def _central(boxes: np.ndarray, picture: Image) -> int:
    """Index of the box nearest to the picture's middle: the person a portrait is of."""
    middle = np.array([picture.shape[1], picture.shape[0]]) / 2
    return int(np.argmin((((boxes[:, :2] + boxes[:, 2:]) / 2 - middle) ** 2).sum(axis=1)))


def _published(store: ModelDirectory, name: str) -> str:
    model = load_manifest().model(name)
    return str(store.original(model, model.files[0]))
