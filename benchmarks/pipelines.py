"""Two whole pipelines over one clip: Anju's own, through `anju edge replay`'s code, and one as Frigate does it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import av
import yaml
from pydantic import TypeAdapter

from benchmarks.baseline import AsFrigateDoes, RivalLists, RivalModels
from core.contract.config import Checkpoint, Door, FaceGate, ModelChoice, PlateLane
from core.contract.ids import CheckpointId, ModelId, SubjectKey
from demo.cast import Stranger
from demo.portraits import portrait_jpeg
from edge.assembly import Models, PlateModels
from edge.enrol.portrait import PortraitReader
from edge.evidence import Moment
from edge.replay.clip import ClipStream
from edge.replay.clock import ReplayClock
from edge.replay.lists import DrawnLists
from edge.replay.player import play
from edge.replay.report import Report, report
from edge.replay.score import Score, Told, score
from edge.replay.truth import Truth
from models.protocols import BodyDetecting, FaceDetecting, FaceEmbedding, PlateDetecting, PlateReading
from models.store import (
    open_body_detector,
    open_face_detector,
    open_face_embedder,
    open_plate_detector,
    open_plate_reader,
)
from models.types import Float
from watchlists.thresholds import calibration_of

CONFIG = Path(__file__).parents[1] / "configs" / "demo.yaml"
_DEFAULT = ModelChoice()


@dataclass(frozen=True, slots=True)
class Runners:
    """The models an edge has by default, one thread each, the same for both pipelines."""

    faces: FaceDetecting = field(default_factory=lambda: open_face_detector(_DEFAULT.face_detector))
    embedder: FaceEmbedding = field(default_factory=lambda: open_face_embedder(_DEFAULT.face_embedder))
    plates: PlateDetecting = field(default_factory=lambda: open_plate_detector(_DEFAULT.plate_detector))
    reader: PlateReading = field(default_factory=lambda: open_plate_reader(_DEFAULT.plate_reader))
    bodies: BodyDetecting = field(default_factory=lambda: open_body_detector(_DEFAULT.body_detector or "nanodet-g"))

    @property
    def ours(self) -> Models:
        return Models(self.faces, self.embedder, PlateModels(self.plates, self.reader), bodies=self.bodies)

    @property
    def rival(self) -> RivalModels:
        return RivalModels(self.bodies, self.faces, self.embedder, self.plates, self.reader)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pipeline made of a clip. cpu_s: processor time of this process meanwhile, all threads."""

    score: Score
    cpu_s: float
    report: Report | None = None


@cache
def checkpoint(name: CheckpointId) -> FaceGate | Door | PlateLane:
    """The demo's checkpoint of that id."""
    found = next(one for one in yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["checkpoints"] if one["id"] == name)
    made: FaceGate | Door | PlateLane = TypeAdapter(Checkpoint).validate_python(found)
    return made


def enrolled(truth: Truth, runners: Runners) -> dict[SubjectKey, Float]:
    """The faces of the drawn people in ``truth``, float32 (d,) each, as enrolment makes them."""
    reader = PortraitReader(runners.faces, runners.embedder)
    return {
        person.subject: reader.read(portrait_jpeg(Stranger(face=person.drawn_face))).vector for person in truth.people
    }


def lists_of(truth: Truth, faces: Mapping[SubjectKey, Float], runners: Runners) -> DrawnLists:
    model = ModelId(runners.embedder.model)
    return DrawnLists(model, faces, truth.vehicles, bytes.fromhex(truth.pass_key), calibration_of(model))


def rival_lists_of(truth: Truth, faces: Mapping[SubjectKey, Float], runners: Runners) -> RivalLists:
    calibration = calibration_of(ModelId(runners.embedder.model))
    return RivalLists(
        faces=faces,
        plates=frozenset(one.plate for one in truth.vehicles),
        passes=lists_of(truth, faces, runners),
        identify=calibration.identify_at(max(1, len(faces))).cosine,
        verify=calibration.verify,
    )


def run_ours(
    clip: Path, truth: Truth, faces: Mapping[SubjectKey, Float], runners: Runners, *, earlier: Path
) -> Outcome:
    """Anju's pipeline over ``clip``, as fast as it goes.

    earlier: another clip of that camera, from which the stream's usual packets are known before.
    """
    clock = ReplayClock()
    watched = [checkpoint(name) for name in dict.fromkeys(one.checkpoint for one in truth.passes)]
    pictures = ClipStream(clip, clock, zones=[one.zone for one in watched])
    pictures.learn(earlier)
    clock.begin()
    began_s = time.process_time()
    played = play(pictures, clock, watched, runners.ours, lists_of(truth, faces, runners))
    cpu_s = time.process_time() - began_s
    made = report(truth, played, pictures.seen_in)
    return Outcome(score(truth.passes, played.told), cpu_s, made)


def run_rival(clip: Path, truth: Truth, faces: Mapping[SubjectKey, Float], runners: Runners) -> Outcome:
    """The same clip looked at as Frigate does."""
    (name,) = dict.fromkeys(one.checkpoint for one in truth.passes)
    rival = AsFrigateDoes(checkpoint(name), runners.rival, rival_lists_of(truth, faces, runners))
    clock = ReplayClock()
    told: list[Told] = []
    began_s = time.process_time()
    for at_s, frame in every_frame(clip):
        clock.clip_s = at_s
        told += rival.frame(frame, Moment(at_s, clock.wall(), clock.monotonic()))
    cpu_s = time.process_time() - began_s
    return Outcome(score(truth.passes, told), cpu_s)


def every_frame(clip: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    """All frames of a clip, decoded on one thread, with their time in seconds."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            yield float(frame.time or 0.0), frame
