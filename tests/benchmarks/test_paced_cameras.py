"""The measuring's cameras send each clip whole, at its pace, from where they are asked to."""

from __future__ import annotations

import functools
import itertools
import sys
from pathlib import Path

import av
import pytest

from benchmarks.paced_cameras import cut, first_frame
from benchmarks.rtp import nal_units
from demo.processes import Child, free_port, listens, wait_until
from demo.served import read_served

FRAMES, RUN = 150, 50


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of 50 grey frames, each a little lighter."""
    path = tmp_path_factory.mktemp("cameras") / "grey.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": str(RUN), "bf": "0", "sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        for number in range(FRAMES):
            frame = av.VideoFrame(320, 192, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([60 + number]) * plane.buffer_size)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_clip_is_cut_into_packets_of_all_its_frames_and_begins_at_a_run(clip: Path) -> None:
    reel = cut(nal_units(clip))
    assert len(reel.frames) == len(reel.changing) == FRAMES
    assert all(frame.count(b"$") >= len(places) > 0 for frame, places in zip(reel.frames, reel.changing, strict=True))
    assert [first_frame(reel, share) for share in (0.0, 0.4, 0.7, 0.99)] == [0, 50, 100, 0]


def test_a_client_gets_the_clip_from_where_it_asked_and_what_was_sent_is_logged(clip: Path, tmp_path: Path) -> None:
    port, served = free_port(0), tmp_path / "served.jsonl"
    command = [sys.executable, "-m", "benchmarks.paced_cameras", "--folder", str(clip.parent)]
    child = Child("cameras", [*command, "--port", str(port), "--served", str(served)], tmp_path / "log")
    child.start()
    try:
        wait_until("cameras", functools.partial(listens, port), 20.0, child.check)
        url = f"rtsp://127.0.0.1:{port}/grey.mp4?from=0.67"
        with av.open(url, options={"rtsp_transport": "tcp", "fpsprobesize": "0"}, timeout=(10.0, 10.0)) as container:
            frames = list(itertools.islice(container.decode(video=0), 60))
    finally:
        child.stop()
    greys = [int(frame.to_ndarray(format="gray").mean()) for frame in frames]
    assert abs(greys[0] - greys[1]) <= 2
    assert min(greys[:40]) > 140, "the last of three runs comes first"
    assert max(greys[52:]) < 90, "and then the first"
    # FFmpeg gives the very first frame of a stream no time of its own.
    assert [frame.pts for frame in frames[1:]] == [3600 * number for number in range(1, 60)]
    (session,) = read_served(served)
    assert session.camera == "grey"
    assert session.session.endswith("@100")
    assert session.frames >= 26
