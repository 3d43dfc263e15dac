"""A whole edge with real models, real cameras and a real broker."""

from __future__ import annotations

import base64
import ctypes
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from core.contract.config_file import ConfigError, LoadedConfig, load_config
from core.contract.events import PassageV1, StepTimes
from core.contract.events_cameras import CameraConditionV1
from core.contract.ids import EdgeId, new_id
from core.contract.topics import Channel
from core.contract.vocabulary import CameraCondition, CameraState, GateState
from edge import assembly
from edge import worker as worker_module
from edge.aside import Aside
from edge.capture.conditions.lasting import Patience
from edge.capture.conditions.watch import PATIENCE
from edge.checkpoint.controllers import SimulatedGate
from edge.evidence import Moment, Observation
from edge.health import LIST_COUNTS
from edge.keys import KeyFileError, load_or_create
from edge.living import LivingThread
from edge.outbox import DurableOutbox
from edge.reconcile import Reconciler
from edge.worker import EdgeWorker
from models.errors import ModelMissingError
from tests.edge.checkpoint.test_decide import NOW, Lists
from tests.edge.checkpoint.test_post import ANNAS_FACE
from tests.edge.link.parts import Core, until
from tests.support.mosquitto import Mosquitto
from tests.support.rtsp import ClipServer
from tests.support.system import free_port

pytestmark = pytest.mark.integration
EDGE = EdgeId("edge-1")
ZONE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


@pytest.fixture
def estate(
    mosquitto: Mosquitto,
    models_dir: Path,
    tmp_path: Path,
    clip: Callable[..., Path],
    rtsp_server: Callable[[Path], ClipServer],
) -> Path:
    """A configuration file: a gate, a lane and an overview on a looping clip, and a door whose camera is not there."""
    footage = clip("h264", seconds=2.0)
    server = rtsp_server(footage.parent)
    state = tmp_path / "var"
    state.mkdir(mode=0o700)
    public = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (state / "core-signing.key.pub").write_bytes(public)
    cameras = {"gate-cam": "gate", "lane-cam": "plate", "yard-cam": "overview", "door-cam": "gate"}
    nowhere = f"rtsp://127.0.0.1:{free_port()}/nothing"
    config = {
        "estate": {"id": f"e-{new_id()[-12:]}", "name": {"zh": "小区", "en": "Estate"}},
        "state_dir": str(state),
        "broker": {"host": mosquitto.host, "port": mosquitto.port},
        "core": {"broker_login": login(mosquitto, "core")},
        "edges": [{"id": EDGE, "broker_login": login(mosquitto, EDGE), "enrol_port": free_port()}],
        "cameras": [
            {
                "id": camera,
                "edge": EDGE,
                "name": {"zh": "像机", "en": camera},
                "kind": kind,
                "url": nowhere if camera == "door-cam" else server.url(footage.name),
            }
            for camera, kind in cameras.items()
        ],
        "checkpoints": [
            checkpoint("gate", "face_gate", "gate-cam", "perimeter"),
            checkpoint("lane", "plate_lane", "lane-cam", "perimeter"),
            checkpoint("door", "door", "door-cam", "building") | {"threshold_line": [[0.0, 0.5], [1.0, 0.5]]},
        ],
    }
    path = tmp_path / "estate.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


def login(mosquitto: Mosquitto, user: str) -> dict[str, str]:
    return {"user": user, "password_file": str(mosquitto.login(user).password_file)}


def checkpoint(name: str, kind: str, camera: str, ring: str) -> dict[str, object]:
    return {
        "id": name,
        "kind": kind,
        "name": {"zh": "卡口", "en": name},
        "camera": camera,
        "ring": ring,
        "zone": ZONE,
        "controller": {"kind": "simulated", "hold_s": 0.3},
    }


@pytest.fixture
def loaded(estate: Path) -> LoadedConfig:
    return load_config(estate)


@pytest.fixture
def core(mosquitto: Mosquitto, loaded: LoadedConfig) -> Iterator[Core]:
    core = Core(mosquitto, loaded.config.estate.id)
    yield core
    core.close()


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[LoadedConfig], EdgeWorker]]:
    monkeypatch.setitem(PATIENCE, CameraCondition.OFFLINE, Patience(1.0, 1.0))
    monkeypatch.setattr("edge.link.client.STATE_EVERY_S", 0.2)
    workers: list[EdgeWorker] = []

    def run(loaded: LoadedConfig) -> EdgeWorker:
        workers.append(EdgeWorker(loaded, EDGE))
        workers[-1].start()
        return workers[-1]

    yield run
    for worker in workers:
        worker.stop()


def cameras_of(core: Core) -> dict[str, CameraState]:
    states = core.states()
    return {one.camera: one.state for one in states[-1].cameras} if states else {}


def test_an_edge_comes_up_and_says_how_its_cameras_lists_and_gates_are(
    loaded: LoadedConfig, core: Core, running: Callable[[LoadedConfig], EdgeWorker]
) -> None:
    worker = running(loaded)
    expected = {
        "gate-cam": CameraState.ONLINE,
        "lane-cam": CameraState.ONLINE,
        "yard-cam": CameraState.ONLINE,
        "door-cam": CameraState.OFFLINE,
    }
    until(lambda: cameras_of(core) == expected, "three cameras there, one not")
    until(lambda: core.states()[-1].counters.get("lane.frames", 0) > 0, "the lane looked at")
    state = core.states()[-1]
    assert state.enrol_url == f"http://127.0.0.1:{loaded.config.edge(EDGE).enrol_port}"
    assert state.list_version == 0
    assert set(LIST_COUNTS) <= set(state.counters)
    keys = load_or_create(loaded.state_dir, EDGE)
    assert state.signing_key_base64 is not None
    assert base64.b64decode(state.signing_key_base64) == keys.signing.public_key().public_bytes_raw()
    assert base64.b64decode(state.key_base64) == keys.private.public_key().public_bytes_raw()
    with urllib.request.urlopen(f"{state.enrol_url}/healthz", timeout=10) as answer:
        assert json.load(answer) == {"status": "ok"}
    assert "yard.frames" not in state.counters
    until(lambda: core.count(Channel.CHECKPOINT_STATE) >= 3, "every gate's state")
    until(lambda: any(one.type == "anju.camera.condition.v1" for one in core.events.values()), "the lost camera told")
    [lost] = [CameraConditionV1.model_validate(one.data) for one in core.events.values()]
    assert (lost.camera, lost.condition, lost.checkpoints) == ("door-cam", CameraCondition.OFFLINE, ("door",))
    assert worker._counters.snapshot().get("looks_failed", 0) == 0


def test_a_gate_opens_while_the_broker_is_away_and_the_passage_arrives_when_it_is_back(
    mosquitto: Mosquitto,
    loaded: LoadedConfig,
    core: Core,
    running: Callable[[LoadedConfig], EdgeWorker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = running(loaded)
    until(lambda: worker._link.connected, "connected")
    mosquitto.stop()
    until(lambda: not worker._link.connected, "the cut noticed")
    post = next(one for one in worker._posts if one.checkpoint.id == "gate")
    post._lists = Lists()
    moment = Moment(1.0, NOW, time.monotonic())
    post.handle(Observation(post.checkpoint.id, post.checkpoint.camera, ANNAS_FACE, moment, moment, StepTimes()))
    gate = post.gate
    assert isinstance(gate, SimulatedGate)
    until(lambda: gate.state().gate is GateState.OPEN, "the gate open")
    until(lambda: worker._outbox.waiting().rows >= 1, "the passage on disk")
    mosquitto.start()
    until(lambda: any(one.type == "anju.passage.v1" for one in core.events.values()), "the passage at the core")
    [passage] = [PassageV1.model_validate(one.data) for one in core.events.values() if one.type == "anju.passage.v1"]
    assert passage.gate_opened
    assert passage.times.decision is not None


def test_without_a_plate_model_the_lane_is_told_blind_and_everything_else_works(
    loaded: LoadedConfig,
    core: Core,
    running: Callable[[LoadedConfig], EdgeWorker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise ModelMissingError("model 'anju-plate-det': has not been fetched")

    monkeypatch.setattr(assembly, "open_plate_detector", refuse)
    running(loaded)
    until(lambda: cameras_of(core).get("lane-cam") is CameraState.ONLINE, "the lane's camera there")
    state = core.states()[-1]
    lane = next(one for one in state.cameras if one.camera == "lane-cam")
    assert "anju models fetch anju-plate-det anju-plates" in lane.detail
    assert state.counters["lanes_without_plate_models"] == 1
    until(lambda: core.states()[-1].counters.get("gate.frames", 0) > 0, "the gate looked at")


def test_an_enrolment_port_that_is_taken_keeps_no_gate_shut(
    loaded: LoadedConfig, core: Core, running: Callable[[LoadedConfig], EdgeWorker], mosquitto: Mosquitto
) -> None:
    taken = loaded.config.edge(EDGE).model_copy(update={"enrol_port": mosquitto.port})
    config = loaded.config.model_copy(update={"edges": (taken,)})
    running(LoadedConfig(config, loaded.path, loaded.state_dir))
    until(core.states, "its state")
    assert core.states()[-1].enrol_url is None
    assert core.states()[-1].counters["enrolment_unavailable"] == 1


@pytest.mark.parametrize(
    ("content", "advice"),
    [(None, "copy the core's .pub file here"), (b"not a key", "not the core's public key")],
)
def test_a_missing_or_wrong_public_key_of_the_core_is_told_before_anything_runs(
    loaded: LoadedConfig, content: bytes | None, advice: str
) -> None:
    path = loaded.file(loaded.config.edge(EDGE).core_public_key_file)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyFileError, match=advice):
        EdgeWorker(loaded, EDGE)


def test_an_edge_the_file_does_not_name_is_refused_with_the_ones_it_does(loaded: LoadedConfig) -> None:
    with pytest.raises(ConfigError, match=r"no edge 'edge-9' \(known: edge-1\)"):
        EdgeWorker(loaded, EdgeId("edge-9"))


def test_trouble_in_the_house_is_counted_and_the_edge_goes_on(
    loaded: LoadedConfig, running: Callable[[LoadedConfig], EdgeWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_CAMERAS_EVERY_S", 0.0)
    with capture_logs() as logs:
        worker = running(loaded)
        monkeypatch.setattr(worker._watches, "look", lambda *_: 1 / 0)
        until(lambda: worker._counters.snapshot().get("housekeeping_failed", 0) >= 2, "counted twice")
    assert any(entry["event"] == "edge.housekeeping_failed" for entry in logs)


def test_a_chore_that_fails_keeps_no_other_from_being_done(
    loaded: LoadedConfig, running: Callable[[LoadedConfig], EdgeWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise RuntimeError("a chore's own trouble")

    revived: list[float] = []
    monkeypatch.setattr(worker_module, "RECONCILE_EVERY_S", 0.05)
    monkeypatch.setattr(EdgeWorker, "_let_gates_close", lambda _: fails())
    monkeypatch.setattr(EdgeWorker, "_look_after_cameras", lambda _: fails())
    monkeypatch.setattr(Reconciler, "put_right", lambda _, now_s: revived.append(now_s))
    worker = running(loaded)
    until(lambda: len(revived) >= 2, "the last chore was done")
    assert worker._counters.snapshot()["housekeeping_failed"] >= 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_back_within_a_minute_and_counted(
    loaded: LoadedConfig, core: Core, running: Callable[[LoadedConfig], EdgeWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "RECONCILE_EVERY_S", 0.2)  # the minute
    worker = running(loaded)
    until(lambda: core.states() != [] and core.states()[-1].counters.get("gate.frames", 0) > 0, "the gate looked at")
    dying = {"vision-0", "edge-link", "camera-gate-cam", "gate-gate", "pictures"}
    threads = {part.name: thread for part, thread in worker._reconciler._threads.items()}
    assert dying <= set(threads)
    waiting = {"pictures": worker._pictures, "gate-gate": next(post for post in worker._posts)._doer}
    for name in sorted(dying):
        kill(threads[name], wake=waiting.get(name))
    until(lambda: worker._counters.snapshot().get("parts_revived", 0) >= len(dying), "all of them revived")
    assert all(thread.alive for thread in threads.values())
    seen = worker._watch_counts()["gate.frames"]
    until(lambda: worker._watch_counts()["gate.frames"] > seen, "the gate looked at again")
    heard = len(core.states())
    until(lambda: len(core.states()) > heard, "the core told again")


def kill(thread: LivingThread, wake: Aside | None) -> None:
    """End ``thread`` from within, as a fault in its outermost loop would: at its next step, which may need a job."""
    inner = thread._thread
    assert inner is not None
    assert inner.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(inner.ident), ctypes.py_object(SystemExit))
    if wake is not None:
        wake.submit(lambda: None)
    until(lambda: not inner.is_alive(), f"{thread.name} dead")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_runs_until_a_signal_and_ends_cleanly(estate: Path, number: signal.Signals, core: Core) -> None:
    command = [sys.executable, "-m", "cli", "edge", "--config", str(estate), "--id", EDGE]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        until(lambda: cameras_of(core).get("gate-cam") is CameraState.ONLINE, "running", timeout_s=60)
        process.send_signal(number)
        assert process.wait(10) == 0
        until(lambda: core.last(Channel.EDGE_AVAILABILITY) == b"offline", "goodbye said")
    finally:
        process.kill()
        said = [json.loads(line) for line in process.stderr.read().splitlines() if line.startswith("{")]
        process.stderr.close()
        process.wait(10)
    assert said[-1]["event"] == "edge.stopped"
    assert not [entry for entry in said if entry["level"] in {"error", "critical"}]


def test_the_command_shows_the_fingerprint_of_the_edges_keys(estate: Path, loaded: LoadedConfig) -> None:
    command = [sys.executable, "-m", "cli", "edge", "key", "--config", str(estate), "--id", EDGE]
    shown = [subprocess.run(command, capture_output=True, text=True, check=True, timeout=60) for _ in range(2)]
    assert shown[0].stdout.strip() == load_or_create(loaded.state_dir, EDGE).fingerprint
    assert shown[0].stdout == shown[1].stdout


def test_what_was_not_sent_before_the_end_is_there_after_it(
    loaded: LoadedConfig, mosquitto: Mosquitto, running: Callable[[LoadedConfig], EdgeWorker]
) -> None:
    mosquitto.stop()
    worker = running(loaded)
    until(lambda: worker._outbox.waiting().rows >= 1, "the lost camera written down")
    worker.stop()
    outbox = DurableOutbox(loaded.state_dir / f"edge-{EDGE}" / "outbox.db", max_rows=100, max_bytes=10_000_000)
    assert outbox.waiting().rows >= 1
    outbox.close()
