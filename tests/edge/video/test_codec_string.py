"""Browsers are told the codec as RFC 6381 writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.video.codec_string import Codec, codec_string, nal_units
from tests.edge.video.packets import camera_packets

# Sequence parameter sets as cameras send them, and what MP4Box and ffprobe call them.
_VECTORS: list[tuple[Codec, str, str]] = [
    ("h264", "00000001674d0029", "avc1.4d0029"),
    ("h264", "0000000167640028acd9", "avc1.640028"),
    ("hevc", "00000001420101016000000300900000030000030078a0", "hvc1.1.6.L120.90"),
    ("hevc", "0000000142010101600000030000030000030000030099a0", "hvc1.1.6.L153"),
    ("hevc", "0000000142010122200000030090000003000003007ba0", "hvc1.2.4.H123.90"),
]


@pytest.mark.parametrize(("codec", "sps", "told"), _VECTORS)
def test_known_parameter_sets(codec: Codec, sps: str, told: str) -> None:
    assert codec_string(codec, bytes.fromhex(sps)) == told


@pytest.mark.parametrize(("codec", "encoder", "begins"), [("h264", "h264", "avc1."), ("hevc", "h265", "hvc1.")])
def test_a_real_encoders_parameter_sets(codec: Codec, encoder: str, begins: str, tmp_path: Path) -> None:
    packet = camera_packets(tmp_path, "h264" if encoder == "h264" else "h265", seconds=0.2)[0]
    told = codec_string(codec, bytes(packet.data))
    assert told is not None
    assert told.startswith(begins)


def test_without_a_parameter_set_nothing_is_told() -> None:
    assert codec_string("h264", bytes.fromhex("0000000165b8")) is None
    assert codec_string("hevc", b"") is None


@given(st.binary(max_size=200), st.sampled_from(["h264", "hevc"]))
def test_anything_at_all_is_read_without_trouble(content: bytes, codec: Codec) -> None:
    told = codec_string(codec, content)
    assert told is None or told.startswith(("avc1.", "hvc1."))
    assert all(nal_units(content))
