"""A process killed at any instant leaves the state before its change or after it, never half."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.watchlists.store.changing import TEMPLATES
from tests.watchlists.store.shelf import DIMENSION, MODEL, Shelf

KILLS = 12


def test_killed_while_enrolling_and_erasing_the_store_holds_one_whole_state(tmp_path: Path) -> None:
    path = tmp_path / "lists.db"
    chance = random.Random(11)
    survivor = None
    for _ in range(KILLS):
        said = _change_until_killed(path, chance.uniform(0.0, 0.05))
        with Shelf.open(path) as shelf:
            scan = shelf.store.blocks(MODEL, DIMENSION)
            assert sum(len(block) for block in scan) == TEMPLATES
            assert scan.damaged == 0
            (held,) = shelf.store.holdings()
            templates = {one.subject for one in shelf.store.kept()}
            (pages,) = shelf.file.db.execute("SELECT count(*) FROM key_pages").fetchone()
        assert templates == {held.subject}
        assert pages == 1
        # The last change that was said to be made is there, or the one that was being made when the power went.
        assert held.subject == said[-1] or held.subject not in said[:-1]
        assert held.subject != survivor
        survivor = held.subject


def _change_until_killed(path: Path, after_s: float) -> list[str]:
    """What the process said to have put, at least one."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.watchlists.store.changing", str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    said = [writer.stdout.readline().strip()]
    time.sleep(after_s)
    writer.send_signal(signal.SIGKILL)
    said += writer.stdout.read().split()
    writer.wait(10)
    writer.stdout.close()
    return said
