"""What a browser is told of a stream before it plays it: the ``codecs`` parameter of RFC 6381.

H.264: ISO/IEC 14496-15 and RFC 6381 3.3. H.265: ISO/IEC 14496-15 annex E.3. From the sequence parameter set alone.
"""

from __future__ import annotations

import re
from typing import Literal

Codec = Literal["h264", "hevc"]

_START = re.compile(rb"\x00\x00\x01")
_H264_SPS, _H265_SPS = 7, 33
_SPACES = ("", "A", "B", "C")


def codec_string(codec: Codec, annex_b: bytes) -> str | None:
    """As in ``video/mp4; codecs="..."``: ``avc1.640028``, ``hvc1.1.6.L120.90``.

    annex_b: NAL units with start codes, a sequence parameter set among them; None when there is none.
    """
    for unit in nal_units(annex_b):
        if codec == "h264" and unit[0] & 0x1F == _H264_SPS and len(unit) >= 4:
            return f"avc1.{unit[1:4].hex()}"
        if codec == "hevc" and unit[0] >> 1 & 0x3F == _H265_SPS and len(unit) >= 15:
            return _hevc(_unescaped(unit))
    return None


def nal_units(annex_b: bytes) -> list[bytes]:
    """The NAL units between start codes, without them; empty ones left out."""
    starts = [match.end() for match in _START.finditer(annex_b)]
    ends = [*(start - 3 for start in starts[1:]), len(annex_b)][: len(starts)]
    units = (annex_b[start:end].rstrip(b"\x00") for start, end in zip(starts, ends, strict=True))
    return [unit for unit in units if unit]


def _unescaped(unit: bytes) -> bytes:
    """Without the 03 that keeps two zero bytes from looking like a start code (H.265 7.4.2)."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def _hevc(unit: bytes) -> str | None:
    """From profile_tier_level(), which begins behind two bytes of header and one of ids (H.265 7.3.2.2)."""
    if len(unit) < 15:
        return None
    profile, compatibility, constraints, level = unit[3], unit[4:8], unit[8:14], unit[14]
    # Told with its lowest bit first; trailing zero bytes of the constraints are left out.
    reversed_bits = int(f"{int.from_bytes(compatibility):032b}"[::-1], 2)
    parts = [
        f"hvc1.{_SPACES[profile >> 6]}{profile & 0x1F}",
        f"{reversed_bits:X}",
        f"{'H' if profile >> 5 & 1 else 'L'}{level}",
        *(f"{byte:X}" for byte in constraints.rstrip(b"\x00")),
    ]
    return ".".join(parts)
