"""What an edge spends: decoding a camera, each step of a passage, whole streams, and the wait at the gate.

    python -m benchmarks.edge [--quick]

Draws and encodes its scenes first (the demo's, 1080p25 H.264). Needs the default models: `anju models fetch`.
Costs are processor time of this process, all threads, so that they hold beside other work.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter

from benchmarks.report import Row, against_limit, against_peer, write
from benchmarks.timing import medians_ms
from core.contract.config import Checkpoint, Door, FaceGate, PlateLane
from core.contract.consent import vouch
from core.contract.events import CheckpointStateV1
from core.contract.ids import (
    CameraId,
    CheckpointId,
    ConsentId,
    ModelId,
    PassId,
    SubjectKey,
    TemplateId,
    VehicleKey,
    new_id,
)
from core.contract.signed import ClaimError, QrPass, sign_pass, verify_pass
from core.contract.vocabulary import GateState, Reason
from demo.cast import make_cast
from demo.clips import encode
from demo.draw.canvas import Picture as Drawn
from demo.film import Film, make_film
from demo.script import DOOR_CAMERA, GATE_CAMERA, LANE_CAMERA, ActKind, make_script
from edge.capture.pace import Sampler
from edge.capture.picture import Picture
from edge.checkpoint.decide import MIN_MARGIN
from edge.checkpoint.door import DoorWatcher
from edge.checkpoint.face_gate import FaceGateWatcher
from edge.checkpoint.plate_lane import PlateLaneWatcher
from edge.checkpoint.watcher import Watcher
from edge.evidence import FaceMatch, Moment
from edge.vision.zone import Zone
from models.alignment import align
from models.plate_crop import rectify
from models.protocols import FaceDetecting, FaceEmbedding, PlateDetecting, PlateReading
from models.store import open_face_detector, open_face_embedder, open_plate_detector, open_plate_reader
from models.types import Float
from watchlists.faces.change import Change, Likeness
from watchlists.faces.index import FaceIndex
from watchlists.faces.template import Template

FPS = 25
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
CONFIG = Path(__file__).parents[1] / "configs" / "demo.yaml"
SUBJECTS = 1000
THRESHOLD = 0.45
CAST = make_cast(1)
SCRIPT = make_script(CAST, 1)
_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


@dataclass(slots=True)
class Excerpt:
    """Frames of a film from ``first`` on, there and back again: somebody is always in it."""

    film: Film
    first: int
    distinct: int
    frames: int

    def frame(self, number: int) -> Drawn:
        turn = number % (2 * self.distinct)
        return self.film.frame(self.first + min(turn, 2 * self.distinct - 1 - turn))


@dataclass(frozen=True, slots=True)
class Runners:
    """The default models on one thread each."""

    faces: FaceDetecting = field(default_factory=lambda: open_face_detector("yunet"))
    embedder: FaceEmbedding = field(default_factory=lambda: open_face_embedder("sface"))
    plates: PlateDetecting = field(default_factory=lambda: open_plate_detector("anju-plate-det"))
    reader: PlateReading = field(default_factory=lambda: open_plate_reader("anju-plates"))


class RandomGallery:
    """A thousand enrolled vectors of nobody."""

    verify_threshold = 0.4

    def __init__(self, model: str, dimension: int) -> None:
        self.model = ModelId(model)
        self.index = FaceIndex(self.model, dimension)
        vectors = np.random.default_rng(1).normal(size=(SUBJECTS, dimension)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self.index.update(Change(enrol=tuple(self._template(vector) for vector in vectors)))

    def _template(self, vector: Float) -> Template:
        proof = vouch(SubjectKey(new_id()), ConsentId(new_id()))
        return Template(TemplateId(new_id()), proof, self.model, vector)

    def identify(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:  # noqa: ARG002
        (found,) = self.index.search(self.model, [probes], threshold=THRESHOLD, margin=MIN_MARGIN)
        if found is None:
            return None
        return FaceMatch(found.subject, found.score, found.margin, THRESHOLD, found.template_id)

    def compare(self, subject: SubjectKey, probes: Float) -> Likeness | None:
        return Likeness(float(probes[0, 0]), TemplateId(subject))


class OpenLists:
    """Lists that let everybody through and never grow old."""

    def subject_standing(self, subject: SubjectKey, checkpoint: CheckpointId, now: datetime) -> Reason:  # noqa: ARG002
        return Reason.LISTED

    def vehicle_standing(
        self,
        plate: str,  # noqa: ARG002
        checkpoint: CheckpointId,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        confidences: Sequence[float] = (),  # noqa: ARG002
    ) -> tuple[Reason, VehicleKey | None]:
        return Reason.UNLISTED, None

    def pass_revoked(self, pass_id: PassId) -> bool:  # noqa: ARG002
        return False

    def recogniser_may_run(self, now: datetime) -> bool:  # noqa: ARG002
        return True


class EstatePasses:
    def verify(self, text: str) -> QrPass | None:
        try:
            return verify_pass(text, _KEY.public_key())
        except ClaimError:
            return None


def checkpoint(name: str) -> FaceGate | Door | PlateLane:
    found = next(one for one in yaml.safe_load(CONFIG.read_text())["checkpoints"] if one["id"] == name)
    made: FaceGate | Door | PlateLane = TypeAdapter(Checkpoint).validate_python(found)
    return made


def record(folder: Path, frames: int) -> dict[str, Path]:
    """The scenes as clips: somebody at the gate and at the door, a vehicle in the lane, and the gate with nobody."""
    passes = {
        one.subject: sign_pass(
            QrPass(one.qr_pass.pass_id, one.subject, one.qr_pass.valid_from, one.qr_pass.valid_until), _KEY
        )
        for one in CAST.residents
        if one.qr_pass is not None
    }

    def excerpt(camera: CameraId, kind: ActKind | None, skip: int) -> Excerpt:
        film = make_film(camera, CAST, SCRIPT, passes)
        if kind is None:
            return Excerpt(film, 0, 1, frames)
        act = next(one for one in SCRIPT.camera(camera).acts if one.kind is kind)
        return Excerpt(film, act.first_frame + skip, min(60, frames), frames)

    scenes = {
        "gate": excerpt(GATE_CAMERA, ActKind.FACE_UNKNOWN, 40),
        "lane": excerpt(LANE_CAMERA, ActKind.PLATE_UNLISTED, 16),
        "door": excerpt(DOOR_CAMERA, ActKind.PASS_NOT_HOLDER, 50),
        "empty": excerpt(GATE_CAMERA, None, 0),
    }
    for seed, (name, scene) in enumerate(scenes.items()):
        encode(scene, folder / f"{name}.mp4", name, seed, lambda _share: None)
    return {name: folder / f"{name}.mp4" for name in scenes}


def decoded(path: Path, *, keyframes_only: bool = False) -> Iterator[av.VideoFrame]:
    """Frames as `edge.capture` decodes them: one thread."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        if keyframes_only:
            stream.codec_context.skip_frame = "NONKEY"
        yield from container.decode(stream)


def pictures(path: Path, fps: Callable[[], float]) -> Iterator[Picture]:
    """The pictures a consumer would get that wants ``fps()`` a second."""
    sampler = Sampler(fps())
    for number, frame in enumerate(decoded(path)):
        sampler.fps = fps()
        at_s = number / FPS
        if sampler.wants(at_s):
            now_s = time.monotonic()
            yield Picture(Moment(at_s, START + timedelta(seconds=at_s), now_s), frame, now_s)


def core_share(work: Callable[[], object], seconds: float, rounds: int) -> float:
    """Per cent of one core that ``work`` takes, which stands for so many seconds of video; the best of ``rounds``."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return 100 * min(spent) / seconds


def decoding(clip: Path, seconds: float, rounds: int) -> list[Row]:
    """Decoding for ten looks a second, beside what is usually done."""

    def ours() -> None:
        for picture in pictures(clip, lambda: 10.0):
            picture.bgr()

    def every_frame() -> None:
        for frame in decoded(clip):
            frame.to_ndarray(format="bgr24")

    def opencv() -> None:
        capture = cv2.VideoCapture(str(clip))
        while capture.read()[0]:
            continue
        capture.release()

    def overview() -> None:
        for _ in decoded(clip, keyframes_only=True):
            continue

    mine = core_share(ours, seconds, rounds)
    share = "% of a core for one 1080p25 H.264 camera"
    rivals = {
        f"decode, 10 pictures a second, {share} (peer: OpenCV VideoCapture.read)": (mine, opencv, 1.2),
        f"decode, 10 pictures a second, {share} (peer: PyAV, every frame to BGR)": (mine, every_frame, 1.1),
        f"overview camera, keyframes only, {share} (peer: PyAV, every frame to BGR)": (
            core_share(overview, seconds, rounds),
            every_frame,
            5.0,
        ),
    }
    return [
        against_peer(what, ours=own, peer=core_share(rival, seconds, rounds), goal=goal)
        for what, (own, rival, goal) in rivals.items()
    ]


def steps(clips: dict[str, Path], runners: Runners, gallery: RandomGallery, rounds: int) -> list[Row]:
    """Milliseconds of each step on a frame of the scenes, one thread."""
    gate, lane = checkpoint("north-gate"), checkpoint("east-lane")
    people = middle_frame(clips["gate"])
    vehicle = middle_frame(clips["lane"])
    zone, road = Zone(gate.zone).cut(people), Zone(lane.zone).cut(vehicle)
    landmarks = runners.faces.detect([zone.image])[0].landmarks[0]
    crop = align(zone.image, landmarks)[None]
    probe = runners.embedder.embed(crop)
    road_side = round(0.8 * max(road.image.shape[:2]))
    quad = runners.plates.detect([road.image], max_side=road_side)[0].quads[0]
    plate = rectify(road.image, quad)
    spent = medians_ms(
        {
            "find faces in the zone of a gate": lambda: runners.faces.detect([zone.image], max_side=640),
            "align and embed a face": lambda: runners.embedder.embed(align(zone.image, landmarks)[None]),
            f"match among {SUBJECTS:,} people": lambda: gallery.index.search(
                gallery.model, [probe], threshold=THRESHOLD, margin=MIN_MARGIN
            ),
            "find plates in the zone of a lane": lambda: runners.plates.detect(
                [road.image], max_side=round(road_side * 0.8)
            ),
            "read a plate": lambda: runners.reader.read([plate]),
        },
        rounds,
    )
    limits = (30.0, 30.0, 1.0, 100.0, 30.0)
    return [
        against_limit(f"{what}, 1 thread, ms", ours=ms, limit=limit)
        for (what, ms), limit in zip(spent.items(), limits, strict=True)
    ]


def middle_frame(path: Path) -> Drawn:
    frames = list(decoded(path))
    return np.asarray(frames[min(len(frames) - 1, 50)].to_ndarray(format="bgr24"), np.uint8)


def streams(clips: dict[str, Path], runners: Runners, gallery: RandomGallery, seconds: float) -> list[Row]:
    """Whole cameras, decoding and everything after it, with something in view all the time: how many on one core."""
    gate, lane, door = (checkpoint(name) for name in ("north-gate", "east-lane", "building-3-door"))
    assert isinstance(gate, FaceGate)
    assert isinstance(lane, PlateLane)
    assert isinstance(door, Door)
    lists = OpenLists()
    watchers: dict[str, tuple[Watcher, float]] = {
        "gate": (FaceGateWatcher(gate, runners.faces, runners.embedder, gallery, lists), 1.5),
        "empty": (FaceGateWatcher(gate, runners.faces, runners.embedder, gallery, lists), 3.0),
        "door": (
            DoorWatcher(
                door,
                runners.faces,
                runners.embedder,
                gallery,
                EstatePasses(),
                lists=lists,
                enrolled=lambda _: True,
            ),
            1.0,
        ),
        "lane": (PlateLaneWatcher(lane, runners.plates, runners.reader), 1.0),
    }
    words = {
        "gate": "face gates, somebody always there",
        "empty": "face gates, nobody there",
        "door": "doors, somebody with a pass always there",
        "lane": "lanes, a vehicle always there",
    }
    rows: list[Row] = []
    waits: list[float] = []
    for name, (watcher, goal) in watchers.items():
        shut = CheckpointStateV1(checkpoint=CheckpointId("cp"), gate=GateState.CLOSED, since=START)
        start = time.process_time()
        waits += look_through(clips[name], watcher, shut)
        share = (time.process_time() - start) / seconds
        what = f"1080p25 streams per core, all steps: {words[name]}"
        rows.append(against_limit(what, ours=1 / share, limit=goal, lower_is_better=False))
    rows.append(
        against_limit(
            "deciding picture decoded to decided, worst of all passes, ms (limit: the whole way may take 300)",
            ours=max(waits),
            limit=300,
        )
    )
    return rows


def look_through(clip: Path, watcher: Watcher, shut: CheckpointStateV1) -> Sequence[float]:
    """Show a watcher a clip; milliseconds of each look that decided something."""
    return [
        (time.monotonic() - picture.moment.received_s) * 1000
        for picture in pictures(clip, lambda: watcher.wanted_fps)
        if watcher.look(picture, shut)
    ]


def main() -> None:
    """Measure, print, and write `results/edge.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4 seconds of each scene instead of 12")
    quick = parser.parse_args().quick
    seconds = 4 if quick else 12
    cv2.setNumThreads(1)
    runners = Runners()
    gallery = RandomGallery(runners.embedder.model, runners.embedder.dimension)
    with tempfile.TemporaryDirectory() as folder:
        clips = record(Path(folder), seconds * FPS)
        rows = decoding(clips["gate"], seconds, 1 if quick else 3)
        rows += steps(clips, runners, gallery, 10 if quick else 40)
        rows += streams(clips, runners, gallery, seconds)
    write("edge", rows, quick=quick)


if __name__ == "__main__":
    main()
