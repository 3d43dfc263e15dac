"""Whatever comes up the wire is one of the closed forms, or refused: garbage, half frames, lengths without end."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.events import PlateReading, StepTimes
from core.contract.events_cameras import CameraHealth
from core.contract.ids import CameraId, CheckpointId, ClipId, PassId, SubjectKey, new_id
from core.contract.vocabulary import CameraState, PlateColour, Presentation
from edge.shards.messages import (
    MAX_PART,
    ClipPart,
    CrossingSeen,
    Enrolled,
    FaceSeen,
    GarbageError,
    Glanced,
    Identify,
    MayRun,
    Observed,
    PassSeen,
    PictureMade,
    PlateSeen,
    Report,
    Revoked,
    SaidMoment,
    Standing,
    Upward,
    ViewPart,
    probes_in,
    read_downward,
    read_upward,
    written,
)
from edge.shards.wire import MAX_BLOB, MAX_HEADER, Wire, WireError

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HUGE = 10**400
GATE = CheckpointId("gate")
MOMENT = SaidMoment(pts_s=1.5, received_at=NOW, received_s=2.5)


def observed(seen: FaceSeen | PassSeen | PlateSeen | CrossingSeen, rows: int = 0, columns: int = 0) -> Observed:
    return Observed(
        checkpoint=GATE,
        seen=seen,
        first=MOMENT,
        deciding=MOMENT,
        times=StepTimes(detect=3.0),
        picture=None,
        rows=rows,
        columns=columns,
    )


FACE = FaceSeen(answer=3, good_shots=2, others_in_zone=0, presentation=Presentation.NOT_CHECKED)
SOUND: list[tuple[Upward, bytes]] = [
    (Identify(number=1, checkpoint=GATE, rows=2, columns=4), bytes(32)),
    (MayRun(number=2), b""),
    (Revoked(number=3, pass_id=PassId(new_id())), b""),
    (Enrolled(number=4, subject=SubjectKey(new_id())), b""),
    (Standing(number=5, subject=SubjectKey(new_id()), checkpoint=GATE), b""),
    (observed(FACE, 1, 4), bytes(16)),
    (
        observed(PassSeen(text="AJ1:X", answer=None, good_shots=0, others_in_zone=0, presentation="bona_fide")),
        b"",
    ),
    (
        observed(
            PlateSeen(
                reading=PlateReading(text="粤B12345", colour=PlateColour.BLUE, confidence=0.9, reads=3),
                gone=True,
                alike=False,
            )
        ),
        b"",
    ),
    (observed(CrossingSeen(track=7)), b""),
    (PictureMade(picture=1, width_px=4, height_px=4, faces_blurred=1), b"\xff\xd8"),
    (Glanced(camera=CameraId("cam"), at_s=1.0, at=NOW, width=4, height=2), bytes(8)),
    (ViewPart(view=1, mime='video/mp4; codecs="avc1.640028"'), b"part"),
    (ClipPart(clip=ClipId(new_id()), mime="video/mp4", last=True), b"clip"),
    (
        Report(
            cameras=(CameraHealth(camera=CameraId("cam"), state=CameraState.ONLINE),),
            watched={GATE: {"frames": 3}},
            scenes={},
            counters={},
        ),
        b"",
    ),
]


@pytest.mark.parametrize(("message", "blob"), SOUND, ids=lambda one: getattr(one, "kind", ""))
def test_what_is_said_is_read_as_it_was_said(message: Upward, blob: bytes) -> None:
    assert read_upward(written(message), blob) == message


@pytest.mark.parametrize(("message", "blob"), SOUND, ids=lambda one: getattr(one, "kind", ""))
def test_bytes_that_do_not_fit_are_refused(message: Upward, blob: bytes) -> None:
    with pytest.raises(GarbageError):
        read_upward(written(message), blob + bytes(MAX_PART + 1))


@given(st.binary(max_size=300), st.binary(max_size=64))
def test_garbage_is_refused_and_nothing_else_happens(header: bytes, blob: bytes) -> None:
    with pytest.raises(GarbageError):
        read_upward(header, blob)
    with pytest.raises(GarbageError):
        read_downward(header)


def json_values() -> st.SearchStrategy[object]:
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    return st.recursive(
        plain, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one), max_leaves=5
    )


@given(st.sampled_from(SOUND), st.data())
def test_a_field_with_another_value_is_read_as_a_sound_message_or_refused(
    sound: tuple[Upward, bytes], data: st.DataObject
) -> None:
    message, blob = sound
    fields = json.loads(written(message))
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(json_values())
    try:
        again = read_upward(json.dumps(fields).encode(), blob)
    except GarbageError:
        return
    assert read_upward(written(again), blob) == again


@pytest.mark.parametrize(
    "mime", ["text/html", 'video/mp4; codecs="avc1"\r\nset-cookie: x=y', "video/mp4\n", 'video/mp4; codecs="<script>"']
)
def test_video_is_told_as_nothing_else(mime: str) -> None:
    header = json.dumps({"kind": "view_part", "view": 1, "mime": mime}).encode()
    with pytest.raises(GarbageError):
        read_upward(header, b"")


@pytest.mark.parametrize("what", ["Infinity", "NaN", "-1", "1e400", '"x"'])
def test_numbers_that_are_none_are_refused(what: str) -> None:
    header = written(SOUND[-1][0]).replace(b'"frames_per_s":0.0', f'"frames_per_s":{what}'.encode())
    assert what.encode() in header
    with pytest.raises(GarbageError):
        read_upward(header, b"")


def test_probes_are_of_unit_length() -> None:
    one = np.array([[0.6, 0.8]], np.float32)
    assert np.array_equal(probes_in(one.tobytes(), 1, 2), one)
    for wrong in (one * 2, one * 0, one * np.nan, one * np.inf):
        with pytest.raises(GarbageError):
            probes_in(wrong.astype(np.float32).tobytes(), 1, 2)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Wire]]:
    there, here = socket.socketpair()
    with there, here:
        yield there, Wire(here, patience_s=0.1)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=2000), st.binary(max_size=2000)), max_size=5), st.data())
def test_frames_come_whole_however_they_are_cut(frames: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    there, here = socket.socketpair()
    with there, here:
        sent = b"".join(struct.pack(">II", len(header), len(blob)) + header + blob for header, blob in frames)
        cut = data.draw(st.integers(0, len(sent)))
        wire, came = Wire(here, patience_s=1.0), []
        there.sendall(sent[:cut])
        while (frame := wire.receive(0.0005)) is not None:
            came.append(frame)
        there.sendall(sent[cut:])
        while len(came) < len(frames) and (frame := wire.receive(20.0)) is not None:
            came.append(frame)
        assert came == frames
        assert wire.receive(0.002) is None


@pytest.mark.parametrize(("header", "blob"), [(0, 0), (MAX_HEADER + 1, 0), (10, MAX_BLOB + 1), (2**32 - 1, 2**32 - 1)])
def test_a_length_that_is_too_large_ends_it_before_anything_is_kept(
    ends: tuple[socket.socket, Wire], header: int, blob: int
) -> None:
    there, wire = ends
    there.sendall(struct.pack(">II", header, blob))
    with pytest.raises(WireError, match="no frame"):
        wire.receive(1.0)


def test_half_a_frame_is_waited_for_and_an_end_in_it_is_an_end(ends: tuple[socket.socket, Wire]) -> None:
    there, wire = ends
    there.sendall(struct.pack(">II", 4, 0) + b"ab")
    assert wire.receive(0.01) is None
    there.close()
    with pytest.raises(WireError, match="ended"):
        wire.receive(1.0)


def test_nobody_waits_for_long_for_a_side_that_reads_nothing(ends: tuple[socket.socket, Wire]) -> None:
    _, wire = ends
    with pytest.raises(WireError, match="nothing can be sent"):
        wire.send(b"{}", bytes(MAX_BLOB))


@pytest.mark.parametrize("count", ["dropped_frames", "missed_passes", "corrupt_packets", "reconnects"])
@pytest.mark.parametrize("number", [HUGE, 2**53 + 1])
def test_no_number_of_a_camera_is_larger_than_anybody_can_calculate_with(count: str, number: int) -> None:
    said = {"camera": "cam", "state": "online", count: number}
    with pytest.raises(GarbageError):
        read_upward(_report(said), b"")
    assert read_upward(_report(said | {count: 2**53}), b"")


@pytest.mark.parametrize(("name", "number"), [("frames_per_s", 1e300), ("late_s", 1e300), ("last_frame_age_s", 1e17)])
def test_no_time_of_a_camera_is_longer_than_any(name: str, number: float) -> None:
    with pytest.raises(GarbageError):
        read_upward(_report({"camera": "cam", "state": "online", name: number}), b"")


def test_what_is_the_matter_with_a_camera_is_for_the_edge_to_say() -> None:
    with pytest.raises(GarbageError):
        read_upward(_report({"camera": "cam", "state": "online", "blind": True}), b"")


def test_a_plate_is_not_read_without_end_and_no_moment_is_beyond_all_time() -> None:
    reading = PlateReading(text="A1", colour=PlateColour.BLUE, confidence=0.5, reads=3)
    said = json.loads(written(observed(PlateSeen(reading=reading, gone=False, alike=False))))
    assert read_upward(json.dumps(said).encode(), b"")
    said["seen"]["reading"]["reads"] = HUGE
    with pytest.raises(GarbageError):
        read_upward(json.dumps(said).encode(), b"")
    said["seen"]["reading"]["reads"] = 3
    said["first"]["received_s"] = 1e300
    with pytest.raises(GarbageError):
        read_upward(json.dumps(said).encode(), b"")


def _report(health: dict[str, object]) -> bytes:
    return json.dumps({"kind": "report", "cameras": [health], "watched": {}, "scenes": {}, "counters": {}}).encode()
