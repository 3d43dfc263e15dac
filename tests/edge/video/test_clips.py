"""Clips are kept encrypted and bounded, and are gone when their time is over."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from core.contract.ids import CameraId, ClipId, id_born_at
from edge.video import clips
from edge.video.clips import Clip, ClipError, ClipStore, NoSuchClipError

KEY = b"k" * 32
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
SHOWN = Clip(CameraId("cam-1"), 'video/mp4; codecs="avc1.640028"', b"moving pictures" * 100)


def clip_id(minutes: int = 0) -> ClipId:
    """Of an event so many minutes after ``NOW``."""
    return ClipId(id_born_at(round((NOW + timedelta(minutes=minutes)).timestamp() * 1000)))


def store(folder: Path, *, max_bytes: int = 1_000_000, key: bytes = KEY) -> ClipStore:
    return ClipStore(folder / "clips", key, max_bytes=max_bytes, keep=timedelta(days=7))


def test_a_clip_is_shown_as_it_was_kept_also_after_a_restart(tmp_path: Path) -> None:
    one = clip_id()
    store(tmp_path).put(one, SHOWN)
    assert store(tmp_path).get(one, NOW) == SHOWN


def test_on_disk_nothing_of_it_can_be_seen_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    one = clip_id()
    store(tmp_path).put(one, SHOWN)
    (path,) = (tmp_path / "clips").iterdir()
    assert b"pictures" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_kept_is_never_written_over(tmp_path: Path) -> None:
    one, kept = clip_id(), store(tmp_path)
    kept.put(one, SHOWN)
    with pytest.raises(ClipError, match="not written over"):
        kept.put(one, Clip(CameraId("cam-1"), SHOWN.mime, b"something else"))
    assert kept.get(one, NOW) == SHOWN


def test_a_clip_of_another_time_or_another_key_cannot_stand_for_it(tmp_path: Path) -> None:
    one, other = clip_id(0), clip_id(1)
    kept = store(tmp_path)
    kept.put(one, SHOWN)
    shutil.copy(tmp_path / "clips" / f"{one}.clip", tmp_path / "clips" / f"{other}.clip")
    with pytest.raises(ClipError, match="damaged or was made under another site key"):
        kept.get(other, NOW)
    with pytest.raises(ClipError, match="another site key"):
        store(tmp_path, key=b"x" * 32).get(one, NOW)


@pytest.mark.parametrize("cut", [0, 3, 5, 30, 100])
def test_a_file_that_was_cut_short_is_refused_in_words(cut: int, tmp_path: Path) -> None:
    one = clip_id()
    store(tmp_path).put(one, SHOWN)
    path = tmp_path / "clips" / f"{one}.clip"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ClipError, match="damaged"):
        store(tmp_path).get(one, NOW)


def test_the_oldest_make_room_for_the_newest(tmp_path: Path) -> None:
    kept = store(tmp_path, max_bytes=4000)
    ids = [clip_id(minutes) for minutes in range(5)]
    for one in ids:
        kept.put(one, SHOWN)
    assert kept.get(ids[-1], NOW) == SHOWN
    with pytest.raises(NoSuchClipError):
        kept.get(ids[0], NOW)
    assert sum(path.stat().st_size for path in (tmp_path / "clips").iterdir()) <= 4000


def test_a_clip_is_not_shown_and_then_removed_when_its_days_are_over(tmp_path: Path) -> None:
    kept = store(tmp_path)
    old, young = clip_id(0), clip_id(60)
    kept.put(old, SHOWN)
    kept.put(young, SHOWN)
    later = NOW + timedelta(days=7, minutes=1)
    with pytest.raises(NoSuchClipError, match="time is over"):
        kept.get(old, later)
    assert kept.tidy(later) == 1
    assert [path.stem for path in (tmp_path / "clips").iterdir()] == [young]


def test_a_clip_of_a_clock_that_ran_ahead_is_kept_no_longer_than_others(tmp_path: Path) -> None:
    kept = store(tmp_path)
    ahead = clip_id(minutes=10 * 365 * 24 * 60)
    kept.put(ahead, SHOWN)
    os.utime(tmp_path / "clips" / f"{ahead}.clip", (ten_years(NOW), ten_years(NOW)))
    assert kept.tidy(NOW) == 0
    assert kept.get(ahead, NOW + timedelta(days=6)) == SHOWN
    later = NOW + timedelta(days=7, minutes=1)
    with pytest.raises(NoSuchClipError, match="time is over"):
        kept.get(ahead, later)
    assert kept.tidy(later) == 1


def ten_years(now: datetime) -> float:
    return (now + timedelta(days=3650)).timestamp()


def test_a_clock_that_once_was_years_behind_costs_no_clip(tmp_path: Path) -> None:
    kept, one = store(tmp_path), clip_id()
    kept.put(one, SHOWN)
    assert kept.tidy(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert kept.tidy(NOW) == 0
    assert kept.get(one, NOW) == SHOWN


def test_a_clip_of_a_clock_that_ran_ahead_makes_room_in_its_turn(tmp_path: Path) -> None:
    kept = store(tmp_path, max_bytes=4000)
    ahead = clip_id(minutes=10 * 365 * 24 * 60)
    kept.put(ahead, SHOWN)
    kept.tidy(NOW)
    for minutes in range(3):
        kept.put(clip_id(minutes), SHOWN)
    with pytest.raises(NoSuchClipError):
        kept.get(ahead, NOW)


@pytest.mark.parametrize("name", ["copy of x", "ffffffff-ffff-7fff-bfff-ffffffffffff", "a-folder"])
def test_a_strange_file_keeps_no_clip_from_being_removed_and_is_told_of(name: str, tmp_path: Path) -> None:
    kept, old = store(tmp_path), clip_id()
    kept.put(old, SHOWN)
    strange = tmp_path / "clips" / f"{name}.clip"
    strange.mkdir() if name == "a-folder" else strange.write_bytes(b"")
    with capture_logs() as logs:
        assert kept.tidy(NOW + timedelta(days=8)) == 1
    assert [(line["event"], line["files"]) for line in logs] == [("clips.strange_files", 1)]
    kept.put(old, SHOWN)
    assert strange.exists()


def test_an_id_of_no_time_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(NoSuchClipError):
        store(tmp_path).get(ClipId("ffffffff-ffff-7fff-bfff-ffffffffffff"), NOW)


def test_a_nearly_full_disk_keeps_no_clip_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(clips.LEAVE_FREE_BYTES))
    with pytest.raises(ClipError, match="nearly full"):
        store(tmp_path).put(clip_id(), SHOWN)
    assert not list((tmp_path / "clips").iterdir())


def test_a_clip_larger_than_all_that_is_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="more than is kept"):
        store(tmp_path, max_bytes=100).put(clip_id(), SHOWN)


def test_what_a_power_failure_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / f"{clip_id()}.part").write_bytes(b"half")
    assert store(tmp_path).tidy(NOW) == 0
    assert not list((tmp_path / "clips").iterdir())


def test_a_folder_that_cannot_be_used_is_told_when_it_is_used_and_works_once_it_can(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("in the way")
    kept, one = store(tmp_path), clip_id()
    for use in (lambda: kept.put(one, SHOWN), lambda: kept.tidy(NOW)):
        with pytest.raises(ClipError, match="must own it"):
            use()
    with pytest.raises(ClipError):
        kept.get(one, NOW)
    (tmp_path / "clips").unlink()
    kept.put(one, SHOWN)
    assert kept.get(one, NOW) == SHOWN


def test_where_no_clips_are_kept_no_folder_is_missed(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("in the way")
    assert ClipStore(tmp_path / "clips", KEY, max_bytes=1000, keep=timedelta(0)).tidy(NOW) == 0


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = store(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ClipError, match="No space left"):
        kept.put(clip_id(), SHOWN)
    assert not list((tmp_path / "clips").iterdir())
