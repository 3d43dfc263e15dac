"""Clips of a gate, a door, a lane and a yard where something happens, and an edge whose cameras show them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.contract.config_file import LoadedConfig, load_config
from core.contract.ids import CheckpointId, ConsentId, ModelId, PassId, SubjectKey, TemplateId, new_id
from core.contract.signed import QrPass, sign_pass
from demo.cast import make_cast
from demo.draw.phone import qr_picture
from demo.draw.scenery import noise_tile
from demo.script import LANE_CAMERA, make_script
from edge.lists.mirror import ListMirror
from models.alignment import align
from models.store import open_face_detector, open_face_embedder
from models.types import Float, Image
from tests.edge.checkpoint.drawn import film_of
from tests.edge.enrol.desk import astronaut
from tests.edge.lists.estate import EDGE, GATE, Estate, resident
from tests.edge.scenes.drawn import walker, yard
from tests.support.consents import standing_consent
from tests.support.rtsp import ClipServer
from tests.support.system import free_port
from watchlists.faces.template import Template

DOOR = CheckpointId("door")
LANE = CheckpointId("lane")
_SIZE = 640, 480
_FPS = 25
_ZONE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
Film = Callable[[Path, Ed25519PrivateKey, SubjectKey], Path]


def noisy(size: tuple[int, int], seed: int) -> Image:
    """An empty picture, grey, as a sensor makes it; size: width and height."""
    noise = np.random.default_rng(seed).integers(88, 96, (size[1] // 8, size[0] // 8, 1), np.uint8)
    return np.kron(noise, np.ones((8, 8, 3), np.uint8))


def at_the_gate(second: float) -> Image:
    """Somebody comes in from the left for a second, stands until the fourth, and is not there until the sixth."""
    picture = noisy(_SIZE, round(second * _FPS))
    if second < 4.0:
        person = cv2.resize(astronaut()[:380, 40:420], (_SIZE[1], _SIZE[1]))
        left = round(min(0.0, second - 1.0) * 300) + round(4 * np.sin(second * 9)) + 80
        shown = person[:, max(0, -left) :]
        at = max(0, left)
        picture[:, at : at + shown.shape[1]] = shown[:, : _SIZE[0] - at]
    return np.asarray(picture, np.uint8)


def film_gate(path: Path, _key: Ed25519PrivateKey, _subject: SubjectKey) -> Path:
    return film(path, (at_the_gate(number / _FPS) for number in range(6 * _FPS)))


def film_door(path: Path, key: Ed25519PrivateKey, subject: SubjectKey) -> Path:
    """The same person, standing, holds a pass up for four seconds, and is not there for three and a half."""
    now = datetime.now(UTC)
    valid = QrPass(PassId(new_id()), subject, now - timedelta(hours=1), now + timedelta(hours=1))
    code = qr_picture(sign_pass(valid, key), 4)
    person = cv2.resize(astronaut()[:380, 40:420], (_SIZE[1], _SIZE[1]))

    def pictures() -> Iterator[Image]:
        for number in range(75):
            picture = noisy((_SIZE[0] + 160, _SIZE[1]), number)
            if number < 40:
                shift = round(4 * np.sin(number * 0.9))
                picture[:, 8 + shift : 8 + shift + _SIZE[1]] = person
                picture[100 : 100 + code.shape[0], -code.shape[1] - 16 : -16] = code
            yield picture

    return film(path, pictures(), fps=10)


def film_lane(path: Path, _key: Ed25519PrivateKey, _subject: SubjectKey) -> Path:
    """A car that nobody knows stands before the barrier for three seconds; then the lane is empty for as long."""
    cast = make_cast(1)
    script = make_script(cast, 1)
    lane, act = film_of(LANE_CAMERA, cast, script), script.camera(LANE_CAMERA).acts[0]
    with_car, empty = (
        [np.clip(lane.frame(number).astype(np.int16) + noise_tile(tile)[:1080, :1920, None], 0, 255) for tile in (1, 2)]
        for number in (act.decisive_frame - 8, 0)
    )

    def pictures() -> Iterator[Image]:
        for number in range(48):
            drawn = np.roll(with_car[number % 2], number % 3, axis=0) if number < 24 else empty[number % 2]
            yield drawn.astype(np.uint8)

    return film(path, pictures(), fps=8)


def film_yard(path: Path, _key: Ed25519PrivateKey, _subject: SubjectKey) -> Path:
    """Somebody walks across the yard for four seconds; then nobody is there for two."""
    somebody, empty = walker(1, 0, (200, 0.8), (1080, 0.8), 100), yard()

    def pictures() -> Iterator[Image]:
        for number in range(48):
            picture = empty.copy()
            if number < 32:
                somebody.draw(picture, number * 3)
            yield picture

    return film(path, pictures(), fps=8)


def film(path: Path, pictures: Iterator[Image], *, fps: int = _FPS) -> Path:
    """``pictures`` as H.264, a keyframe a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "bf": "0", "crf": "18"})
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt, stream.gop_size, stream.time_base = "yuv420p", fps, Fraction(1, fps)
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@dataclass(frozen=True, slots=True)
class Filmed:
    """An estate, its file, and the person in its clips. vector: their template's."""

    loaded: LoadedConfig
    core: Estate
    subject: SubjectKey
    template: Template
    vector: Float

    def enrol(self, lists: ListMirror) -> None:
        """As the core tells an edge of somebody with consent."""
        self.core.clock.now = datetime.now(UTC)
        person = resident(self.subject).model_copy(update={"checkpoints": (GATE, DOOR)})
        lists.apply(self.core.delta(person, self.core.put(self.template)))
        self.core.agree(lists)


def filmed(folder: Path, serve: Callable[[Path], ClipServer], *, shards: int, whole: bool = False) -> Filmed:
    """The estate in ``folder``, nothing running but its cameras. whole: a door, a lane and a yard beside the gate."""
    clips = folder / "clips"
    clips.mkdir()
    state = folder / "var"
    state.mkdir(mode=0o700)
    core, subject = Estate(state), SubjectKey(new_id())
    films: dict[str, Film] = {"cam": film_gate}
    if whole:
        films |= {"door-cam": film_door, "lane-cam": film_lane, "yard-cam": film_yard}
    for camera, made in films.items():
        made(clips / f"{camera}.mp4", core.core_key, subject)
    server = serve(clips)
    public = core.core_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (state / "core-signing.key.pub").write_bytes(public)
    (state / "login").write_text("nobody\n")
    login = {"user": EDGE, "password_file": "login"}
    door = _checkpoint(DOOR, "door", "door-cam") | {"ring": "building", "threshold_line": [[0.0, 0.99], [1.0, 0.99]]}
    config: dict[str, Any] = {
        "estate": {"id": "estate", "name": {"zh": "小区", "en": "Estate"}},
        "state_dir": str(state),
        "broker": {"host": "127.0.0.1", "port": free_port()},
        "core": {"broker_login": {"user": "core", "password_file": "core-login"}},
        "edges": [{"id": EDGE, "broker_login": login, "enrol_port": free_port(), "shards": shards}],
        "cameras": [_camera(camera, server.url(f"{camera}.mp4")) for camera in films],
        "checkpoints": [
            _checkpoint(GATE, "face_gate", "cam"),
            *([door, _checkpoint(LANE, "plate_lane", "lane-cam")] if whole else []),
        ],
    }
    if whole:
        there, back = [[0.5, 0.0], [0.5, 1.0]], [[0.5, 1.0], [0.5, 0.0]]
        config["scenes"] = {"one_way_lines": [_one_way("there", there), _one_way("back", back)]}
    path = folder / "estate.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    embedder = open_face_embedder("sface", 1)
    (faces,) = open_face_detector("yunet", 1).detect([astronaut()])
    vector = embedder.embed(align(astronaut(), faces.landmarks[0])[None])[0]
    consent = standing_consent(subject, ConsentId(new_id()))
    template = Template(TemplateId(new_id()), consent, ModelId(embedder.model), vector)
    return Filmed(load_config(path), core, subject, template, vector)


def _camera(camera: str, url: str) -> dict[str, Any]:
    kind = {"yard-cam": "overview", "lane-cam": "plate"}.get(camera, "gate")
    return {"id": camera, "edge": EDGE, "name": {"zh": "像机", "en": "Camera"}, "kind": kind, "url": url}


def _checkpoint(checkpoint: str, kind: str, camera: str) -> dict[str, Any]:
    return {
        "id": checkpoint,
        "kind": kind,
        "name": {"zh": "门", "en": "Gate"},
        "camera": camera,
        "ring": "perimeter",
        "zone": _ZONE,
        "controller": {"kind": "simulated", "hold_s": 0.3},
    }


def _one_way(place: str, line: list[list[float]]) -> dict[str, Any]:
    name = {"zh": "线", "en": "Line"}
    return {"id": place, "name": name, "camera": "yard-cam", "line": line, "kinds": ["person"]}
