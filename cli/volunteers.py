"""Pictures of test volunteers, one folder a person, into comparison scores: read, compared and forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.enrol.portrait import PortraitReader
from edge.enrol.refusals import EnrolmentRefusedError, RefusalReason
from edge.vision.quality import QualityLimits
from models.store import open_face_detector, open_face_embedder
from models.types import Float
from watchlists.thresholds.errors import ScoresUnreadableError
from watchlists.thresholds.scores import ScoreSet, everybody_with_everybody

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
MAX_PICTURES = 100_000
MAX_PICTURE_BYTES = 8_000_000
_DETECTOR = "yunet"


@dataclass(frozen=True, slots=True)
class Volunteers:
    """What came of the pictures.

    pictures: how many were read; refused: how many of them no gate would look at, by reason; unused: people without a
    reference, whose pictures only stand for strangers.
    """

    scores: ScoreSet
    pictures: int
    refused: dict[str, int]
    unused: int


def pictures_in(folder: Path) -> list[tuple[str, Path]]:
    """(person, picture), in the order of their names. Raises ScoresUnreadableError."""
    if not folder.is_dir():
        raise ScoresUnreadableError(f"{folder} is no folder: --pictures is one with a folder for each person")
    found = sorted(
        (person.name, picture)
        for person in folder.iterdir()
        if person.is_dir()
        for picture in person.iterdir()
        if picture.suffix.lower() in PICTURE_SUFFIXES and picture.is_file()
    )
    if not found:
        raise ScoresUnreadableError(f"{folder} has no folder with pictures (JPEG, PNG, WebP): one folder a person")
    if len(found) > MAX_PICTURES:
        raise ScoresUnreadableError(f"{folder} has {len(found)} pictures, more than {MAX_PICTURES}: take fewer")
    return found


def compare_volunteers(folder: Path, model: str, threads: int, on_progress: Callable[[int, int], None]) -> Volunteers:
    """Compare everybody in ``folder`` with everybody, with the embedder called ``model``.

    A person's first picture that an enrolment would take is the reference, as at the desk; every picture that a gate
    would look at is a search. on_progress: pictures read, and of how many.
    Raises ModelError, ScoresUnreadableError, BadScoresError, NoImpostorsError.
    """
    pictures = pictures_in(folder)
    detector, embedder = open_face_detector(_DETECTOR, threads), open_face_embedder(model, threads)
    desk, gate = PortraitReader(detector, embedder), PortraitReader(detector, embedder, QualityLimits())
    people: list[str] = []
    vectors: list[Float] = []
    enrolled: list[bool] = []
    refused: Counter[str] = Counter()
    with_reference: set[str] = set()
    for done, (person, picture) in enumerate(pictures):
        on_progress(done, len(pictures))
        try:
            encoded = _read(picture)
            reference = None if person in with_reference else _reference(desk, encoded)
            vectors.append(gate.read(encoded).vector if reference is None else reference)
        except EnrolmentRefusedError as error:
            refused[error.reason.value] += 1
            continue
        people.append(person)
        enrolled.append(reference is not None)
        if reference is not None:
            with_reference.add(person)
    on_progress(len(pictures), len(pictures))
    if not vectors:
        raise ScoresUnreadableError(
            f"none of the {len(pictures)} pictures in {folder} has one clear face: {_why(refused)}"
        )
    scores = everybody_with_everybody(np.stack(vectors), people, enrolled)
    unused = len({person for person, _ in pictures} - with_reference)
    return Volunteers(scores, len(pictures), dict(refused), unused)


def _reference(desk: PortraitReader, encoded: bytes) -> Float | None:
    """The vector, if an enrolment would take the picture."""
    try:
        return desk.read(encoded).vector
    except EnrolmentRefusedError:
        return None


def _read(picture: Path) -> bytes:
    try:
        with picture.open("rb") as stream:
            encoded = stream.read(MAX_PICTURE_BYTES + 1)
    except OSError as error:
        raise ScoresUnreadableError(f"{picture}: {error.strerror}; make it readable, or take it away") from error
    if len(encoded) > MAX_PICTURE_BYTES:
        raise EnrolmentRefusedError(RefusalReason.TOO_LARGE)
    return encoded


def _why(refused: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in refused.most_common())
