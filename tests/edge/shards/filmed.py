"""A clip of somebody who comes to a gate, stands there and is gone, and an edge whose camera shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.contract.config_file import LoadedConfig, load_config
from core.contract.ids import ConsentId, ModelId, SubjectKey, TemplateId, new_id
from edge.lists.mirror import ListMirror
from models.alignment import align
from models.store import open_face_detector, open_face_embedder
from models.types import Float, Image
from tests.edge.enrol.desk import astronaut
from tests.edge.lists.estate import EDGE, GATE, Estate, resident
from tests.support.consents import standing_consent
from tests.support.rtsp import ClipServer
from tests.support.system import free_port
from watchlists.faces.template import Template

_SIZE = 640, 480
_FPS = 25


def draw(second: float) -> Image:
    """Somebody comes in from the left for a second, stands until the fourth, and is not there until the sixth."""
    noise = np.random.default_rng(round(second * _FPS)).integers(88, 96, (60, 80, 1), np.uint8)
    picture = np.kron(noise, np.ones((8, 8, 3), np.uint8))
    if second < 4.0:
        person = cv2.resize(astronaut()[:380, 40:420], (_SIZE[1], _SIZE[1]))
        left = round(min(0.0, second - 1.0) * 300) + round(4 * np.sin(second * 9)) + 80
        shown = person[:, max(0, -left) :]
        at = max(0, left)
        picture[:, at : at + shown.shape[1]] = shown[:, : _SIZE[0] - at]
    return np.asarray(picture, np.uint8)


def film(path: Path) -> Path:
    """The six seconds, H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS, options={"preset": "ultrafast", "bf": "0", "crf": "18"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = _SIZE
        stream.pix_fmt, stream.gop_size, stream.time_base = "yuv420p", _FPS, Fraction(1, _FPS)
        for number in range(6 * _FPS):
            frame = av.VideoFrame.from_ndarray(draw(number / _FPS), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, _FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@dataclass(frozen=True, slots=True)
class Filmed:
    """An estate with one gate, its file, and the person in its clip. vector: their template's."""

    loaded: LoadedConfig
    core: Estate
    subject: SubjectKey
    template: Template
    vector: Float

    def enrol(self, lists: ListMirror) -> None:
        """As the core tells an edge of somebody with consent."""
        self.core.clock.now = datetime.now(UTC)
        lists.apply(self.core.delta(resident(self.subject), self.core.put(self.template)))
        self.core.agree(lists)


def filmed(folder: Path, serve: Callable[[Path], ClipServer], *, shards: int) -> Filmed:
    """The estate in ``folder``, nothing running but its camera."""
    clips = folder / "clips"
    clips.mkdir()
    server = serve(film(clips / "gate.mp4").parent)
    state = folder / "var"
    state.mkdir(mode=0o700)
    core = Estate(state)
    public = core.core_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (state / "core-signing.key.pub").write_bytes(public)
    (state / "login").write_text("nobody\n")
    login = {"user": EDGE, "password_file": "login"}
    config = {
        "estate": {"id": "estate", "name": {"zh": "小区", "en": "Estate"}},
        "state_dir": str(state),
        "broker": {"host": "127.0.0.1", "port": free_port()},
        "core": {"broker_login": {"user": "core", "password_file": "core-login"}},
        "edges": [{"id": EDGE, "broker_login": login, "enrol_port": free_port(), "shards": shards}],
        "cameras": [
            {
                "id": "cam",
                "edge": EDGE,
                "name": {"zh": "像机", "en": "Camera"},
                "kind": "gate",
                "url": server.url("gate.mp4"),
            }
        ],
        "checkpoints": [
            {
                "id": GATE,
                "kind": "face_gate",
                "name": {"zh": "门", "en": "Gate"},
                "camera": "cam",
                "ring": "perimeter",
                "zone": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
                "controller": {"kind": "simulated", "hold_s": 0.3},
            }
        ],
    }
    path = folder / "estate.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    embedder = open_face_embedder("sface", 1)
    (faces,) = open_face_detector("yunet", 1).detect([astronaut()])
    vector = embedder.embed(align(astronaut(), faces.landmarks[0])[None])[0]
    subject = SubjectKey(new_id())
    consent = standing_consent(subject, ConsentId(new_id()))
    template = Template(TemplateId(new_id()), consent, ModelId(embedder.model), vector)
    return Filmed(load_config(path), core, subject, template, vector)
