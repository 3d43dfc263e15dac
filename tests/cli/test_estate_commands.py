"""`anju api`, `anju edge` and `anju people` on a fresh estate: what they say, what they leave, how they end."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from api.accounts import SignedIn, find_session, sign_in
from api.permissions import Role
from cli.main import main
from core.contract.config_file import load_config
from core.contract.sealing import FINGERPRINT_PATTERN
from core.service import opened
from tests.cli.desk import Desk, set_up
from tests.core.estates import estate_tree

PASSWORD = "a quiet bamboo grove"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "estate.yaml"
    path.write_text(json.dumps(estate_tree()))
    return path


@pytest.fixture
def console(config: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(config, capsys)


def holder(config: Path, token: str) -> SignedIn | None:
    with opened(load_config(config)) as database, database.reading() as db:
        return find_session(db, token, datetime.now(UTC), by_cookie=False)


def test_a_token_opens_the_api_until_it_is_taken_back(console: Desk, config: Path) -> None:
    code, out, err = console.run("api", "token", "create", "--name", "gate-house")
    assert (code, err) == (0, "")
    first = out.strip()
    second = console.json("api", "token", "create", "--name", "gate-house", "--role", "administrator")
    for token, role in ((first, Role.OPERATOR), (second["token"], Role.ADMINISTRATOR)):
        found = holder(config, token)
        assert found is not None
        assert (found.account, found.role) == ("gate-house", role)
    assert console.run("api", "token", "revoke", "--name", "gate-house")[:2] == (0, "2 taken back\n")
    assert holder(config, first) is None
    assert holder(config, second["token"]) is None
    assert console.run("api", "token", "revoke", "--name", "gate-house")[:2] == (0, "0 taken back\n")


def test_a_token_for_an_odd_name_or_too_long_a_life_is_refused(console: Desk) -> None:
    code, _, err = console.run("api", "token", "create", "--name", "Gate House")
    assert (code, err.startswith("anju: ")) == (1, True)
    assert console.run("api", "token", "create", "--name", "gate-house", "--days", "4000")[0] == 2
    assert console.run("api", "token", "create", "--name", "gate-house", "--role", "king")[0] == 2


def test_an_account_is_made_with_a_password_that_is_never_an_argument(
    console: Desk, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert console.run("api", "account", "create", "--name", "desk-1")[:2] == (
        0,
        "account desk-1 (operator) is there\n",
    )
    with opened(load_config(config)) as database:
        assert sign_in(database, "desk-1", PASSWORD, datetime.now(UTC)) is not None
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    code, out, err = console.run("api", "account", "create", "--name", "desk-2")
    assert (code, out) == (1, "")
    assert "short" not in err.replace("too short", "")


def test_an_accounts_password_is_read_from_the_file_that_the_environment_names(
    console: Desk, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANJU_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    code, out, err = console.run("api", "account", "create", "--name", "desk-1")
    assert (code, out) == (1, "")
    assert f"ANJU_PASSWORD_FILE {tmp_path / 'password'}" in err
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    assert console.run("api", "account", "create", "--name", "desk-1")[0] == 0
    with opened(load_config(config)) as database:
        assert sign_in(database, "desk-1", PASSWORD, datetime.now(UTC)) is not None


@pytest.mark.parametrize(
    "command",
    [
        ["core", "init"],
        ["core"],
        ["api"],
        ["api", "token", "revoke", "--name", "gate-house"],
        ["people", "list"],
        ["consent", "due"],
    ],
)
def test_no_command_works_on_the_database_of_a_newer_anju(
    command: list[str], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Desk(set_up(config.parent), capsys)
    with opened(load_config(config)) as database, database.writing() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    code, out, err = console.run(*command)
    assert (code, out) == (1, "")
    assert err.startswith("anju: ")
    assert "newer Anju" in err
    assert err.count("\n") == 1


def test_a_process_without_an_estate_is_called_wrongly(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["api"], ["core"], ["edge"], ["edge", "--id", "edge-1"]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2
        assert "--config" in capsys.readouterr().err


def test_an_edge_shows_the_same_fingerprint_every_time_and_an_unknown_one_none(console: Desk) -> None:
    first = console.run("edge", "key", "--id", "edge-1")
    assert first[0] == 0
    assert re.fullmatch(FINGERPRINT_PATTERN, first[1].strip())
    assert console.run("edge", "key", "--id", "edge-1") == first
    assert console.run("edge", "key", "--id", "edge-2")[1] != first[1]
    code, out, err = console.run("edge", "key", "--id", "edge-9")
    assert (code, out) == (1, "")
    assert "edge-9" in err


def test_a_person_is_added_consents_and_withdraws(console: Desk) -> None:
    who = console.json("people", "add", "王小明", "--checkpoint", "gate", "--checkpoint", "door")["key"]
    assert "no active consent" in console.refusal("consent", "withdraw", "--subject", who)
    guardian = ("--guardian", "file-2026-17", "--relation", "parent", "--guardian-evidence", "household_register")
    given = console.json("consent", "give", "--subject", who, "--notice-shown", *guardian)
    assert (given["state"], given["given_by"], given["notice"]) == ("active", "guardian", "face-access-3")
    code, out, _ = console.run("consent", "withdraw", "--subject", who)
    assert (code, out) == (0, f"consent {given['id']} is withdrawn; every edge erases its templates\n")
    assert [one["consent"] for one in console.json("people", "list")] == ["withdrawn"]
    assert console.json("people", "remove", who) == {"key": who, "removed": True}
    assert console.json("people", "list") == []
    assert "removed" in console.refusal("people", "add", "王小明", "--checkpoint", "gate", "--key", who)


def test_a_vehicle_is_entered_once_and_removed(console: Desk) -> None:
    entered = console.json("people", "vehicle", "add", "粤b·d12345", "--checkpoint", "lane")
    assert entered["plate"] == "粤BD12345"
    assert "another vehicle" in console.refusal("people", "vehicle", "add", "粤BD12345", "--checkpoint", "lane")
    assert "no plate" in console.refusal("people", "vehicle", "add", "12345", "--checkpoint", "lane")
    assert "nowhere" in console.refusal("people", "vehicle", "add", "京A12345", "--checkpoint", "nowhere")
    assert console.run("people", "vehicle", "remove", entered["key"])[:2] == (0, "removed\n")
    assert "no vehicle" in console.refusal("people", "vehicle", "remove", entered["key"])


def test_it_is_the_same_as_a_program_of_its_own(config: Path) -> None:
    command = [sys.executable, "-m", "cli", "people", "add", "王小明", "--checkpoint", "gate", "--json"]
    done = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["name"] == "王小明"
    done = subprocess.run(
        [*command, "--config", str(config.with_name("no.yaml"))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["kind"] == "ConfigError"
