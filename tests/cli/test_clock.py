"""`anju core clock`: what somebody hears of a clock in doubt, and how they settle it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.accounts import create_account
from api.permissions import Role
from core.clock.guard import CoreClock
from core.clock.judge import Doubt
from core.clock.record import ClockRecord, read_record, write_record
from core.contract.config_file import load_config
from core.service import opened
from tests.cli.desk import Desk, set_up

PASSWORD = "a quiet bamboo grove"
SINCE = datetime.now(UTC) - timedelta(days=1000)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(set_up(tmp_path), capsys)
    with opened(load_config(desk.config)) as database:
        create_account(database, "li", PASSWORD, Role.ADMINISTRATOR, datetime.now(UTC))
        create_account(database, "guard", PASSWORD, Role.OPERATOR, datetime.now(UTC))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    monkeypatch.setenv("ANJU_PASSWORD_FILE", str(tmp_path / "password"))
    return desk


@pytest.fixture
def doubting(desk: Desk) -> Desk:
    """The core last worked a thousand days ago."""
    with opened(load_config(desk.config)) as database, database.writing() as db:
        write_record(db, ClockRecord(at=SINCE, doubt=Doubt.AHEAD, since=SINCE))
    return desk


def test_it_is_shown_whether_the_core_believes_the_clock(desk: Desk) -> None:
    assert "has not worked with it yet" in desk.run("core", "clock", "show")[1]
    with opened(load_config(desk.config)) as database, database.writing() as db:
        CoreClock().look(db)
    assert "believes it" in desk.run("core", "clock", "show")[1]
    told = desk.json("core", "clock", "show")
    assert (told["doubt"], told["in_doubt_since"], told["confirmed_by"]) == (None, None, None)


def test_a_clock_in_doubt_is_shown_wherever_somebody_looks(doubting: Desk) -> None:
    code, out, _ = doubting.run("core", "clock", "show")
    assert code == 0
    assert "doubts its machine's clock since" in out
    assert "anju core clock confirm" in out
    assert doubting.json("core", "clock", "show")["doubt"] == "ahead"
    assert "is ahead of the time that can have passed" in out
    for command in (("lists", "show"), ("consent", "due")):
        assert "doubts its machine's clock" in doubting.run(*command)[2]


def test_a_clock_that_is_behind_is_told_so(desk: Desk) -> None:
    with opened(load_config(desk.config)) as database, database.writing() as db:
        write_record(db, ClockRecord(at=datetime.now(UTC), doubt=Doubt.BEHIND, since=SINCE))
    assert "is behind the time that has passed." in desk.run("core", "clock", "show")[1]


def test_who_may_and_says_the_right_time_settles_it(doubting: Desk) -> None:
    right = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()
    confirm = ("core", "clock", "confirm")
    assert "'clock_confirm'" in doubting.refusal(*confirm, right, "--as", "guard")
    assert "set it first" in doubting.refusal(*confirm, SINCE.isoformat(), "--as", "li")
    assert "no time with an offset" in doubting.refusal(*confirm, "noon", "--as", "li")
    assert doubting.json(*confirm, right, "--as", "li")["by"] == "li"
    assert doubting.run("lists", "show")[2] == ""
    with opened(load_config(doubting.config)) as database, database.reading() as db:
        record = read_record(db)
    assert record is not None
    assert (record.doubt, record.confirmed_by) == (None, "li")


def test_no_consent_is_recorded_meanwhile(doubting: Desk) -> None:
    person = doubting.json("people", "add", "王小明", "--checkpoint", "gate")["key"]
    assert "confirms it" in doubting.refusal("consent", "give", "--subject", person, "--notice-shown")
