"""What was really served, and what must therefore have been reported."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.contract.ids import CameraId
from demo.cast import make_cast
from demo.script import FPS, GATE_CAMERA, NORTH_GATE, Script, make_script
from demo.served import ServedLog, ServedV1, frame_times, read_served
from demo.truth import occurrences

T0 = 1_800_000_000.0


def line(session: str, frames: int, at: float, camera: CameraId = GATE_CAMERA, first: float = T0) -> ServedV1:
    return ServedV1(
        camera=camera,
        session=session,
        first_sent_at=datetime.fromtimestamp(first, UTC),
        frame=frames,
        at=datetime.fromtimestamp(at, UTC),
    )


def log_of(path: Path, *lines: ServedV1) -> Path:
    log = ServedLog(path)
    for one in lines:
        log.write(one)
    log.close()
    return path


def steady(path: Path, frames: int, session: str = "one", start: float = T0) -> Path:
    """A log of ``frames`` frames sent at an even pace from ``start``, one line a second and one at the end."""
    counts = [*range(FPS, frames, FPS), frames]
    return log_of(path, *(line(session, n, start + (n - 1) / FPS, first=start) for n in counts))


@pytest.fixture
def script() -> Script:
    return make_script(make_cast(7), 7)


def test_a_frame_between_two_lines_was_sent_between_their_times(tmp_path: Path) -> None:
    path = log_of(tmp_path / "served", line("a", 26, T0 + 1.0), line("a", 51, T0 + 3.0))
    (session,) = frame_times(path, GATE_CAMERA)
    assert session.sent_at(0) == pytest.approx(T0)
    assert session.sent_at(25) == pytest.approx(T0 + 1.0)
    assert session.sent_at(38) == pytest.approx(T0 + 1.0 + 2.0 * 13 / 25)
    assert session.sent_at(50) == pytest.approx(T0 + 3.0)


def test_a_frame_that_was_never_sent_has_no_time(tmp_path: Path) -> None:
    (session,) = read_served(log_of(tmp_path / "served", line("a", 26, T0 + 1.0)))
    assert session.frames == 26
    assert session.sent_at(26) is None
    assert session.sent_at(-1) is None


def test_sessions_and_cameras_are_kept_apart(tmp_path: Path) -> None:
    other = CameraId("cam-door")
    path = log_of(
        tmp_path / "served",
        line("a", 10, T0 + 1),
        line("b", 20, T0 + 1, other),
        line("c", 5, T0 + 9),
        line("a", 30, T0 + 2),
    )
    assert [(one.camera, one.session, one.frames) for one in read_served(path)] == [
        (GATE_CAMERA, "a", 30),
        (other, "b", 20),
        (GATE_CAMERA, "c", 5),
    ]
    assert [one.session for one in frame_times(path, GATE_CAMERA)] == ["a", "c"]


def test_a_line_cut_short_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    path = log_of(tmp_path / "served", line("a", 26, T0 + 1.0))
    with path.open("a") as file:
        file.write('{"camera":"cam-gate","ses')
    assert [one.frames for one in read_served(path)] == [26]


def test_without_a_log_nothing_was_served(tmp_path: Path) -> None:
    assert read_served(tmp_path / "none") == ()


def test_every_act_of_every_round_is_expected_when_all_was_watched(script: Script, tmp_path: Path) -> None:
    part = script.camera(GATE_CAMERA)
    path = steady(tmp_path / "served", 2 * part.frames)
    found = occurrences(script, path, T0, T0 + 200)
    assert [one.loop for one in found] == [0] * len(part.acts) + [1] * len(part.acts)
    assert all(one.complete and one.checkpoint == NORTH_GATE for one in found)
    second = found[len(part.acts)]
    assert second.decisive_at == pytest.approx(T0 + (part.frames + second.act.decisive_frame) / FPS, abs=0.05)


def test_an_act_cut_off_by_the_end_of_a_session_is_not_complete(script: Script, tmp_path: Path) -> None:
    act = script.camera(GATE_CAMERA).acts[1]
    path = steady(tmp_path / "served", act.last_frame - 5)
    found = occurrences(script, path, T0, T0 + 200)
    assert [one.complete for one in found] == [True, False]
    assert found[1].last_at == pytest.approx(T0 + act.last_frame / FPS, abs=0.05)


def test_acts_outside_the_time_are_left_out_and_those_across_its_ends_are_not_complete(
    script: Script, tmp_path: Path
) -> None:
    part = script.camera(GATE_CAMERA)
    path = steady(tmp_path / "served", part.frames)
    began = T0 + (part.acts[1].first_frame + 10) / FPS
    ended = T0 + (part.acts[3].last_frame - 10) / FPS
    found = occurrences(script, path, began, ended)
    assert [one.act for one in found] == list(part.acts[1:4])
    assert [one.complete for one in found] == [False, True, False]


def test_a_reconnect_starts_the_clip_again(script: Script, tmp_path: Path) -> None:
    part = script.camera(GATE_CAMERA)
    path = tmp_path / "served"
    steady(path, part.acts[0].last_frame + 10, "one")
    steady(path, part.acts[0].last_frame + 10, "two", T0 + 60)
    found = occurrences(script, path, T0, T0 + 200)
    assert [(one.session, one.act, one.complete) for one in found] == [
        ("one", part.acts[0], True),
        ("two", part.acts[0], True),
    ]
