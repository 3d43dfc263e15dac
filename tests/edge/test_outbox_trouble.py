"""Killed processes, full disks and damaged files cost an outbox nothing that it had."""

from __future__ import annotations

import json
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.contract.events import (
    PassageV1,
)
from edge import outbox as outbox_module
from edge.outbox import UNREADABLE, DurableOutbox, OutboxError
from tests.edge.test_outbox import AT, DROPPED, PASSAGE, open_outbox, passage, picture, rows_of, told

# -- power cuts ----------------------------------------------------------------------------------------------------


def test_what_was_appended_when_the_process_was_killed_is_there_afterwards(path: Path) -> None:
    chance = random.Random(4)
    said: list[int] = []
    first = 1
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.edge.outbox_writer", str(path), str(first)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        said.append(int(writer.stdout.readline()))
        time.sleep(chance.uniform(0.0, 0.1))
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().splitlines() if line]
        writer.wait(10)
        writer.stdout.close()
        outbox = open_outbox(path, max_rows=1_000_000, max_bytes=1_000_000_000)
        rows = rows_of(outbox)
        outbox.close()
        kept = [int(json.loads(row.data)["detail"]) for row in rows]
        assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
        # All that was said to be kept is; the one that was being said when the power went may be there too.
        assert kept[: len(said)] == said
        assert len(kept) - len(said) in {0, 1}
        said, first = kept, kept[-1] + 1


# -- disks ---------------------------------------------------------------------------------------------------------


def fill_up(path: Path, limit_bytes: int) -> subprocess.CompletedProcess[str]:
    """Run an outbox in a process whose files can't grow above ``limit_bytes``; afterwards lift the limit there."""
    code = """
import resource, signal, sys
from pathlib import Path
from edge.outbox import DurableOutbox, OutboxError
from tests.edge.test_outbox import AT, passage, picture, rows_of
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
outbox = DurableOutbox(Path(sys.argv[1]), max_rows=100_000, max_bytes=1_000_000_000)
outbox.append(passage(), AT)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
written = 1
try:
    while written < 1000:
        outbox.append(picture(10_000), AT)
        written += 1
except OutboxError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
outbox.append(passage(), AT)
rows = rows_of(outbox)
assert [row.sequence for row in rows] == list(range(1, written + 2)), (written, len(rows))
print("recovered")
"""
    return subprocess.run(
        [sys.executable, "-c", code, str(path), str(limit_bytes)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_file_that_can_grow_no_further_is_told_and_used_again_once_there_is_room(path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = fill_up(path, 1_000_000)
    assert str(path) in done.stdout
    assert "what happens now is not recorded" in done.stdout
    assert done.stdout.endswith("recovered\n")


def test_a_full_disk_is_told_loses_nothing_that_was_kept_and_gets_better(outbox: DurableOutbox) -> None:
    outbox.append(passage(), AT)
    connection = outbox._connection
    assert connection is not None
    connection.execute("PRAGMA max_page_count = 40")
    with pytest.raises(OutboxError, match="the disk is full: make room"):
        append_pictures(outbox, 100)
    kept = rows_of(outbox)
    assert [row.sequence for row in kept] == list(range(1, len(kept) + 1))
    connection.execute("PRAGMA max_page_count = 100000")
    outbox.append(passage(), AT)
    assert rows_of(outbox)[-1].sequence == len(kept) + 1


def append_pictures(outbox: DurableOutbox, number: int) -> None:
    for _ in range(number):
        outbox.append(picture(10_000), AT)


def test_a_folder_that_is_not_there_stops_nobody_from_starting(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "not yet" / "outbox.db")
    with pytest.raises(OutboxError, match="the directory must exist and be writable"):
        outbox.append(passage(), AT)
    (tmp_path / "not yet").mkdir()
    outbox.append(passage(), AT)
    assert outbox.waiting().rows == 1
    outbox.close()


@pytest.mark.parametrize("damage", ["not a database", "torn pages"])
def test_a_damaged_file_is_moved_aside_and_a_new_life_begins(path: Path, damage: str) -> None:
    first = open_outbox(path)
    for _ in range(200):
        first.append(picture(2_000), AT)
    epoch = first.epoch
    first.close()
    spoil(path, damage)
    second = open_outbox(path)
    second.append(passage(), AT)
    assert second.epoch != epoch
    second.report_dropped(AT)
    assert [row.type for row in rows_of(second)] == [PASSAGE, DROPPED]
    assert told(second) == {UNREADABLE: 1}
    assert path.with_name("outbox.db.damaged").exists()
    second.close()


def spoil(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    if damage == "not a database":
        content[:4096] = b"\xff" * 4096
    else:
        content[4096 * 2 : 4096 * 40] = bytes(4096 * 38)
    path.write_bytes(content)


def test_damage_that_shows_while_it_runs_loses_not_even_the_event_that_met_it(
    outbox: DurableOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.append(passage(), AT)
    epoch = outbox.epoch
    real = outbox_module.DurableOutbox._make_room
    hits: list[int] = []

    def meets_damage(self: DurableOutbox, *arguments: object) -> bool:
        if not hits:
            hits.append(1)
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox_module.DurableOutbox, "_make_room", meets_damage)
    message = passage()
    outbox.append(message, AT)
    assert outbox.epoch != epoch
    [row] = rows_of(outbox)
    assert PassageV1.model_validate_json(row.data) == message
    outbox.report_dropped(AT)
    assert told(outbox) == {UNREADABLE: 1}
