"""What the commands and the processes of the core do without the key that listed plates lie under."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.serve import make_context
from core.contract.base import isoformat
from core.contract.config_file import LoadedConfig, load_config
from core.keys import KeyFileError
from core.people.plate_key import PlateKeyLostError
from core.service import opened, run_core
from core.storage.schema import SettingRow
from tests.cli.desk import Desk, set_up


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """A vehicle was entered, and the key is lost."""
    desk = Desk(set_up(tmp_path), capsys)
    desk.json("people", "vehicle", "add", "京A12345", "--checkpoint", "lane")
    key_file(desk).rename(tmp_path / "kept.key")
    return desk


def key_file(desk: Desk) -> Path:
    return loaded(desk).file(Path("core-plates.key"))


def loaded(desk: Desk) -> LoadedConfig:
    return load_config(desk.config)


def test_neither_core_nor_pages_start(desk: Desk) -> None:
    with pytest.raises(PlateKeyLostError):
        run_core(loaded(desk))
    with opened(loaded(desk)) as database, pytest.raises(PlateKeyLostError):
        make_context(loaded(desk), database)
    assert not key_file(desk).exists()


def test_commands_about_plates_are_refused_and_those_about_people_are_not(desk: Desk, tmp_path: Path) -> None:
    for refused in (("list",), ("add", "京B54321", "--checkpoint", "lane")):
        said = desk.refusal("people", "vehicle", *refused)
        assert str(key_file(desk)) in said
        assert "anju people vehicle forget-plates" in said
    code, _, err = desk.run("core", "init")
    assert (code, "put the key back" in err) == (1, True)
    person = desk.json("people", "add", "王小明", "--checkpoint", "gate")["key"]
    assert desk.json("people", "remove", person)["removed"]
    assert not key_file(desk).exists()
    (tmp_path / "kept.key").rename(key_file(desk))
    assert [one["plate"] for one in desk.json("people", "vehicle", "list")] == ["京A12345"]


def test_nor_does_a_key_that_can_t_be_read_keep_anybody_from_withdrawing(desk: Desk) -> None:
    person = desk.json("people", "add", "王小明", "--checkpoint", "gate")["key"]
    key_file(desk).write_bytes(b"")  # the power failed
    key_file(desk).chmod(0o600)
    assert str(key_file(desk)) in desk.refusal("people", "vehicle", "list")
    with pytest.raises(KeyFileError):
        run_core(loaded(desk))
    assert desk.json("people", "remove", person)["removed"]


def test_plates_are_forgotten_when_somebody_says_that_the_key_is_gone_for_good(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code, out, err = desk.run("people", "vehicle", "forget-plates")
    assert (code, out.strip()) == (1, "")
    assert "1 vehicle to be entered again" in err
    assert not key_file(desk).exists()
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    code, out, _ = desk.run("people", "vehicle", "forget-plates")
    assert (code, "1 vehicle to be entered again" in out) == (0, True)
    assert key_file(desk).exists()
    assert desk.json("people", "vehicle", "list") == []
    desk.json("people", "vehicle", "add", "京A12345", "--checkpoint", "lane")
    assert desk.json("people", "vehicle", "forget-plates", "--yes") == {"vehicles": [], "cases": []}
    assert len(desk.json("people", "vehicle", "list")) == 1


def test_plates_are_not_forgotten_under_a_running_core(desk: Desk) -> None:
    at = isoformat(datetime.now(UTC))
    with opened(loaded(desk)) as database, database.writing() as db:
        db.merge(SettingRow(name="core.heartbeat", value=json.dumps({"at": at, "broker": True, "counts": {}})))
    assert "stop core and pages first" in desk.refusal("people", "vehicle", "forget-plates", "--yes")
    assert not key_file(desk).exists()


def test_a_core_that_said_so_before_the_clock_was_set_back_holds_nothing_up(desk: Desk) -> None:
    at = isoformat(datetime.now(UTC) + timedelta(days=400))
    with opened(loaded(desk)) as database, database.writing() as db:
        db.merge(SettingRow(name="core.heartbeat", value=json.dumps({"at": at, "broker": True, "counts": {}})))
    assert len(desk.json("people", "vehicle", "forget-plates", "--yes")["vehicles"]) == 1
