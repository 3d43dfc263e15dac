"""A clip is whole or not there."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import av
import numpy as np
import pytest

from core.contract.ids import SubjectKey
from demo.cast import make_cast
from demo.clips import clip_is_complete, clip_key, clip_path, encode
from demo.draw.canvas import Picture
from demo.script import DOOR_CAMERA, GATE_CAMERA, GOP, make_script


class Blank:
    """A grey film, ``pause_s`` of work per frame."""

    def __init__(self, frames: int, pause_s: float = 0.0) -> None:
        self.frames = frames
        self._pause_s = pause_s
        self._picture = np.full((1080, 1920, 3), 128, np.uint8)

    def frame(self, number: int) -> Picture:
        time.sleep(self._pause_s)
        return self._picture.copy()


def _render_for_ever(path: Path, begun: Event) -> None:
    def report(share: float) -> None:
        if share > 0:
            begun.set()

    encode(Blank(100_000, 0.01), path, "the key", 0, report)


def test_a_clip_is_what_a_camera_sends(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    told: list[float] = []
    encode(Blank(60), path, "the key", 0, told.append)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 1920, 1080)
        assert stream.average_rate == 25
        packets = [packet for packet in container.demux(stream) if packet.size]
    assert [index for index, packet in enumerate(packets) if packet.is_keyframe] == [0, GOP]
    assert all(packet.pts == packet.dts for packet in packets), "no B-frames"
    assert len(packets) == 60
    assert told == sorted(told)
    assert clip_is_complete(path, "the key")
    assert not clip_is_complete(path, "another key")
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_render_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    path = tmp_path / "clip.mp4"
    worker = context.Process(target=_render_for_ever, args=(path, begun))
    worker.start()
    assert begun.wait(60)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(10)
    worker.close()
    assert not path.exists()
    assert not clip_is_complete(path, "the key")
    assert len(list(tmp_path.glob(".*.partial"))) == 1
    encode(Blank(10), path, "the key", 0, lambda _share: None)
    assert clip_is_complete(path, "the key")
    assert list(tmp_path.iterdir()) == [path], "the next render clears away what the killed one left"


def test_a_render_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Failing(Blank):
        def frame(self, number: int) -> Picture:
            if number == 5:
                raise OSError("no space")
            return super().frame(number)

    with pytest.raises(OSError, match="no space"):
        encode(Failing(10), tmp_path / "clip.mp4", "the key", 0, lambda _share: None)
    assert list(tmp_path.iterdir()) == []


def test_something_that_is_no_video_is_no_complete_clip(tmp_path: Path) -> None:
    path = clip_path(tmp_path, GATE_CAMERA)
    path.write_bytes(b"not a video")
    assert not clip_is_complete(path, "the key")


def test_a_clips_key_changes_with_the_passes_shown_in_it_and_with_nothing_else() -> None:
    cast = make_cast(7)
    script = make_script(cast, 7)
    passes = {resident.subject: f"pass {number}" for number, resident in enumerate(cast.residents)}
    shown = next(act.shows for act in script.camera(DOOR_CAMERA).acts if act.shows is not None)
    other: dict[SubjectKey, str] = {**passes, shown: "another pass"}
    assert clip_key(DOOR_CAMERA, cast, script, passes) == clip_key(DOOR_CAMERA, cast, script, dict(passes))
    assert clip_key(DOOR_CAMERA, cast, script, passes) != clip_key(DOOR_CAMERA, cast, script, other)
    assert clip_key(GATE_CAMERA, cast, script, passes) == clip_key(GATE_CAMERA, cast, script, other)
    assert clip_key(GATE_CAMERA, cast, script, passes) != clip_key(DOOR_CAMERA, cast, script, passes)
