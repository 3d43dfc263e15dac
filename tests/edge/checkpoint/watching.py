"""Scripted sight for watcher tests: what detector, embedder, gallery and readers say is written down, look by look."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import av
import numpy as np

from core.contract.config import Name
from core.contract.events import CheckpointStateV1
from core.contract.ids import CheckpointId, ModelId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.signed import QrPass
from core.contract.vocabulary import GateState, Reason
from edge.capture.picture import Picture
from edge.checkpoint.watcher import Watcher
from edge.evidence import FaceMatch, Moment, Observation
from models.alignment import TEMPLATE
from models.types import Faces, Float, Image
from watchlists.faces.change import Likeness

FPS = 12.5
WIDTH, HEIGHT = 640, 360
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
NAME = Name(zh="卡口", en="Checkpoint")
SHUT = CheckpointStateV1(checkpoint=CheckpointId("cp"), gate=GateState.CLOSED, since=START)
ALICE = SubjectKey("00000000-0000-7000-8000-00000000000a")
ALICES_TEMPLATE = TemplateId("00000000-0000-7000-8000-0000000000a1")
MODEL = ModelId("fake@000000000000")

_BEGAN_S = time.monotonic()

Place = tuple[float, float, float]
"""Middle of a face and its width, pixels."""


def moment(look: int, *, late_s: float = 0.0) -> Moment:
    """Of one look; ``late_s``: how long ago its packet came, by the machine's clock, beyond what the looks take."""
    after_s = look / FPS
    return Moment(1000 + after_s, START + timedelta(seconds=after_s), _BEGAN_S + after_s - late_s)


def picture(look: int, image: Image | None = None, *, late_s: float = 0.0) -> Picture:
    """The picture of one look; without ``image`` coarse noise, different each time, on which any face is sharp."""
    if image is None:
        cells = np.random.default_rng(look).integers(60, 200, (HEIGHT // 8, WIDTH // 8, 1), np.uint8)
        image = np.kron(cells, np.ones((8, 8, 3), np.uint8))
    when = moment(look, late_s=late_s)
    return Picture(when, av.VideoFrame.from_ndarray(image, format="bgr24"), when.received_s)


def faces(*places: Place, yaw: float = 0.0) -> Faces:
    """Frontal faces at ``places``; ``yaw``: how far the noses are to the side, in eye distances."""
    boxes, points = [], []
    for x, y, width in places:
        boxes.append([x - width / 2, y - width / 2, x + width / 2, y + width / 2])
        five = (TEMPLATE - 56) * (width / 80) + (x, y)
        five[2, 0] += yaw * (five[1, 0] - five[0, 0])
        points.append(five)
    n = len(places)
    return Faces(
        np.array(boxes, np.float32).reshape(n, 4),
        np.array(points, np.float32).reshape(n, 5, 2),
        np.full(n, 0.9, np.float32),
    )


@dataclass
class ScriptedFaces:
    """Says per look what the script says, then nobody. Boxes are of the zone's cut: use zones that start at 0, 0."""

    script: Sequence[Faces]
    looks: int = 0
    seen: list[Image] = field(default_factory=list)

    def detect(self, images: Sequence[Image], *, max_side: int = 640, min_score: float = 0.6) -> list[Faces]:
        self.seen.append(images[0])
        self.looks += 1
        return [self.script[self.looks - 1] if self.looks <= len(self.script) else Faces.none()]


@dataclass
class CountingEmbedder:
    """Every face is the same vector; keeps what it was shown and what it gave."""

    model: str = "fake@000000000000"
    dimension: int = 4
    crops: list[Image] = field(default_factory=list)
    given: list[Float] = field(default_factory=list)

    def embed(self, crops: Image) -> Float:
        self.crops += [crop.copy() for crop in crops]
        vectors = np.tile(np.array([0.5, 0.5, 0.5, 0.5], np.float32), (len(crops), 1))
        self.given.append(vectors)
        return vectors


@dataclass
class TwoPeople(CountingEmbedder):
    """Of the first ``firsts`` crops one person, then another."""

    firsts: int = 1

    def embed(self, crops: Image) -> Float:
        before = len(self.crops)
        vectors = super().embed(crops)
        vectors[max(0, self.firsts - before) :, 1:3] *= -1
        return vectors


@dataclass
class ScriptedGallery:
    """Answers in order, the last one for ever."""

    matches: Sequence[FaceMatch | None] = (None,)
    scores: Sequence[float | None] = (None,)
    asked: list[int] = field(default_factory=list)
    compared: list[SubjectKey] = field(default_factory=list)
    model: ModelId = MODEL
    verify_threshold: float = 0.4

    def identify(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        self.asked.append(len(probes))
        return self.matches[min(len(self.asked), len(self.matches)) - 1]

    def compare(self, subject: SubjectKey, probes: Float) -> Likeness | None:
        self.compared.append(subject)
        score = self.scores[min(len(self.compared), len(self.scores)) - 1]
        return None if score is None else Likeness(score, ALICES_TEMPLATE)


@dataclass
class ScriptedLists:
    """What the lists say, whoever is asked about; ``fresh_for``: how often they say yes to recognising, then no."""

    standing: Reason = Reason.LISTED
    revoked: bool = False
    fresh_for: int = 1_000_000

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:
        return self.standing

    def vehicle_standing(
        self, plate: str, checkpoint: CheckpointId, now: datetime, confidences: Sequence[float] = ()
    ) -> tuple[Reason, VehicleKey | None]:
        return self.standing, None

    def pass_revoked(self, pass_id: PassId) -> bool:
        return self.revoked

    def recogniser_may_run(self, now: datetime) -> bool:
        self.fresh_for -= 1
        return self.fresh_for >= 0


@dataclass
class ScriptedCases:
    """Seeks one person and one vehicle, and keeps what it was asked."""

    match: FaceMatch | None = None
    vehicle: VehicleKey | None = None
    probes: list[Float] = field(default_factory=list)
    plates: list[str] = field(default_factory=list)

    def sought(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        self.probes.append(probes.copy())
        return self.match

    def controlled(self, plate: str, checkpoint: CheckpointId, now: datetime) -> VehicleKey | None:
        self.plates.append(plate)
        return self.vehicle


@dataclass
class ScriptedPasses:
    """Knows these texts."""

    known: dict[str, QrPass]

    def verify(self, text: str) -> QrPass | None:
        return self.known.get(text)


def watch(
    watcher: Watcher, looks: int, *, first: int = 0, away: int = 10_000_000, away_s: float = 600.0
) -> list[tuple[int, Observation]]:
    """Show ``looks`` pictures; every observation with the number of the look it came at.

    away: the look before which the camera was away for ``away_s``.
    """
    told: list[tuple[int, Observation]] = []
    for look in range(first, first + looks):
        shown = picture(look)
        if look >= away:
            shown.moment = moment(look + round(FPS * away_s))
        told += [(look, seen) for seen in watcher.look(shown, SHUT)]
    return told
