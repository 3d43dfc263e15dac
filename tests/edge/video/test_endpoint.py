"""Whoever has a ticket watches, once, just that, until its end; everybody else is told why not."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from starlette.types import Message

from core.contract.ids import CameraId, ClipId, EdgeId, id_born_at, new_id
from core.contract.viewing import ViewTicket, sign_view
from edge.capture.packets import StreamPacket
from edge.enrol.server import EnrolServer
from edge.enrol.tickets import TicketBook
from edge.video.clips import Clip, ClipStore
from edge.video.desk import MAX_VIEWERS, VideoDesk
from edge.video.endpoint import _Live, make_router
from edge.video.footage import Footage, Which
from edge.video.live import LiveView, newer
from edge.video.remux import StreamHead
from tests.edge.link.parts import until
from tests.edge.video.packets import BORN, START_S, camera_packets, ring_of

EDGE, CAMERA = EdgeId("edge-1"), CameraId("cam-1")
CLIP = ClipId(id_born_at(round(BORN.timestamp() * 1000)))
KEY = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
NOW = BORN + timedelta(hours=1)


class Video:
    """An edge's video desk, served, with one camera that has sent four seconds."""

    def __init__(self, folder: Path) -> None:
        self.packets = camera_packets(folder, seconds=4.0)
        self.ring = ring_of(self.packets)
        self.there = True
        self.now = NOW
        self.store = ClipStore(folder / "clips", b"k" * 32, max_bytes=1_000_000, keep=timedelta(days=7))
        self.tickets = TicketBook(folder / "tickets.db")
        self.desk = VideoDesk(EDGE, KEY.public_key(), self.tickets, self.store, self.find, wall_clock=lambda: self.now)
        app = FastAPI()
        app.include_router(make_router(self.desk))
        self.server = EnrolServer(app, "127.0.0.1", 0)
        self.server.start()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.server.port}", timeout=10.0)

    def find(self, camera: CameraId, which: Which) -> LiveView | None:
        return LiveView(Footage(StreamHead("h264"), self.ring)) if self.there and camera == CAMERA else None

    def ticket(self, *, camera: CameraId | None = CAMERA, clip: ClipId | None = None, edge: EdgeId = EDGE) -> str:
        end = None if camera is None else NOW + timedelta(minutes=5)
        claim = ViewTicket(
            ticket_id=new_id(), edge=edge, camera=camera, clip=clip, expires_at=NOW + timedelta(minutes=1), until=end
        )
        return sign_view(claim, KEY)

    def ask(self, path: str, ticket: str) -> httpx.Response:
        return self.client.get(path, headers={"authorization": f"Bearer {ticket}"})

    def close(self) -> None:
        self.desk.close()
        self.client.close()
        self.server.stop()
        self.tickets.close()


@pytest.fixture
def video(tmp_path: Path) -> Iterator[Video]:
    made = Video(tmp_path)
    yield made
    made.close()


def live(camera: CameraId = CAMERA) -> str:
    return f"/v1/cameras/{camera}/live"


def watch(
    video: Video, ticket: str, *, frames: int, begun: Callable[[], None] = lambda: None
) -> tuple[str, list[float]]:
    """Content type, and the times of the frames seen until there are ``frames``; then the view is closed.

    begun: called once something is shown.
    """
    seen, mp4 = 0, b""
    with video.client.stream("GET", live(), headers={"authorization": f"Bearer {ticket}"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        for part in answer.iter_bytes():
            if not mp4:
                begun()
            mp4 += part
            seen = mp4.count(b"moof") * 5
            if seen >= frames:
                break
    whole = mp4[: mp4.rindex(b"moof") - 4]  # the view was closed in the middle of a fragment
    with av.open(io.BytesIO(whole), "r") as container:
        return answer.headers["content-type"], [frame.time for frame in container.decode(video=0)]


def test_a_live_view_begins_at_the_newest_keyframe_and_goes_on_as_packets_come(video: Video, tmp_path: Path) -> None:
    def go_on() -> None:
        for packet in later[100:]:
            video.ring.add(packet)

    later = camera_packets(tmp_path, seconds=8.0)
    mime, times = watch(video, video.ticket(), frames=60, begun=go_on)
    assert mime.startswith('video/mp4; codecs="avc1.')
    assert times[0] == 0
    assert times[-1] >= 2.0, "one second was there, the rest came later"


def test_a_ticket_that_was_used_has_no_clip_read_for_it(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    video.store.put(CLIP, Clip(CAMERA, 'video/mp4; codecs="avc1.640028"', b"the whole clip"))
    ticket = video.ticket(camera=None, clip=CLIP)
    assert video.ask(f"/v1/clips/{CLIP}", ticket).status_code == 200

    def read_again(_clip: ClipId, _now: datetime) -> Clip:
        raise AssertionError("read and decrypted for nobody")

    monkeypatch.setattr(video.store, "get", read_again)
    again = video.ask(f"/v1/clips/{CLIP}", ticket)
    assert (again.status_code, again.json()["reason"]) == (401, "used")


def test_a_clip_is_shown_whole(video: Video) -> None:
    video.store.put(CLIP, Clip(CAMERA, 'video/mp4; codecs="avc1.640028"', b"the whole clip"))
    answer = video.ask(f"/v1/clips/{CLIP}", video.ticket(camera=None, clip=CLIP))
    assert (answer.status_code, answer.content) == (200, b"the whole clip")
    assert answer.headers["content-type"] == 'video/mp4; codecs="avc1.640028"'
    assert answer.headers["cache-control"] == "no-store"


def refused(answer: httpx.Response, status: int, reason: str) -> None:
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert answer.json()["detail_zh"]


def test_a_ticket_is_good_once(video: Video) -> None:
    video.store.put(CLIP, Clip(CAMERA, "video/mp4", b"clip"))
    ticket = video.ticket(camera=None, clip=CLIP)
    assert video.ask(f"/v1/clips/{CLIP}", ticket).status_code == 200
    refused(video.ask(f"/v1/clips/{CLIP}", ticket), 401, "used")


def test_a_ticket_is_good_for_a_minute(video: Video) -> None:
    ticket = video.ticket()
    video.now = NOW + timedelta(minutes=1)
    refused(video.ask(live(), ticket), 401, "expired")


def test_a_ticket_for_something_else_is_none(video: Video) -> None:
    other = CameraId("cam-2")
    stranger = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    forged = sign_view(
        ViewTicket(ticket_id=new_id(), edge=EDGE, camera=CAMERA, expires_at=NOW + timedelta(minutes=1), until=NOW),
        stranger,
    )
    for ticket in (
        video.ticket(camera=other),
        video.ticket(camera=None, clip=CLIP),
        video.ticket(edge=EdgeId("edge-2")),
        forged,
        "nonsense",
        "a.b",
        "x" * 3000 + ".y",
    ):
        refused(video.ask(live(), ticket), 401, "no_ticket")
    refused(video.ask(f"/v1/clips/{CLIP}", video.ticket()), 401, "no_ticket")
    refused(video.client.get(live()), 401, "no_ticket")


def test_a_camera_that_is_away_or_has_sent_nothing_yet_shows_nothing_and_keeps_its_seats(video: Video) -> None:
    video.there = False
    for _ in range(MAX_VIEWERS + 1):
        refused(video.ask(live(), video.ticket()), 409, "camera_away")
    video.there = True
    video.ring.clear()
    for _ in range(MAX_VIEWERS + 1):
        refused(video.ask(live(), video.ticket()), 409, "camera_away")


def test_a_clip_that_is_not_there_or_damaged_is_told(video: Video) -> None:
    refused(video.ask(f"/v1/clips/{CLIP}", video.ticket(camera=None, clip=CLIP)), 404, "no_such_clip")
    video.store._folder.mkdir()
    (video.store._folder / f"{CLIP}.clip").write_bytes(b"damaged")
    refused(video.ask(f"/v1/clips/{CLIP}", video.ticket(camera=None, clip=CLIP)), 500, "clip_unreadable")


def test_seats_are_bounded_and_free_again_when_viewers_leave(video: Video) -> None:
    taken = [video.desk.sit() for _ in range(MAX_VIEWERS)]
    assert all(taken)
    refused(video.ask(live(), video.ticket()), 503, "too_many_viewers")
    for _ in taken:
        video.desk.leave()
    watch(video, video.ticket(), frames=10)
    until(lambda: video.desk._viewers == 0, "the seat is free again")


def test_who_has_no_ticket_takes_no_seat(video: Video) -> None:
    for _ in range(MAX_VIEWERS):
        assert video.desk.sit()
    refused(video.ask(live(), "nonsense"), 401, "no_ticket")


def test_a_ticket_is_not_used_up_by_what_was_not_shown(video: Video) -> None:
    ticket = video.ticket()
    video.ring.clear()
    refused(video.ask(live(), ticket), 409, "camera_away")
    for packet in video.packets:
        video.ring.add(packet)
    watch(video, ticket, frames=10)
    refused(video.ask(live(), ticket), 401, "used")


def test_a_view_ends_after_half_an_hour_also_when_the_wall_clock_was_set_back(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.video.endpoint.MAX_LIVE_S", 0.5)
    ticket = video.ticket()
    with video.client.stream("GET", live(), headers={"authorization": f"Bearer {ticket}"}) as answer:
        video.now = NOW - timedelta(days=1)
        for _ in answer.iter_bytes():
            continue  # ends by itself: the client's timeout would raise


def test_a_viewer_that_takes_nothing_gives_its_seat_back(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.video.endpoint._SEND_S", 0.2)
    left: list[str] = []

    async def parts() -> AsyncIterator[bytes]:
        yield b"moving pictures"

    async def send(message: Message) -> None:
        await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    shown = _Live(parts(), "video/mp4", lambda: left.append("seat"))
    asyncio.run(asyncio.wait_for(shown({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send), 10))
    assert left == ["seat"]


def test_a_view_ends_when_its_time_is_over(video: Video) -> None:
    with video.client.stream("GET", live(), headers={"authorization": f"Bearer {video.ticket()}"}) as answer:
        parts = answer.iter_bytes()
        assert next(parts)
        video.now = NOW + timedelta(minutes=5)
        for _ in parts:
            continue  # ends by itself: the client's timeout would raise


def test_a_viewer_far_behind_goes_on_at_the_newest_keyframe(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=10.0)
    ring = ring_of(packets)
    assert newer(ring, float("-inf"))[0].pts_s == START_S + 9
    assert newer(ring, START_S + 2)[0].pts_s == START_S + 9
    assert newer(ring, START_S + 8)[0].pts_s == pytest.approx(START_S + 8.04)
    assert newer(ring, START_S + 10) == ()


def test_the_newest_packet_is_sent_once(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=2.0)
    ring = ring_of(packets)
    shown = newer(ring, START_S + 1.5)
    assert [packet.pts_s for packet in shown] == sorted(
        {packet.pts_s for packet in packets if packet.pts_s > START_S + 1.5}
    )
    last: StreamPacket = shown[-1]
    ring.add(dataclasses.replace(last, pts_s=last.pts_s + 0.04, keyframe=False))
    assert len(newer(ring, last.pts_s)) == 1


def test_a_ticket_is_for_one_thing_and_a_live_view_has_an_end() -> None:
    with pytest.raises(ValueError, match="end"):
        ViewTicket(ticket_id=new_id(), edge=EDGE, camera=CAMERA, expires_at=datetime.now(UTC))
    with pytest.raises(ValueError, match="camera or for a clip"):
        ViewTicket(ticket_id=new_id(), edge=EDGE, expires_at=datetime.now(UTC))
