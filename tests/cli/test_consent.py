"""`anju consent`: what it does to the ledger, what it says, and what it refuses."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.engine.default import DefaultDialect

from core.contract.config_file import load_config
from core.people.consent.queries import consents_of
from core.people.consent.upkeep import ConsentUpkeep
from core.people.tombstones import JOURNAL_FILE, TombstoneJournal
from core.service import opened
from core.storage.database import Database
from core.storage.schema import ConsentRow, EdgeRow, ErasureRow
from tests.cli.desk import Desk, set_up
from tests.core.people.consent.people import keep_template, templates

MOTHER = ("--guardian", "file-2026-17", "--relation", "parent", "--guardian-evidence", "birth_certificate")


class ConsentDesk(Desk):
    """Somebody who records people and their consent."""

    def person(self, *more: str) -> str:
        key: str = self.json("people", "add", "王小明", "--checkpoint", "gate", *more)["key"]
        return key

    def consent(self, command: str, who: str, *more: str) -> Any:
        return self.json("consent", command, "--subject", who, *more)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> ConsentDesk:
    return ConsentDesk(set_up(tmp_path), capsys)


@pytest.fixture
def database(desk: ConsentDesk) -> Any:
    with opened(load_config(desk.config)) as found:
        yield found


def journal_of(database: Database) -> Path:
    return Path(str(database.engine.url.database)).parent / JOURNAL_FILE


def disk_full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def unreadable(journal: Path) -> None:
    """For root, too."""
    journal.unlink(missing_ok=True)
    journal.mkdir()


def damaged(journal: Path) -> None:
    journal.write_text("not a line of ours\n")


class Full:
    """Commits fail once the journal has a line: what is left of a disk often takes that, and no more."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal

    def __call__(self, connection: Any) -> None:
        if self._journal.exists() and self._journal.stat().st_size:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error
        connection.commit()


def test_the_notice_is_shown_in_the_language_asked_for(desk: ConsentDesk) -> None:
    assert desk.run("consent", "notice")[1].startswith("# 刷脸通行告知书")
    assert desk.run("consent", "notice", "--locale", "en")[1].startswith("# Notice: passing with your face")
    assert desk.json("consent", "notice", "--scope", "face.site_server")["version"] == "site-server-1"


def test_shown_declined_left_alone_and_reopened(desk: ConsentDesk) -> None:
    who = desk.person()
    assert desk.consent("notice", who)["consent"]["state"] == "noticed"
    assert desk.consent("decline", who)["state"] == "declined"
    assert "declined; ask again from" in desk.refusal("consent", "notice", "--subject", who)
    assert "ask again from" in desk.refusal("consent", "give", "--subject", who, "--notice-shown")
    given = desk.consent("give", who, "--notice-shown", "--reopened", "--locale", "en", "--evidence", "file-3")
    assert (given["state"], given["locale"], given["evidence_ref"]) == ("active", "en", "file-3")
    assert [entry["event"] for entry in given["events"]] == ["notice_shown", "decline", "subject_reopens", "grant"]


def test_suspended_resumed_withdrawn_in_one_step_each(desk: ConsentDesk) -> None:
    who = desk.person()
    desk.consent("give", who, "--notice-shown")
    assert desk.consent("suspend", who, "--reason", "security_incident")["state"] == "suspended"
    assert "possible now: resume, withdraw" in desk.refusal("consent", "suspend", "--subject", who)
    assert desk.consent("resume", who)["state"] == "active"
    assert desk.consent("withdraw", who, "--channel", "phone")["events"][-1]["channel"] == "phone"
    assert "no active consent" in desk.refusal("consent", "withdraw", "--subject", who)
    assert [one["state"] for one in desk.consent("show", who)] == ["withdrawn"]


def test_with_a_full_disk_a_withdrawal_says_that_recognition_is_off_and_the_end_follows(
    desk: ConsentDesk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, other = desk.person(), desk.person()
    for one in (who, other):
        desk.consent("give", one, "--notice-shown")

    monkeypatch.setattr("core.people.tombstones._write_all", disk_full)
    said = desk.refusal("consent", "withdraw", "--subject", who)
    assert "recognition is off now" in said
    assert "follows by itself" in said
    assert desk.json("consent", "show", "--subject", who)[0]["state"] == "suspended"
    assert "taken back" in desk.refusal("consent", "resume", "--subject", who)
    code, told, beside = desk.run("consent", "suspend", "--subject", other)
    assert (code, "is suspended until" in told, "its line follows by itself" in beside) == (0, True, True)
    _, _, beside = desk.run("lists", "show")
    assert "stop recognising faces; 1 end asked for meanwhile will follow" in " ".join(beside.split())
    monkeypatch.undo()
    ConsentUpkeep(database, TombstoneJournal(journal_of(database))).run(datetime.now(UTC))
    assert "withdraw" in [one["event"] for one in desk.json("consent", "show", "--subject", who)[0]["events"]]
    assert desk.run("lists", "show")[2] == ""


def test_with_the_core_stopped_an_end_that_waits_is_told_and_due_does_it(
    desk: ConsentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = desk.person()
    desk.consent("give", who, "--notice-shown")
    monkeypatch.setattr("core.people.tombstones._write_all", disk_full)
    assert "recognition is off now" in desk.refusal("consent", "withdraw", "--subject", who)
    monkeypatch.undo()
    line = desk.run("consent", "show", "--subject", who)[1]
    assert ("its end was asked for" in line, "decide by" in line) == (True, False)
    assert [one["end_waits"] for one in desk.consent("show", who)] == [True]
    assert "1 end asked for" in desk.run("lists", "show")[2]
    assert desk.run("consent", "due")[1].startswith("done: 1 ended_later")
    (shown,) = desk.consent("show", who)
    assert (shown["end_waits"], "withdraw" in [one["event"] for one in shown["events"]]) == (False, True)
    assert desk.run("lists", "show")[2] == ""
    assert desk.run("consent", "due")[1].startswith("done: nothing")


@pytest.mark.parametrize("damage", [unreadable, damaged])
def test_with_a_journal_that_cant_even_be_read_a_withdrawal_locks_and_follows(
    desk: ConsentDesk, database: Database, damage: Callable[[Path], None]
) -> None:
    who, other = desk.person(), desk.person()
    for one in (who, other):
        desk.consent("give", one, "--notice-shown")
    journal = journal_of(database)
    damage(journal)
    assert "recognition is off now" in desk.refusal("consent", "withdraw", "--subject", who)
    assert [one["state"] for one in desk.consent("show", who)] == ["suspended"]
    code, told, beside = desk.run("consent", "suspend", "--subject", other)
    assert (code, "is suspended until" in told, "its line follows by itself" in beside) == (0, True, True)
    code, _, beside = desk.run("lists", "show")
    assert (code, "tombstones.jsonl: " in beside, "no edge gets a roll" in beside) == (0, True, True)
    journal.rmdir() if journal.is_dir() else journal.unlink()
    assert desk.json("consent", "due")["done"]["ended_later"] == 1
    assert "withdraw" in [one["event"] for one in desk.consent("show", who)[0]["events"]]
    assert TombstoneJournal(journal).read().entries != ()


def test_with_a_database_that_cant_be_written_the_answer_says_that_the_end_follows_from_the_journal(
    desk: ConsentDesk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = desk.person()
    desk.consent("give", who, "--notice-shown")
    monkeypatch.setattr(DefaultDialect, "do_commit", Full(journal_of(database)))
    code, _, said = desk.run("consent", "withdraw", "--subject", who)
    said = " ".join(said.split())
    assert (code, "stands in the journal" in said, "database or disk is full" in said) == (1, True, True)
    assert ("follows by itself" in said, "NOTHING" in said, "server" in said) == (True, False, False)
    with database.reading() as db:
        assert [row.state for row in consents_of(db, who)] == ["active"]
    again = desk.run("consent", "withdraw", "--subject", who)[2]
    assert ("its disk is full" in again, "make room" in again, "server" in again) == (True, True, False)
    monkeypatch.undo()
    assert "withdraw" in [one["event"] for one in desk.consent("show", who)[0]["events"]]


def test_who_was_never_asked_and_who_is_unknown_are_told_apart(desk: ConsentDesk) -> None:
    who = desk.person()
    assert desk.run("consent", "show", "--subject", who)[1] == "this person was never asked\n"
    assert "'anju people list'" in desk.refusal("consent", "show", "--subject", "nobody")
    assert "show the notice first" in desk.refusal("consent", "decline", "--subject", who)
    assert "no edge was asked" in desk.run("consent", "receipts", desk.consent("give", who, "--notice-shown")["id"])[1]


def test_giving_twice_says_that_nothing_was_changed(desk: ConsentDesk) -> None:
    who = desk.person()
    assert "nothing was changed" not in desk.run("consent", "give", "--subject", who, "--notice-shown")[1]
    assert "nothing was changed" in desk.run("consent", "give", "--subject", who, "--notice-shown")[1]


def test_a_key_can_be_copied_from_the_list_in_a_narrow_terminal(desk: ConsentDesk) -> None:
    assert desk.person() in desk.run("people", "list")[1]


def test_for_a_child_a_guardian_has_to_consent_and_say_who_they_are(desk: ConsentDesk) -> None:
    born = date(datetime.now(UTC).year - 8, 1, 1).isoformat()
    child = desk.person("--born", born)
    assert "under 14" in desk.refusal("consent", "give", "--subject", child, "--notice-shown")
    assert "--relation" in desk.refusal("consent", "give", "--subject", child, "--notice-shown", "--guardian", "f-1")
    named = ("--guardian", "王芳", *MOTHER[2:])
    assert "never a name" in desk.refusal("consent", "give", "--subject", child, "--notice-shown", *named)
    given = desk.consent("give", child, "--notice-shown", *MOTHER)
    assert given["guardian"] == {"ref": "file-2026-17", "relation": "parent", "evidence": "birth_certificate"}
    assert datetime.fromisoformat(given["expires_at"]) - datetime.now(UTC) < timedelta(days=184)
    assert "no day" in desk.refusal("people", "add", "王", "--checkpoint", "gate", "--born", "4.5.2016")


def test_a_missing_person_needs_an_end(desk: ConsentDesk) -> None:
    who = desk.person()
    scope = ("--scope", "face.missing_person", "--notice-shown", *MOTHER)
    assert "needs an end" in desk.refusal("consent", "give", "--subject", who, *scope)
    until = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    assert desk.consent("give", who, *scope, "--until", until)["expires_at"] == until


def test_a_record_can_be_handed_out_with_the_words_and_the_proofs(desk: ConsentDesk, database: Database) -> None:
    who = desk.person()
    with database.writing() as db:
        db.execute(update(EdgeRow).values(approved_key_base64="a" * 44))
    consent = desk.consent("give", who, "--notice-shown")["id"]
    assert desk.json("consent", "record", consent)["purposes"] == ["face.access"]
    assert "grant by console" in desk.run("consent", "record", consent)[1]
    desk.consent("withdraw", who)
    with database.writing() as db:
        proved = db.get(ErasureRow, (consent, "edge-1"))
        assert proved is not None
        proved.confirmed_at, proved.receipt = datetime.now(UTC), "{}"
    pack = desk.json("consent", "record", consent, "--evidence-pack")
    assert (pack["notice_zh"][:2], [one["receipt"] for one in pack["erasures"]]) == ("# ", ["{}", None])
    for key in (who, consent):
        shown = desk.json("consent", "receipts", key)
        assert [(one["edge"], one["confirmed_at"] is None) for one in shown] == [("edge-1", False), ("edge-2", True)]
    first, second = desk.run("consent", "receipts", who)[1].splitlines()
    assert first.startswith(f"{consent}  edge edge-1 confirmed at ")
    assert second.startswith(f"{consent}  edge edge-2 has not confirmed; asked ")
    assert desk.run("consent", "show", "--subject", who)[1].startswith(f"{consent}  face.access: withdrawn  given 20")
    assert "nobody has that id" in desk.refusal("consent", "receipts", "00000000-0000-7000-8000-000000000000")


def test_check_says_and_mends_a_template_without_a_consent(desk: ConsentDesk, database: Database) -> None:
    consent = desk.consent("give", desk.person(), "--notice-shown")["id"]
    assert desk.json("consent", "check") == {"ok": True, "erased": []}
    with database.writing() as db:
        row = db.get(ConsentRow, consent)
        assert row is not None
        keep_template(db, row)
        row.state = "noticed"
    code, out, _ = desk.run("consent", "check")
    assert (code, out) == (1, "1 template without a consent that stands, erased: 1 no_standing_consent\n")
    with database.reading() as db:
        assert templates(db) == []
    assert desk.run("consent", "check")[:2] == (0, "every template has a consent that stands\n")


def test_due_does_what_time_asks_for_and_says_what_comes_next(desk: ConsentDesk, database: Database) -> None:
    who = desk.person()
    desk.consent("notice", who)
    first = desk.json("consent", "due")
    assert (first["done"], first["states"]) == ({}, {"noticed": 1})
    assert datetime.fromisoformat(first["next_at"]) > datetime.now(UTC) + timedelta(days=29)
    with database.writing() as db:
        db.execute(update(ConsentRow).values(deadline_at=datetime.now(UTC)))
    assert desk.json("consent", "due")["done"] == {"expire_offer": 1}
    assert desk.run("consent", "due")[1] == "done: nothing; next: nothing is dated\n"
