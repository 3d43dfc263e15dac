"""Packets become fragmented MP4 whose pictures are those that were sent, byte for byte."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import pytest

from edge.capture.packets import StreamPacket
from edge.video.codec_string import Codec
from edge.video.remux import Remuxer, RemuxError, StreamHead, clip_of
from tests.edge.video.packets import camera_packets
from tests.support.clips import frame_number


def numbers(mp4: bytes) -> list[int]:
    with av.open(io.BytesIO(mp4), "r") as container:
        return [
            frame_number(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)) for frame in container.decode(video=0)
        ]


def sent_units(packet: StreamPacket) -> list[bytes]:
    """The NAL units of a packet as RTSP and MPEG-TS carry it: between start codes (ITU-T H.264, annex B)."""
    return [unit.rstrip(b"\x00") for unit in bytes(packet.data).split(b"\x00\x00\x01")[1:]]


def shown_units(sample: bytes) -> list[bytes]:
    """The NAL units of an MP4 sample: each after its length in four bytes (ISO/IEC 14496-15)."""
    units = []
    while sample:
        end = 4 + int.from_bytes(sample[:4])
        units.append(sample[4:end].rstrip(b"\x00"))
        sample = sample[end:]
    return units


@pytest.mark.parametrize(("codec", "encoder"), [("h264", "h264"), ("hevc", "h265")])
def test_what_is_shown_is_what_was_sent_byte_for_byte(codec: Codec, encoder: str, tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, "h264" if encoder == "h264" else "h265")
    mp4 = clip_of(StreamHead(codec), packets)
    with av.open(io.BytesIO(mp4), "r") as container:
        samples = [bytes(sample) for sample in container.demux(video=0) if sample.size]
    assert [shown_units(sample) for sample in samples] == [sent_units(packet) for packet in packets]
    assert all(sent_units(packet) for packet in packets)


@pytest.mark.parametrize(("codec", "encoder"), [("h264", "h264"), ("hevc", "h265")])
def test_every_frame_that_was_sent_is_shown_in_order(codec: Codec, encoder: str, tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, "h264" if encoder == "h264" else "h265")
    assert numbers(clip_of(StreamHead(codec), packets)) == list(range(100))


def test_a_clip_lasts_as_long_as_what_it_shows(tmp_path: Path) -> None:
    mp4 = clip_of(StreamHead("h264"), camera_packets(tmp_path))
    with av.open(io.BytesIO(mp4), "r") as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[0] == 0
    assert times[-1] == pytest.approx(99 / 25, abs=0.01)


def test_a_live_view_begins_with_what_a_player_needs_and_goes_on_in_short_fragments(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path)
    remuxer = Remuxer(StreamHead("h264"), packets[0])
    sent = [remuxer.add(packet) for packet in packets]
    assert remuxer.mime.startswith('video/mp4; codecs="avc1.')
    begun = b"".join(sent[:12])
    assert begun[4:8] == b"ftyp"
    assert begun.count(b"moov") == 1
    assert begun.count(b"moof") >= 1
    longest_wait = max(len(run) for run in "".join("x" if part else "." for part in sent[12:]).split("x"))
    assert longest_wait <= 6, "at 25 frames a second a fragment of 0.2 s is five frames"


def test_parameter_sets_that_only_the_session_description_has_come_first(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=1.0)
    whole = bytes(packets[0].data)
    at = whole.index(b"\x00\x00\x01\x65")  # the picture itself; before it the parameter sets
    bare = av.Packet(whole[at:])
    bare.pts, bare.dts, bare.time_base = packets[0].data.pts, packets[0].data.dts, packets[0].data.time_base
    first = dataclasses.replace(packets[0], data=bare)
    with pytest.raises(RemuxError, match=r"without the parameter sets|is no h264"):
        Remuxer(StreamHead("h264"), first)
    assert numbers(clip_of(StreamHead("h264", whole[:at]), [first, *packets[1:]])) == list(range(25))


def test_the_first_packet_of_a_connection_may_come_without_a_time(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=1.0)
    bare = av.Packet(bytes(packets[0].data))
    bare.time_base = packets[0].data.time_base
    mp4 = clip_of(StreamHead("h264"), [dataclasses.replace(packets[0], data=bare), *packets[1:]])
    assert numbers(mp4) == list(range(25))
    with av.open(io.BytesIO(mp4), "r") as container:
        assert [frame.time for frame in container.decode(video=0)][1] == pytest.approx(1 / 25, abs=0.001)


def test_a_clip_begins_with_a_keyframe(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=1.0)
    with pytest.raises(RemuxError, match="keyframe"):
        clip_of(StreamHead("h264"), packets[1:])


def test_what_can_not_be_put_into_mp4_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packets = camera_packets(tmp_path, seconds=1.0)
    opens: Any = av.open

    def refuse(file: Any, mode: str = "r", **more: Any) -> Any:
        if mode == "w":
            raise av.error.MemoryError(12, "no memory")
        return opens(file, mode, **more)

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(RemuxError, match="can't be put into MP4"):
        Remuxer(StreamHead("h264"), packets[0])


def test_no_packets_are_no_clip() -> None:
    with pytest.raises(RemuxError, match="no packets"):
        clip_of(StreamHead("h264"), [])


@pytest.mark.parametrize("content", [b"garbage", b"\x00\x00\x01\x67" + b"\xff" * 50])
def test_garbage_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    packet = camera_packets(tmp_path, seconds=1.0)[0]
    garbage = dataclasses.replace(packet, data=av.Packet(content), size=len(content))
    with pytest.raises(RemuxError, match="keyframe"):
        Remuxer(StreamHead("h264"), garbage)


def test_a_stream_whose_clock_jumps_ends_the_view(tmp_path: Path) -> None:
    packets = camera_packets(tmp_path, seconds=1.0)

    def later(packet: StreamPacket, ticks: int) -> StreamPacket:
        data = av.Packet(bytes(packet.data))
        data.time_base = packet.data.time_base
        data.dts, data.pts = (packet.data.dts or 0) + ticks, (packet.data.pts or 0) + ticks
        return dataclasses.replace(packet, data=data)

    remuxer = Remuxer(StreamHead("h264"), packets[0])
    remuxer.add(packets[0])
    assert remuxer.add(later(packets[1], -45_000)) == b"", "time that runs back a little is left out"
    for jump in (90_000 * 60, -90_000 * 60):
        with pytest.raises(RemuxError, match="clock jumped"):
            remuxer.add(later(packets[2], jump))
