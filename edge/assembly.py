"""The parts of one edge, made from the configuration: models, lists, cameras, gates, watchers.

Everything that can be wrong with a machine or a configuration shows here, before anything runs: raises ConfigError,
KeyFileError, ModelError, UnknownModelError, StoreError, TicketBookError, whose texts say what to do.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from core.contract import config as settings
from core.contract.config import CameraConfig, Door, EdgeConfig, FaceGate, ModelChoice, PlateLane, Polygon
from core.contract.config_file import LoadedConfig
from core.contract.config_scenes import Scenes
from core.contract.events import CheckpointStateV1
from core.contract.ids import CameraId, ModelId
from edge.capture.conditions.watch import ConditionWatch
from edge.capture.glance import Glance
from edge.capture.stream import CameraStream
from edge.checkpoint.controllers import CommandChannel, Controller, MqttRelay, SimulatedGate
from edge.checkpoint.decide import MIN_MARGIN
from edge.checkpoint.door import DoorWatcher
from edge.checkpoint.face_gate import FaceGateWatcher
from edge.checkpoint.plate_lane import PlateLaneWatcher
from edge.checkpoint.watcher import Watcher
from edge.health import CameraWatches, Counters
from edge.keys import EdgeKeys, KeyFileError
from edge.ports import Resealing, WatcherLists
from edge.scenes.post import ScenePost
from edge.scenes.watcher import SceneWatcher
from edge.vision.moving import MovingBodies
from models.errors import ModelError
from models.protocols import (
    BodyDetecting,
    FaceDetecting,
    FaceEmbedding,
    PlateDetecting,
    PlateReading,
    PresentationChecking,
)
from models.session import prefer_providers
from models.store import (
    open_body_detector,
    open_face_detector,
    open_face_embedder,
    open_plate_detector,
    open_plate_reader,
    open_presentation_check,
)
from watchlists.thresholds import Calibration, calibration_of, load_calibration

if TYPE_CHECKING:
    from edge.enrol.server import TlsFiles
    from edge.lists.mirror import ListMirror

log = structlog.get_logger()

_MOST_LOOKERS = 4
"""More threads would mostly wait for one another in Python."""


@dataclass(frozen=True, slots=True)
class PlateModels:
    detector: PlateDetecting
    reader: PlateReading


@dataclass(frozen=True, slots=True)
class Models:
    """plates: None where the models are not installed; why says what to do about it.

    presence: None where no presentation check is configured, or it can't be opened: then nothing is checked.
    bodies: None where none is configured, or it can't be opened: then bodies are told by faces and by what moves.
    """

    faces: FaceDetecting
    embedder: FaceEmbedding
    plates: PlateModels | None
    why_no_plates: str = ""
    presence: PresentationChecking | None = None
    bodies: BodyDetecting | None = None


def open_models(edge: EdgeConfig, *, needs_plates: bool) -> Models:
    """The edge's models. Faces must be there: without them no portrait and no picture can be handled lawfully.

    Without plate models the lanes stay blind, and everything else works. Raises ModelError.
    """
    opened, choice, threads = open_face_models(edge), edge.models, edge.threads
    faces, embedder = opened.faces, opened.embedder
    presence, bodies = _open_presence(choice, threads), _open_bodies(choice, threads)
    if not needs_plates:
        return Models(faces, embedder, None, presence=presence, bodies=bodies)
    try:
        plates = PlateModels(
            open_plate_detector(choice.plate_detector, threads), open_plate_reader(choice.plate_reader, threads)
        )
    except ModelError as error:
        advice = f"no plates are read; here: anju models fetch {choice.plate_detector} {choice.plate_reader}"
        log.warning("edge.no_plate_models", problem=str(error), advice=advice)
        return Models(faces, embedder, None, advice, presence, bodies)
    return Models(faces, embedder, plates, presence=presence, bodies=bodies)


def open_face_models(edge: EdgeConfig) -> Models:
    """What portraits are read and lists searched with: all that an edge needs whose cameras are read elsewhere.

    Raises ModelError.
    """
    prefer_providers(edge.providers)
    choice, threads = edge.models, edge.threads
    return Models(
        open_face_detector(choice.face_detector, threads), open_face_embedder(choice.face_embedder, threads), None
    )


def _open_bodies(choice: ModelChoice, threads: int) -> BodyDetecting | None:
    """The body detector; without it bodies are counted by what there is, and the cameras say so."""
    if choice.body_detector is None:
        return None
    try:
        return open_body_detector(choice.body_detector, threads)
    except ModelError as error:
        log.warning("edge.no_body_detector", problem=str(error))
        return None


def _open_presence(choice: ModelChoice, threads: int) -> PresentationChecking | None:
    """The presentation check; without it gates that require one make nothing of a face, and others say so."""
    name = choice.presentation_check
    if name is None:
        return None
    try:
        return open_presentation_check(name, threads, threshold=choice.presentation_threshold)
    except ModelError as error:
        log.warning("edge.no_presentation_check", problem=str(error))
        return None


def core_public_key(loaded: LoadedConfig, edge: EdgeConfig) -> Ed25519PublicKey:
    """The key that signs passes and tickets. Raises KeyFileError."""
    path = loaded.file(edge.core_public_key_file)
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise KeyFileError(
            f"{path}: {error.strerror}; run 'anju core init' and copy the core's .pub file here"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path}: not the core's public key (Ed25519, PEM); copy the core's .pub file here")
    return key


def enrol_tls(loaded: LoadedConfig, edge: EdgeConfig) -> TlsFiles | None:
    """What the enrolment endpoint proves itself with; None where it speaks plain HTTP, to this machine only."""
    from edge.enrol.server import TlsFiles  # noqa: PLC0415 - see open_lists

    certificate, key = edge.enrol_tls_cert_file, edge.enrol_tls_key_file
    return None if certificate is None or key is None else TlsFiles(loaded.file(certificate), loaded.file(key))


def open_lists(
    loaded: LoadedConfig,
    edge: EdgeConfig,
    keys: EdgeKeys,
    core_key: Ed25519PublicKey,
    embedder: FaceEmbedding,
    *,
    reseal: Resealing,
) -> ListMirror:
    """The edge's lists as they are on disk. Raises StoreError, UnknownModelError, ThresholdError."""
    # A process of cameras puts its parts together here too: seconds and 100 MB that it has no use for.
    from edge.lists.mirror import ListMirror  # noqa: PLC0415

    model = ModelId(embedder.model)
    return ListMirror(
        loaded.state_dir,
        edge.id,
        keys,
        core_public_key=core_key,
        model=model,
        dimension=embedder.dimension,
        calibration=face_thresholds(loaded, edge, model),
        margin=MIN_MARGIN,
        fresh_for=timedelta(hours=edge.recogniser_needs_lists_within_h),
        reseal=reseal,
    )


def face_thresholds(loaded: LoadedConfig, edge: EdgeConfig, model: ModelId) -> Calibration:
    """The edge's own calibration where it names one, else what comes with Anju.

    Raises UnknownModelError; ThresholdError for a calibration that is damaged, too new or of another model.
    """
    if edge.calibration_file is None:
        return calibration_of(model)
    return load_calibration(loaded.file(edge.calibration_file), model)


def make_watcher(checkpoint: FaceGate | Door | PlateLane, models: Models, lists: WatcherLists) -> Watcher | None:
    """The watcher of ``checkpoint``; None for a lane without plate models."""
    match checkpoint:
        case FaceGate():
            return FaceGateWatcher(checkpoint, models.faces, models.embedder, lists, lists, presence=models.presence)
        case Door():
            return DoorWatcher(
                checkpoint,
                models.faces,
                models.embedder,
                lists,
                lists,
                lists=lists,
                enrolled=lists.enrolled,
                presence=models.presence,
                bodies=models.bodies,
            )
        case PlateLane():
            plates = models.plates
            return None if plates is None else PlateLaneWatcher(checkpoint, plates.detector, plates.reader)


def make_scenes(
    cameras: Iterable[CameraConfig], scenes: Scenes, models: Models, counters: Counters, now: datetime
) -> list[ScenePost]:
    """Who watches the lines, lanes and zones of each camera that has any: given nothing that could look at a face."""
    if models.bodies is None:
        # What stands still is background to whoever sees only what moves.
        scenes = scenes.model_copy(update={"fire_lanes": ()})
    watched = {place.camera for place in scenes.places}
    return [
        ScenePost(SceneWatcher(camera.id, scenes, models.bodies or MovingBodies(), now), counters)
        for camera in cameras
        if camera.id in watched
    ]


def make_notes(
    scenes: Scenes, checkpoints: Iterable[FaceGate | Door | PlateLane], models: Models
) -> dict[CameraId, str]:
    """What of each camera can't be done as configured, in words for whoever looks at its state."""
    notes: dict[CameraId, list[str]] = {}
    for one in checkpoints:
        if isinstance(one, PlateLane) and models.plates is None:
            notes.setdefault(one.camera, []).append(models.why_no_plates)
        if isinstance(one, Door) and models.bodies is None:
            notes.setdefault(one.camera, []).append("no body detector: only people whose face is seen are counted")
    if models.bodies is None:
        for camera in {place.camera for place in scenes.places}:
            words = "no body detector: what moves is counted, and vehicles standing in a fire lane are not told"
            notes.setdefault(camera, []).append(words)
    return {camera: "; ".join(words) for camera, words in notes.items()}


def make_gate(
    checkpoint: FaceGate | Door | PlateLane, channel: CommandChannel, changed: Callable[[CheckpointStateV1], None]
) -> Controller:
    """The controller of ``checkpoint``'s gate."""
    match checkpoint.controller:
        case settings.SimulatedGate(hold_s=hold_s):
            return SimulatedGate(checkpoint.id, hold_s, changed)
        case settings.MqttRelay(hold_s=hold_s, timeout_s=timeout_s):
            return MqttRelay(checkpoint.id, hold_s, timeout_s, channel, changed)


def make_streams(
    cameras: Iterable[CameraConfig],
    checkpoints: Sequence[FaceGate | Door | PlateLane],
    scenes: Scenes,
    on_glance: Callable[[CameraId, Glance], None],
    *,
    bell: threading.Event,
    counters: Counters,
) -> dict[CameraId, CameraStream]:
    """The stream of each camera, which sets ``bell`` for each picture and has ``on_glance`` look at it now and then."""
    return {
        camera.id: CameraStream(
            camera,
            zones=moving_zones(camera.id, checkpoints, scenes),
            bell=bell,
            on_glance=functools.partial(on_glance, camera.id),
            on_stamps_put_right=lambda: counters.add("stamps_put_right"),
        )
        for camera in cameras
    }


def moving_zones(camera: CameraId, checkpoints: Iterable[FaceGate | Door | PlateLane], scenes: Scenes) -> list[Polygon]:
    """Where movement matters: in its checkpoints' zones; where scenes are watched, in the whole picture (no zones)."""
    if any(place.camera == camera for place in scenes.places):
        return []
    return [one.zone for one in checkpoints if one.camera == camera]


def make_watches(
    cameras: Iterable[CameraConfig], checkpoints: Iterable[FaceGate | Door | PlateLane], counters: Counters
) -> CameraWatches:
    """Who sees how each camera is, and which checkpoints can't work without it."""
    through = [(one.camera, one.id) for one in checkpoints]
    watches = (ConditionWatch(one.id, [post for camera, post in through if camera == one.id]) for one in cameras)
    return CameraWatches(watches, counters)


def lookers(edge: EdgeConfig) -> int:
    """Threads that look at pictures: as configured, else one a core, at most ``_MOST_LOOKERS``."""
    return edge.looking_threads or min(_MOST_LOOKERS, os.cpu_count() or 1)
