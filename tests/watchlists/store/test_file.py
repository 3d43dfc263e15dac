"""A file that can't be used is told apart, named, and left as it is; a change that does not fit changes nothing."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.watchlists.store.shelf import Shelf, as_found, face
from watchlists.faces.template import Template
from watchlists.store import file
from watchlists.store.errors import (
    StoreDamagedError,
    StoreError,
    StoreFormatError,
    StoreFullError,
    StoreInUseError,
    WrongSiteKeyError,
)
from watchlists.store.file import StoreFile
from watchlists.store.template_store import FORMAT

SIDES = ("-wal", "-shm", ".lock")


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, list[Template]]:
    """A closed file of some 200 templates."""
    path = tmp_path / "lists.db"
    faces = [face() for _ in range(200)]
    with Shelf.open(path) as shelf:
        shelf.put(*faces)
    return path, faces


def refused_and_left(path: Path, kind: type[StoreError], match: str) -> None:
    before = path.read_bytes()
    with pytest.raises(kind, match=match) as told, Shelf.open(path):
        pass
    assert str(path) in str(told.value)
    assert path.read_bytes() == before


def test_what_was_closed_is_there_when_it_is_opened_again(filled: tuple[Path, list[Template]]) -> None:
    path, faces = filled
    with Shelf.open(path) as shelf:
        assert shelf.found() == as_found(*faces)


def test_the_files_are_for_their_owner_alone(shelf: Shelf) -> None:
    shelf.put(face())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in shelf.path.parent.glob("lists.db*")}
    assert modes == {f"lists.db{side}": 0o600 for side in ("", *SIDES)}


def test_a_second_process_is_kept_out_and_comes_in_when_the_first_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "lists.db"
    code = f"from watchlists.store.file import StoreFile; from pathlib import Path; StoreFile(Path({str(path)!r}))"
    with Shelf.open(path) as shelf:
        shelf.put(face())
        with pytest.raises(StoreInUseError, match="already running"):
            StoreFile(path)
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert "StoreInUseError" in other.stderr
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


@pytest.mark.parametrize(
    "content", [b"garbage", b"\0" * 4096, os.urandom(20_000), b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_garbage_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lists.db"
    path.write_bytes(content)
    refused_and_left(path, StoreDamagedError, "move it away and start again")


@pytest.mark.parametrize("kept", [0.02, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_damaged(filled: tuple[Path, list[Template]], kept: float) -> None:
    path, _ = filled
    os.truncate(path, int(path.stat().st_size * kept))
    refused_and_left(path, StoreDamagedError, "move it away and start again")


@pytest.mark.parametrize("at", [0, 0.3, 0.6])
def test_an_overwritten_file_is_damaged(filled: tuple[Path, list[Template]], at: float) -> None:
    path, _ = filled
    with path.open("r+b") as damaged:
        damaged.seek(int(path.stat().st_size * at))
        damaged.write(os.urandom(40_000))
    refused_and_left(path, StoreDamagedError, "move it away and start again")


def test_damage_in_a_file_too_large_to_look_through_is_found_where_it_is_read(
    filled: tuple[Path, list[Template]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "CHECKED_WHOLE_BYTES", 0)
    path, faces = filled
    size = path.stat().st_size
    with path.open("r+b") as damaged:
        damaged.seek(size // 2)
        damaged.write(os.urandom(size // 3))
    found: dict[str, bytes] = {}
    with suppress(StoreDamagedError), Shelf.open(path) as shelf:
        found = shelf.found()
    assert found.items() < as_found(*faces).items()


def test_a_missing_end_is_found_at_once_however_large_the_file(
    filled: tuple[Path, list[Template]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "CHECKED_WHOLE_BYTES", 0)
    path, _ = filled
    os.truncate(path, path.stat().st_size - 16384)
    refused_and_left(path, StoreDamagedError, "move it away and start again")


def test_a_file_cut_to_nothing_beside_its_log_is_damaged(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put(face())
    other = tmp_path / "copy" / "lists.db"
    other.parent.mkdir()
    other.touch()
    shutil.copy(f"{shelf.path}-wal", f"{other}-wal")
    with pytest.raises(StoreDamagedError, match="empty, while its log is not"):
        StoreFile(other)
    assert Path(f"{other}-wal").read_bytes() == Path(f"{shelf.path}-wal").read_bytes()


def test_a_log_that_was_cut_short_gives_the_state_before_the_last_change(shelf: Shelf, tmp_path: Path) -> None:
    first, second = face(), face()
    shelf.put(first)
    folder = tmp_path / "copy"
    folder.mkdir()
    before = Path(f"{shelf.path}-wal").stat().st_size
    shelf.put(second)
    for side in ("", "-wal"):
        shutil.copy(f"{shelf.path}{side}", folder)
    os.truncate(folder / "lists.db-wal", before + 5000)
    with Shelf.open(folder / "lists.db") as cut:
        assert cut.found() == as_found(first)


@pytest.mark.parametrize(("key", "place"), [(b"x" * 32, "gate-1"), (bytes(range(32)), "gate-2")])
def test_another_site_key_or_another_edges_file_is_told(
    filled: tuple[Path, list[Template]], key: bytes, place: str
) -> None:
    path, faces = filled
    with pytest.raises(WrongSiteKeyError, match="put the old one back"), Shelf.open(path, key, place):
        pass
    with Shelf.open(path) as shelf:
        assert shelf.found() == as_found(*faces)


@pytest.mark.parametrize(
    ("made_in", "advice"),
    [(FORMAT - 1, "of an older Anju, move the file away and start again"), (FORMAT + 1, "upgrade")],
)
def test_a_file_of_an_older_or_newer_format_is_told(
    filled: tuple[Path, list[Template]], made_in: int, advice: str
) -> None:
    path, _ = filled
    with Shelf.open(path) as shelf:
        shelf.execute("UPDATE store_facts SET value = ? WHERE name = 'format'", made_in)
    with pytest.raises(StoreFormatError, match=f"format {made_in}, not {FORMAT}: {advice}"), Shelf.open(path):
        pass


def test_a_file_without_a_format_is_told(filled: tuple[Path, list[Template]]) -> None:
    path, _ = filled
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE store_facts")
    with pytest.raises(StoreFormatError, match="older Anju: move the file away and start again"), Shelf.open(path):
        pass


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="own this folder"):
        StoreFile(tmp_path / "file" / "lists.db")


def test_a_file_system_that_cant_keep_the_log_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a network share: SQLite then keeps a journal instead, and what was erased in it."""
    refused = tuple(one.replace("=WAL", "=DELETE") for one in file._PRAGMAS)
    monkeypatch.setattr(file, "_PRAGMAS", refused)
    with pytest.raises(StoreError, match="local disk"):
        StoreFile(tmp_path / "lists.db")
    monkeypatch.undo()
    StoreFile(tmp_path / "lists.db").close()


def test_when_there_is_no_room_nothing_of_the_change_is_written(shelf: Shelf) -> None:
    kept = [face() for _ in range(30)]
    shelf.put(*kept)
    (pages,) = shelf.file.db.execute("PRAGMA page_count").fetchone()
    shelf.file.db.execute(f"PRAGMA max_page_count={pages + 2}")
    replaced = face(kept[0].proof, name=kept[0].template_id)
    with pytest.raises(StoreFullError, match="make room"):
        shelf.put(replaced, *(face() for _ in range(300)))
    assert shelf.found() == as_found(*kept)
    assert shelf.erase(subjects=[kept[0].subject]) == 1
    shelf.file.db.execute("PRAGMA max_page_count=1000000")
    shelf.put(replaced)
    assert shelf.found() == as_found(replaced, *kept[1:])


FILL = """
import resource, sys
from pathlib import Path
from tests.watchlists.store.shelf import Shelf, face
from watchlists.store.errors import StoreError
with Shelf.open(Path(sys.argv[1])) as shelf:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    done = 0
    try:
        while True:
            shelf.put(face())
            done += 1
    except StoreError as error:
        print(done, type(error).__name__)
        assert len(shelf.found()) == done + int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_disk_that_takes_no_more_is_told_and_keeps_what_it_took(filled: tuple[Path, list[Template]]) -> None:
    path, faces = filled
    limit = path.stat().st_size + 300_000
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    run = subprocess.run(
        [sys.executable, "-c", FILL, str(path), str(limit), str(len(faces))],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    done, kind = run.stdout.split()
    assert kind in {"StoreError", "StoreFullError"}
    with Shelf.open(path) as shelf:
        assert len(shelf.found()) == len(faces) + int(done)
