"""Decoding on what the configuration says, and on the processor where that is not to be had."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import av
import pytest
from av.codec.hwaccel import hwdevices_available

from edge.capture import decoder as decoding
from edge.capture.decoder import Decoder, DecoderKind, StreamForm
from edge.capture.packets import StreamPacket
from tests.support.clips import Codec, encode_clip

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def opened(clip: Path) -> tuple[StreamForm, list[StreamPacket]]:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        form = StreamForm(context.name, context.extradata, context.width, context.height)
        packets = [
            StreamPacket(data, bool(data.is_keyframe), data.size, number / 25, number / 25, NOON)
            for number, data in enumerate(one for one in container.demux(stream) if one.size)
        ]
    return form, packets


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_packets_of_a_stream_can_be_decoded_again_and_again_after_it_was_closed(codec: Codec, tmp_path: Path) -> None:
    form, packets = opened(encode_clip(tmp_path / "clip.mp4", codec, seconds=2.0))
    decoder = Decoder(form)
    for _ in range(2):
        decoder.restart()
        frames = [(own.pts_s, frame.pts) for packet in packets for own, frame in decoder.step(packet) or ()]
        assert len(frames) >= 49
        assert frames == sorted(frames)


def test_decoding_begins_at_a_keyframe(tmp_path: Path) -> None:
    form, packets = opened(encode_clip(tmp_path / "clip.mp4", seconds=2.0))
    decoder = Decoder(form)
    assert decoder.step(packets[3]) == []
    assert decoder.step(packets[25]) != []


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_keyframe_alone_gives_its_picture_at_once(codec: Codec, tmp_path: Path) -> None:
    form, packets = opened(encode_clip(tmp_path / "clip.mp4", codec, seconds=2.0))
    decoder = Decoder(form, glancing=True)
    for packet in packets:
        if packet.keyframe:
            frame = decoder.alone(packet)
            assert frame is not None
            assert (frame.width, frame.height) == (320, 240)


def test_a_damaged_keyframe_gives_nothing(tmp_path: Path) -> None:
    form, packets = opened(encode_clip(tmp_path / "clip.mp4", seconds=1.0))
    broken: av.Packet[av.VideoStream] = av.Packet(bytes(packets[0].data)[:200])  # type: ignore[assignment]
    broken.is_keyframe = True
    assert Decoder(form).alone(StreamPacket(broken, True, 200, 0.0, 0.0, NOON)) is None


@pytest.mark.parametrize("kind", ["vaapi", "cuda"])
def test_a_device_that_is_not_there_is_told_and_the_processor_decodes(
    kind: DecoderKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "hwdevices_available", list)
    form, packets = opened(encode_clip(tmp_path / "clip.mp4", seconds=1.0))
    decoder = Decoder(form, kind)
    assert f"'{kind}'" in decoder.fallback
    assert decoder.step(packets[0])


def test_what_is_at_hand_is_used_without_a_word(tmp_path: Path) -> None:
    form, packets = opened(encode_clip(tmp_path / "clip.mp4", seconds=1.0))
    decoder = Decoder(form, "auto")
    assert decoder.fallback == ""
    assert decoder.step(packets[0])


def test_a_driver_that_fails_is_the_same_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "cuda" not in hwdevices_available():
        pytest.skip("this FFmpeg was built without CUDA")

    class Broken:
        def __init__(self, *_: object, **__: object) -> None:
            raise av.error.ExternalError(1, "no driver")

    monkeypatch.setattr(decoding, "HWAccel", Broken)
    form, packets = opened(encode_clip(tmp_path / "clip.mp4", seconds=1.0))
    decoder = Decoder(form, "cuda")
    assert "'cuda'" in decoder.fallback
    assert decoder.step(packets[0])
