"""Real RTSP: both codecs, credentials, cuts, damage, rates, memory."""

from __future__ import annotations

import gc
import random
import signal
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import pytest

from core.contract.vocabulary import CameraState
from edge.capture.faults import DETAILS, Fault
from edge.capture.glance import Glance
from edge.capture.source import Timeouts
from edge.capture.stream import CameraStream
from tests.edge.capture.conftest import WAIT_S, camera, impatient, until
from tests.support.clips import Codec, encode_clip, frame_number
from tests.support.rtsp import ClipServer, GstServer, GstStream

pytestmark = pytest.mark.integration

QUICK = Timeouts(open_s=5.0, read_s=2.0, picture_s=5.0)
ServeClips = Callable[[Path], ClipServer]


def settle(stream: CameraStream) -> None:
    """Let go by what FFmpeg held back while it looked at the stream: it comes in one burst."""
    until(lambda: stream.counters().get("frames", 0) >= 15, stream)
    while stream.take(0) is not None:
        continue


def numbers_of(stream: CameraStream, count: int) -> list[int]:
    pictures = [stream.take(WAIT_S) for _ in range(count)]
    assert all(picture is not None for picture in pictures), stream.health()
    return [frame_number(picture.bgr()) for picture in pictures if picture is not None]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_frames_arrive_in_order_with_times_from_the_stream(
    codec: Codec, clip: Callable[..., Path], rtsp_server: ServeClips
) -> None:
    path = clip(codec, seconds=8.0)
    server = rtsp_server(path.parent)
    with CameraStream(camera(server.url(path.name)), wanted_fps=25, timeouts=QUICK) as stream:
        settle(stream)
        pictures = [stream.take(WAIT_S) for _ in range(20)]
        health = stream.health()
    taken = [(frame_number(picture.bgr()), picture) for picture in pictures if picture is not None]
    assert len(taken) == 20
    first, start = taken[0]
    for number, picture in taken:
        assert picture.moment.pts_s - start.moment.pts_s == pytest.approx((number - first) / 25, abs=0.04)
        assert picture.bgr().shape == (240, 320, 3)
        assert picture.bgr() is picture.bgr()
        assert picture.capture_ms >= 0
    assert [number for number, _ in taken] == sorted(number for number, _ in taken)
    assert health.state is CameraState.ONLINE
    assert health.detail == ""


def test_a_consumer_gets_the_rate_it_wants(clip: Callable[..., Path], rtsp_server: ServeClips) -> None:
    path = clip("h264", seconds=8.0)
    server = rtsp_server(path.parent)
    with CameraStream(camera(server.url(path.name)), wanted_fps=5, timeouts=QUICK) as stream:
        settle(stream)
        numbers = numbers_of(stream, 6)
    gaps = [later - earlier for earlier, later in pairwise(numbers)]
    # One picture more or less: on a busy machine the quickest packet so far, which tells the times, may still come.
    assert sum(gaps) == pytest.approx(25, abs=1)
    assert all(abs(gap - 5) <= 1 for gap in gaps), gaps


def test_an_overview_camera_is_decoded_at_keyframes_and_hands_out_nothing_unasked(
    clip: Callable[..., Path], rtsp_server: ServeClips
) -> None:
    path = clip("h264", seconds=4.0)
    server = rtsp_server(path.parent)
    with CameraStream(camera(server.url(path.name), kind="overview"), timeouts=QUICK) as stream:
        until(lambda: stream.counters().get("frames", 0) >= 3, stream)
        received = sum(1 for _ in stream.sent().ring.from_keyframe_before(float("-inf")))
        decoded = stream.counters()["frames"]
        assert stream.take(0) is None
        health = stream.health()
    assert health.state is CameraState.ONLINE
    assert decoded <= received / 20, "a keyframe every other second, of 25 packets in each"


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_a_camera_with_credentials_opens_with_the_right_ones_only(
    auth: str, gst_rtsp_server: Callable[[GstStream], GstServer], tmp_path: Path
) -> None:
    server = gst_rtsp_server(GstStream(user="viewer", auth="basic" if auth == "basic" else "digest"))
    wrong = tmp_path / "wrong.password"
    wrong.write_text("not-it")
    right_login = camera(server.url, user="viewer", password_file=server.password_file)
    with CameraStream(right_login, timeouts=QUICK) as stream:
        until(lambda: stream.health().state is CameraState.ONLINE, stream)
    wrong_login = camera(server.url, user="viewer", password_file=wrong)
    with CameraStream(wrong_login, timeouts=QUICK, backoff=impatient()) as stream:
        until(lambda: stream.counters().get("fault.wrong_password", 0) >= 2, stream)
        assert stream.health().detail == DETAILS[Fault.WRONG_PASSWORD]


def test_it_comes_back_when_the_camera_does_and_memory_stays_bounded(
    clip: Callable[..., Path], rtsp_server: ServeClips
) -> None:
    path = clip("h264", seconds=4.0)
    server = rtsp_server(path.parent)
    with CameraStream(camera(server.url(path.name)), wanted_fps=25, timeouts=QUICK, backoff=impatient()) as stream:
        for cut in range(4):
            picture = stream.take(WAIT_S)
            assert picture is not None
            last_s = picture.moment.pts_s
            until(lambda: stream.health().state is CameraState.ONLINE, stream)
            server.stop()
            until(lambda: stream.health().state is CameraState.OFFLINE, stream)
            server.start()
            until(lambda: stream.health().state is CameraState.ONLINE, stream)
            assert stream.health().reconnects == cut + 1
            while (later := stream.take(WAIT_S)) is not None and later.moment.pts_s == last_s:
                continue
            assert later is not None
            assert later.moment.pts_s > last_s, "stream time goes on although the camera's started over"
            del later, picture
        assert threading.active_count() < 10
        gc.collect()
        frames = [thing for thing in gc.get_objects() if type(thing).__name__ == "Picture"]
        assert len(frames) <= 5
    assert not any(thread.name == "camera-cam-1" for thread in threading.enumerate())


def test_a_camera_that_falls_silent_is_offline_after_the_read_timeout_and_comes_back(
    clip: Callable[..., Path], rtsp_server: ServeClips
) -> None:
    path = clip("h264", seconds=4.0)
    server = rtsp_server(path.parent)
    with CameraStream(camera(server.url(path.name)), timeouts=QUICK, backoff=impatient()) as stream:
        until(lambda: stream.health().state is CameraState.ONLINE, stream)
        assert server._child is not None
        server._child.signal(signal.SIGSTOP)
        try:
            until(lambda: stream.counters().get("fault.silent", 0) >= 1, stream)
            assert stream.health().state is CameraState.OFFLINE
        finally:
            server._child.signal(signal.SIGCONT)
        until(lambda: stream.health().state is CameraState.ONLINE, stream)


def test_a_clip_that_ends_is_an_ended_stream(clip: Callable[..., Path], rtsp_server: ServeClips) -> None:
    path = clip("h264", seconds=1.0)
    server = rtsp_server(path.parent)
    with CameraStream(camera(server.url(path.name, loop=False)), timeouts=QUICK, backoff=impatient()) as stream:
        until(lambda: stream.health().reconnects >= 1, stream)
        faults = {name for name in stream.counters() if name.startswith("fault.")}
    assert faults <= {"fault.ended", "fault.silent"}


def test_damaged_packets_are_counted_and_survived(
    clip: Callable[..., Path], rtsp_server: ServeClips, tmp_path: Path
) -> None:
    path = damaged(clip("h264", seconds=4.0), tmp_path / "damaged.mp4")
    server = rtsp_server(tmp_path)
    with CameraStream(camera(server.url(path.name)), wanted_fps=25, timeouts=QUICK, backoff=impatient()) as stream:
        until(lambda: stream.health().corrupt_packets >= 5 and stream.counters()["frames"] >= 100, stream)
        assert stream.health().state is CameraState.ONLINE


def damaged(source: Path, target: Path) -> Path:
    """The clip with bits turned over in every tenth packet's slice data."""
    raw = bytearray(source.read_bytes())
    rng = random.Random(5)
    with av.open(str(source)) as container:
        packets = [
            (packet.pos, packet.size)
            for number, packet in enumerate(container.demux(video=0))
            if packet.pos is not None and packet.size > 200 and number % 10 == 5
        ]
    for position, size in packets:
        for _ in range(40):
            raw[position + rng.randrange(20, size)] ^= 1 << rng.randrange(8)
    target.write_bytes(raw)
    return target


def test_stopping_twice_or_before_starting_leaves_nothing_behind() -> None:
    stream = CameraStream(camera("rtsp://127.0.0.1:9/stream"))
    stream.stop()
    started = CameraStream(camera("rtsp://127.0.0.1:9/stream"), backoff=impatient())
    started.start()
    started.stop()
    started.stop()
    assert not any(thread.name == "camera-cam-1" for thread in threading.enumerate())


def test_a_camera_with_a_small_stream_is_watched_there_and_shows_the_main_one_in_detail(
    clip: Callable[..., Path], rtsp_server: ServeClips
) -> None:
    small = clip("h264", seconds=8.0)
    server = rtsp_server(small.parent)
    main = encode_clip(small.parent / "main.mp4", seconds=8.0, width=640, height=480)
    config = camera(server.url(main.name), sub_url=server.url(small.name))
    with CameraStream(config, wanted_fps=10, timeouts=QUICK) as stream:
        until(lambda: stream.counters().get("connections", 0) >= 1, stream)
        until(lambda: stream.health().state is CameraState.ONLINE, stream)
        picture = stream.take(WAIT_S)
        while stream.take(0) is not None:
            continue
        picture = stream.take(WAIT_S)
        assert picture is not None
        assert (picture.width, picture.height) == (640, 480)
        assert picture.luma().shape == (240, 320)
        assert picture.part(0, 0, 640, 480, 320).shape == (240, 320, 3)
        before = stream.counters().get("frames", 0)
        assert picture.bgr().shape == (480, 640, 3)
        assert frame_number(picture.bgr()) < 8 * 25
        assert stream.counters()["frames"] > before, "the main stream is decoded when it is asked for"
        health = stream.health()
        assert stream.sent("sub").form is not None
        assert stream.sent("main").ring.newest_s is not None
    assert health.state is CameraState.ONLINE
    assert health.detail == ""
    assert health.watching == "pictures", "a new stream is learnt first"


def test_while_its_small_stream_is_missing_a_camera_is_watched_on_the_main_one_and_says_so(
    clip: Callable[..., Path], rtsp_server: ServeClips
) -> None:
    path = clip("h264", seconds=8.0)
    server = rtsp_server(path.parent)
    config = camera(server.url(path.name), sub_url=server.url("none.mp4"))
    with CameraStream(config, wanted_fps=25, timeouts=QUICK, backoff=impatient()) as stream:
        until(lambda: "sub stream is away" in stream.health().detail, stream)
        numbers = numbers_of(stream, 5)
        assert numbers == sorted(set(numbers))
        assert stream.health().state is CameraState.ONLINE


def test_a_camera_tells_its_own_clock_in_its_sender_reports(
    gst_rtsp_server: Callable[[GstStream], GstServer],
) -> None:
    server = gst_rtsp_server(GstStream())
    glances: list[Glance] = []
    with CameraStream(camera(server.url), on_glance=glances.append, timeouts=QUICK) as stream:
        until(lambda: any(glance.camera_clock is not None for glance in glances), stream)
    told = next(glance for glance in glances if glance.camera_clock is not None)
    assert told.camera_clock is not None
    assert abs((told.camera_clock - told.at).total_seconds()) < 5.0
    assert told.luma.shape == (240, 320)
