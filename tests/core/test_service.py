"""The core process as a whole: in which order it begins."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from core import service
from core.contract.config_file import load_config
from core.service import run_core
from tests.core.estates import estate_tree


def test_what_fell_due_while_the_core_was_away_is_done_before_any_edge_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "estate.yaml"
    path.write_text(json.dumps(estate_tree()))
    loaded = load_config(path)
    done: list[str] = []

    class Consents:
        def __init__(self, *_: object) -> None:
            self.counts: Counter[str] = Counter()

        def run(self, now: datetime) -> None:
            time.sleep(0.05)  # as long as another task needs to begin
            done.append("due")

    class Edges:
        def __init__(self, *_: object) -> None:
            self.counts: Counter[str] = Counter()
            self.connected = False

        async def run(self) -> None:
            done.append("heard")
            return

    monkeypatch.setattr(service, "ConsentUpkeep", Consents)
    monkeypatch.setattr(service, "Subscriber", Edges)
    run_core(loaded)
    assert done[:2] == ["due", "heard"]
