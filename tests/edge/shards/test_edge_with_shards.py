"""A gate, a door, a lane and a yard looked at in two processes: real clips, real models, real lists, one edge.

The tests share the edge: each waits for what it is about, and says nothing of how often it has happened.
"""

from __future__ import annotations

import base64
import io
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import av
import httpx
import numpy as np
import pytest

from core.contract.base import Message
from core.contract.events import PassageV1, PictureV1
from core.contract.events_scenes import Happening, HappeningV1
from core.contract.ids import CameraId, ClipId, new_id
from core.contract.viewing import ViewTicket, sign_view
from core.contract.vocabulary import CameraState, Presentation, Reason, Verdict
from edge import assembly
from edge.shards.host import ShardHost
from edge.worker import EdgeWorker
from tests.edge.link.parts import until
from tests.edge.lists.estate import EDGE, GATE
from tests.edge.shards.filmed import DOOR, LANE, Filmed, filmed
from tests.edge.shards.memory import holds
from tests.support.rtsp import ClipServer

pytestmark = pytest.mark.integration
M = TypeVar("M", bound=Message)
PATIENCE_S = 60.0
LANE_CAMERA, YARD = CameraId("lane-cam"), CameraId("yard-cam")


@pytest.fixture(scope="module")
def estate(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filmed]:
    folder = tmp_path_factory.mktemp("whole")
    servers: list[ClipServer] = []

    def serve(clips: Path) -> ClipServer:
        servers.append(ClipServer(clips, folder / "rtsp.log"))
        servers[-1].start()
        return servers[-1]

    yield filmed(folder, serve, shards=2, whole=True)
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def edge(estate: Filmed) -> Iterator[EdgeWorker]:
    with pytest.MonkeyPatch.context() as patched:
        for opens in ("open_plate_detector", "open_plate_reader", "open_body_detector", "open_presentation_check"):
            patched.setattr(assembly, opens, needless)
        worker = EdgeWorker(estate.loaded, EDGE)
    estate.enrol(worker._lists)
    worker.start()
    yield worker
    processes = [host.process.pid for host in worker._shards.hosts if host.process is not None]
    worker.stop()
    assert not any(Path(f"/proc/{one}").exists() for one in processes), "it leaves none behind"


def needless(*_: object, **__: object) -> None:
    raise AssertionError("the edge looks at no picture: it has no use for this model")


def told(edge: EdgeWorker, kind: type[M], name: str) -> list[M]:
    """Every event of a kind that waits for the core."""
    rows = edge._outbox.unacknowledged(0, 1000)
    return [kind.model_validate_json(row.data) for row in rows if row.type == name]


def passages(edge: EdgeWorker, checkpoint: str) -> list[PassageV1]:
    return [one for one in told(edge, PassageV1, "anju.passage.v1") if one.checkpoint == checkpoint]


def host_of(edge: EdgeWorker, camera: str) -> ShardHost:
    (found,) = [one for one in edge._shards.hosts if camera in one._begin.cameras]
    return found


def process_of(edge: EdgeWorker, camera: str) -> int:
    process = host_of(edge, camera).process
    assert process is not None
    return process.pid


def ticket(estate: Filmed, *, camera: CameraId | None = None, clip: ClipId | None = None) -> dict[str, str]:
    now = datetime.now(UTC)
    until = None if camera is None else now + timedelta(minutes=5)
    claim = ViewTicket(
        ticket_id=new_id(), edge=EDGE, camera=camera, clip=clip, expires_at=now + timedelta(minutes=1), until=until
    )
    return {"authorization": f"Bearer {sign_view(claim, estate.core.core_key)}"}


def shown_clip(edge: EdgeWorker, estate: Filmed, clip: ClipId) -> list[float]:
    """Times of the frames of a clip, as somebody with a ticket is shown it."""
    address = f"{edge._endpoint.url}/v1/clips/{clip}"
    answer = httpx.get(address, headers=ticket(estate, clip=clip), timeout=10.0)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith('video/mp4; codecs="avc1.')
    with av.open(io.BytesIO(answer.content), "r") as container:
        return [frame.time for frame in container.decode(video=0)]


def kept(edge: EdgeWorker, clip: ClipId) -> Path:
    folder: Path = edge._video._recorder._store._folder  # type: ignore[attr-defined]
    return folder / f"{clip}.clip"


def test_the_cameras_are_spread_and_none_is_looked_at_by_the_edge_itself(edge: EdgeWorker) -> None:
    assert sorted(len(host._begin.cameras) for host in edge._shards.hosts) == [2, 2]
    assert edge._streams == {}
    until(lambda: all(one.state is CameraState.ONLINE for one in edge._camera_health()), "all there", PATIENCE_S)


def test_somebody_with_consent_is_let_in_and_no_process_ever_holds_their_face(edge: EdgeWorker, estate: Filmed) -> None:
    until(lambda: [one for one in passages(edge, GATE) if one.verdict is Verdict.ADMIT], "let in", PATIENCE_S)
    until(lambda: edge._counters.snapshot().get("gates_opened", 0) >= 1, "the gate opened")
    until(lambda: edge._watch_counts().get(f"{GATE}.passes", 0) >= 1, "counted")
    template = np.asarray(estate.vector, "<f4").tobytes()[:64]
    key = estate.core.keys.private.private_bytes_raw()
    assert holds(os.getpid(), template)
    assert not holds(process_of(edge, "cam"), template, key, estate.subject.encode())


def test_a_pass_opens_the_door_for_its_holder_alone(edge: EdgeWorker, estate: Filmed) -> None:
    until(lambda: passages(edge, DOOR), "a pass held up", PATIENCE_S)
    first = passages(edge, DOOR)[0]
    assert (first.verdict, first.reason, first.subject) == (Verdict.ADMIT, Reason.VERIFIED, estate.subject)
    assert first.template_id == estate.template.template_id
    assert first.presentation is Presentation.NOT_CHECKED
    assert first.picture is None


def test_a_car_is_read_and_shown_to_the_guard_with_a_picture_and_a_clip(edge: EdgeWorker, estate: Filmed) -> None:
    until(lambda: passages(edge, LANE), "a car read", PATIENCE_S)
    first = passages(edge, LANE)[0]
    assert (first.verdict, first.reason) == (Verdict.ASK_GUARD, Reason.UNLISTED)
    assert first.plate is not None
    assert first.plate.text == "津KX8331"
    until(lambda: [one for one in told(edge, PictureV1, "anju.picture.v1") if one.passage_id == first.passage_id], "it")
    [picture] = [one for one in told(edge, PictureV1, "anju.picture.v1") if one.passage_id == first.passage_id]
    assert picture.picture_id == first.picture
    assert base64.b64decode(picture.jpeg_base64).startswith(b"\xff\xd8")
    clip = ClipId(first.passage_id)
    until(lambda: kept(edge, clip).is_file(), "its clip", PATIENCE_S)
    assert b"ftyp" not in kept(edge, clip).read_bytes()
    assert shown_clip(edge, estate, clip)[-1] >= 1.0


def test_what_happens_in_the_yard_is_told_and_kept_as_a_clip(edge: EdgeWorker, estate: Filmed) -> None:
    until(lambda: told(edge, HappeningV1, "anju.happening.v1"), "somebody went the wrong way", PATIENCE_S)
    first = told(edge, HappeningV1, "anju.happening.v1")[0]
    assert (first.what, first.camera) == (Happening.WRONG_WAY, YARD)
    clip = ClipId(first.happening_id)
    until(lambda: kept(edge, clip).is_file(), "its clip", PATIENCE_S)
    assert shown_clip(edge, estate, clip)[-1] >= 1.0
    until(lambda: edge._watch_counts().get(f"{YARD}.scenes.looks", 0) > 0, "counted")


def test_a_camera_is_watched_live_and_the_view_ends_with_its_process_while_other_cameras_go_on(
    edge: EdgeWorker, estate: Filmed
) -> None:
    assert host_of(edge, LANE_CAMERA) is not host_of(edge, YARD)
    ended, goes_on = process_of(edge, YARD), process_of(edge, LANE_CAMERA)
    before = edge._counters.snapshot().get("shards_ended", 0)
    address = f"{edge._endpoint.url}/v1/cameras/{YARD}/live"
    mp4, killed = b"", False
    with httpx.stream("GET", address, headers=ticket(estate, camera=YARD), timeout=10.0) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith('video/mp4; codecs="avc1.')
        for part in answer.iter_bytes():
            mp4 += part
            if mp4.count(b"moof") > 5 and not killed:
                os.kill(ended, signal.SIGKILL)  # the answer ends by itself, or the client's timeout would raise
                killed = True
    with av.open(io.BytesIO(mp4[: mp4.rindex(b"moof") - 4]), "r") as container:
        assert sum(1 for _ in container.decode(video=0)) >= 5
    until(lambda: edge._counters.snapshot()["shards_ended"] == before + 1, "counted")
    answer = httpx.get(address, headers=ticket(estate, camera=YARD), timeout=10.0)
    assert (answer.status_code, answer.json()["reason"]) == (409, "camera_away")
    looks = edge._watch_counts()[f"{LANE}.frames"]
    until(lambda: edge._watch_counts()[f"{LANE}.frames"] > looks, "the others looked at")
    assert process_of(edge, LANE_CAMERA) == goes_on
    until(lambda: edge._watch_counts().get(f"{YARD}.scenes.looks", 0) > 0, "looked at again", PATIENCE_S)
    assert process_of(edge, YARD) != ended
    assert edge._counters.snapshot().get("looks_failed", 0) == 0
