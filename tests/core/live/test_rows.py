"""Pages can resume by number: nothing committed later ever gets a smaller one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import live
from core.storage.database import Database


def test_a_page_resumes_where_it_was(database: Database) -> None:
    with database.writing() as db:
        numbers = [live.append(db, "edge", {"id": f"edge-{n}"}) for n in range(4)]
    with database.reading() as db:
        assert [one.payload["id"] for one in live.read_after(db, numbers[1])] == ["edge-2", "edge-3"]
        assert [one.id for one in live.read_after(db, 0, limit=2)] == numbers[:2]
        assert live.newest(db) == numbers[-1]


def test_what_was_rolled_back_was_never_told(database: Database) -> None:
    def fail_after_telling() -> None:
        with database.writing() as db:
            live.append(db, "edge", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_telling()
    with database.reading() as db:
        assert live.newest(db) == 0


def test_numbers_follow_commits_with_many_writers(database: Database) -> None:
    """A reader that polls while writers race never finds a number at or below one it has read before."""
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        last = 0
        while True:
            finished = done.is_set()
            with database.reading() as db:
                fresh = [one.id for one in live.read_after(db, last)]
            seen.extend(fresh)
            last = fresh[-1] if fresh else last
            if finished:
                return

    def write(writer: int) -> None:
        for turn in range(10):
            with database.writing() as db:
                live.append(db, "edge", {"writer": writer, "turn": turn})

    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(read)
        list(pool.map(write, range(4)))
        done.set()
        reader.result(timeout=30)
    assert len(seen) == 40
    assert seen == sorted(set(seen))


def test_pruning_keeps_the_newest(database: Database) -> None:
    with database.writing() as db:
        for turn in range(10):
            live.append(db, "edge", {"turn": turn})
        assert live.prune(db, 3) == 7
        assert [one.payload["turn"] for one in live.read_after(db, 0)] == [7, 8, 9]
        with pytest.raises(ValueError, match="newest"):
            live.prune(db, 0)


def test_a_kind_nobody_knows_is_refused(database: Database) -> None:
    with database.writing() as db, pytest.raises(ValueError, match="gossip"):
        live.append(db, "gossip", {})
