"""The core process, killed in the middle of its work, loses nothing and stores nothing twice."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.contract.config_file import LoadedConfig
from core.contract.envelope import encode
from core.keys import load_public_key
from core.service import heartbeat
from core.storage.database import Database
from core.storage.schema import AlertRow, EdgeCursorRow, EventRow, PassageRow
from tests.core.estates import envelope, passage, stranger
from tests.core.ingest.edges import WAIT_S, Edge, on_broker
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.integration


def start_core(loaded: LoadedConfig) -> subprocess.Popen[bytes]:
    with (loaded.path.parent / "core.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "cli", "core", "--config", str(loaded.path)], stdout=output, stderr=output
        )


def test_a_core_that_is_killed_while_it_commits_loses_and_doubles_nothing(
    tmp_path: Path, mosquitto: Mosquitto, database: Database, database_url: str
) -> None:
    total, kills = 600, 2
    wires = [encode(envelope(stranger() if n % 3 == 0 else passage(), n)) for n in range(1, total + 1)]
    loaded = on_broker(tmp_path, mosquitto, database_url)
    one = Edge(mosquitto)

    async def scenario() -> int:
        core = start_core(loaded)
        try:
            async with one.connected() as client:
                sending = asyncio.ensure_future(one.send_until_acked(client, wires))
                for kill in range(1, kills + 1):
                    async with asyncio.timeout(WAIT_S):
                        while one.acked < kill * total // (kills + 1):
                            await asyncio.sleep(0.005)
                    core.kill()
                    core.wait(10)
                    core = start_core(loaded)
                await sending
            core.send_signal(signal.SIGTERM)
            return await asyncio.to_thread(core.wait, 30)
        finally:
            core.kill()
            core.wait(10)

    assert asyncio.run(scenario()) == 0
    with database.reading() as db:
        for table, expected in ((PassageRow, total), (EventRow, total), (AlertRow, total // 3)):
            assert db.scalar(select(func.count()).select_from(table)) == expected
        assert [(row.contiguous, row.skipped) for row in db.scalars(select(EdgeCursorRow))] == [(total, 0)]
        told = heartbeat(db)
        assert told is not None
        assert set(told) == {"at", "broker", "counts"}
    load_public_key(loaded.file(Path("core-signing.key.pub")))
    log = [json.loads(line)["event"] for line in (tmp_path / "core.log").read_text().splitlines()]
    assert log.count("core.started") == kills + 1
    assert log[-1] == "core.stopped"


def test_a_core_without_its_password_says_which_file_and_ends(tmp_path: Path, mosquitto: Mosquitto) -> None:
    loaded = on_broker(tmp_path, mosquitto, f"sqlite:///{tmp_path}/a.db")
    loaded.path.write_text(loaded.path.read_text().replace("core.password", "no-such.password"))
    core = start_core(loaded)
    assert core.wait(60) == 1
    assert "no-such.password" in (tmp_path / "core.log").read_text()
