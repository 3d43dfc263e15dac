"""Short recorded scenes of the demo's estate, drawn and compressed here, for watchers with the real models."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter

from core.contract.config import Checkpoint, Door, FaceGate, PlateLane
from core.contract.ids import CameraId, CheckpointId, ModelId, SubjectKey, TemplateId
from core.contract.signed import ClaimError, QrPass, sign_pass, verify_pass
from demo.cast import Cast, Resident
from demo.draw.scenery import noise_tile
from demo.film import Film, make_film
from demo.portraits import portrait
from demo.script import Act, ActKind, Script
from edge.capture.picture import Picture
from edge.evidence import FaceMatch
from models.alignment import align
from models.protocols import FaceDetecting, FaceEmbedding
from models.types import Float
from tests.edge.checkpoint.watching import moment
from watchlists.faces.change import Likeness

CONFIG = Path(__file__).parents[3] / "configs" / "demo.yaml"
FRAMES_PER_LOOK = 2
_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def checkpoint(name: str) -> FaceGate | Door | PlateLane:
    """The demo's checkpoint of that id."""
    found = [one for one in yaml.safe_load(CONFIG.read_text())["checkpoints"] if one["id"] == name]
    made: FaceGate | Door | PlateLane = TypeAdapter(Checkpoint).validate_python(found[0])
    return made


def act_of(script: Script, camera: CameraId, kind: ActKind) -> Act:
    """The camera's first act of that kind."""
    return next(act for act in script.camera(camera).acts if act.kind is kind)


def film_of(camera: CameraId, cast: Cast, script: Script) -> Film:
    return make_film(camera, cast, script, {one.subject: pass_text(one) for one in cast.residents})


def pass_text(resident: Resident) -> str:
    plan = resident.qr_pass
    if plan is None:
        return ""
    return sign_pass(QrPass(plan.pass_id, resident.subject, plan.valid_from, plan.valid_until), _KEY)


def recorded(film: Film, *parts: tuple[int, int]) -> Iterator[tuple[int, Picture]]:
    """Every second frame of each part (first to last), noisy and through H.264 as a camera sends it, with its number.

    Leave out what takes long and shows nothing new: each frame is drawn here.
    """
    tape = io.BytesIO()
    numbers = [number for first, last in parts for number in range(first, last + 1, FRAMES_PER_LOOK)]
    with av.open(tape, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(25, 2), options={"preset": "veryfast", "bf": "0"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 1920, 1080, "yuv420p", 4_500_000
        for number in numbers:
            noisy = film.frame(number).astype(np.int16) + noise_tile(number % 4)[:1080, :1920, None]
            frame = av.VideoFrame.from_ndarray(np.clip(noisy, 0, 255).astype(np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    tape.seek(0)
    with av.open(tape, "r") as played:
        for look, (number, frame) in enumerate(zip(numbers, played.decode(video=0), strict=True)):
            yield number, Picture(moment(look), frame, moment(look).received_s)


class PortraitGallery:
    """The consenting residents, enrolled with their portraits, compared one by one: the simplest index there is."""

    model = ModelId("portraits@000000000000")
    verify_threshold = 0.4
    _IDENTIFY_THRESHOLD = 0.43

    def __init__(self, cast: Cast, detector: FaceDetecting, embedder: FaceEmbedding) -> None:
        self._templates: dict[SubjectKey, Float] = {}
        for resident in cast.consenting:
            picture = portrait(resident)
            landmarks = detector.detect([picture])[0].landmarks[0]
            self._templates[resident.subject] = embedder.embed(align(picture, landmarks)[None])[0]

    def identify(self, probes: Float, checkpoint: CheckpointId, now: datetime) -> FaceMatch | None:
        scores = {subject: float((probes @ one).max()) for subject, one in self._templates.items()}
        best, second = sorted(scores, key=lambda subject: -scores[subject])[:2]
        return FaceMatch(best, scores[best], scores[best] - scores[second], self._IDENTIFY_THRESHOLD, TemplateId(best))

    def compare(self, subject: SubjectKey, probes: Float) -> Likeness | None:
        if subject not in self._templates:
            return None
        return Likeness(float((probes @ self._templates[subject]).max()), TemplateId(subject))


class EstatePasses:
    """Passes signed by the estate the scenes are drawn in."""

    def verify(self, text: str) -> QrPass | None:
        try:
            return verify_pass(text, _KEY.public_key())
        except ClaimError:
            return None
