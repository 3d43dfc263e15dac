"""A clip's packets as a camera's: pictures at the time they were made, in whatever order they are packed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.capture.picture import Picture
from edge.replay.clip import ClipError, ClipPacket, ClipStream, OpenClip, open_clip, stream_packet
from edge.replay.clock import ReplayClock
from tests.support.clips import encode_clip, frame_number

FPS = 25
B_FRAMES = {"tune": "psnr", "bf": "3", "b-adapt": "0", "b-pyramid": "normal"}


def number_of(picture: Picture) -> int:
    return frame_number(np.asarray(picture.bgr(), np.uint8))


def played(clip: ClipStream) -> list[Picture]:
    found: list[Picture] = []
    while clip.advance():
        while (picture := clip.take(0.0)) is not None:
            found.append(picture)
    return found


@pytest.mark.parametrize("options", [{}, B_FRAMES], ids=["in order", "out of order"])
@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4", "clip.ts"])
def test_pictures_are_handed_out_at_the_rate_they_are_wanted_each_at_its_own_time(
    name: str, options: dict[str, str], tmp_path: Path
) -> None:
    clock = ReplayClock()
    clip = ClipStream(encode_clip(tmp_path / name, seconds=8.0, keyframe_every=50, options=options), clock)
    pictures = played(clip)
    clip.close()
    assert len(pictures) == pytest.approx(80, abs=3)
    for one in pictures:
        at_s = number_of(one) / FPS
        assert one.moment.pts_s - clock.starts_s == pytest.approx(at_s, abs=0.005)
        assert (one.moment.received_at - clock.starts_at).total_seconds() == pytest.approx(at_s, abs=0.005)
    assert all(earlier.moment.pts_s < later.moment.pts_s for earlier, later in pairwise(pictures))


def test_behind_a_small_stream_the_full_picture_is_of_the_same_moment(tmp_path: Path) -> None:
    main = encode_clip(tmp_path / "main.mp4", seconds=6.0, width=640, height=480, keyframe_every=50, options=B_FRAMES)
    sub = encode_clip(tmp_path / "sub.mp4", seconds=6.0, keyframe_every=50)
    clock = ReplayClock()
    clip = ClipStream(main, clock, sub=sub)
    apart = [
        abs(number_of(picture) / FPS - (picture.moment.pts_s - clock.starts_s))
        for picture in played(clip)
        if picture.moment.pts_s - clock.starts_s > 0.5
    ]
    clip.close()
    assert len(apart) > 40
    # Those that are sent after later ones are not there yet when the small picture is looked at.
    assert max(apart) <= 4.1 / FPS


def test_no_two_packets_are_sent_at_once(tmp_path: Path) -> None:
    opened = open_clip(encode_clip(tmp_path / "clip.mkv", seconds=2.0, options=B_FRAMES))
    clock = ReplayClock(starts_s=5e7)
    sent = [stream_packet(packet, at_s, clock) for packet, at_s in opened.packets()]
    opened.container.close()
    assert all(earlier.pts_s < later.pts_s for earlier, later in pairwise(sent))
    assert sorted(round((one.made_s - 5e7) * FPS) for one in sent) == list(range(50))


def test_a_damaged_clip_to_learn_from_is_closed_and_the_clip_itself_can_still_be_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = encode_clip(tmp_path / "earlier.mkv", seconds=2.0)
    clip = ClipStream(encode_clip(tmp_path / "clip.mkv", seconds=4.0), ReplayClock())
    opened: list[OpenClip] = []

    def opening(path: Path) -> OpenClip:
        opened.append(Damaged(path, open_clip(path).container))
        return opened[0]

    monkeypatch.setattr("edge.replay.clip.open_clip", opening)
    with pytest.raises(ClipError, match="damaged"):
        clip.learn(earlier)
    with pytest.raises(AssertionError, match="not open"):
        next(opened[0].container.demux(video=0))
    assert played(clip)
    clip.close()


class Damaged(OpenClip):
    """Breaks off after its first packet."""

    def __init__(self, path: Path, container: Any) -> None:
        super().__init__(path, container, container.streams.video[0])

    def packets(self) -> Iterator[tuple[ClipPacket, float]]:
        yield next(super().packets())
        raise ClipError(f"{self.path}: damaged after 0.0 s")
