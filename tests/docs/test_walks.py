"""Whoever follows a page line by line gets what the page says."""

from __future__ import annotations

import io
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from core.contract.config_file import load_config
from core.service import opened
from core.storage.schema import CaseRow, ConsentRow
from tests.docs.walks import Line, Walk, lines_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PASSWORD = "a-long-word-for-the-walk-7"  # of accounts that exist during a test


@pytest.fixture
def walk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    monkeypatch.setenv("ANJU_PASSWORD_FILE", str(secret))

    def look_up(name: str) -> str:
        columns = {"CASE": CaseRow.id, "SUBJECT": CaseRow.subject, "CONSENT": ConsentRow.id}
        if name not in columns:
            return ""
        with opened(load_config(tmp_path / "estate.yaml")) as database, database.reading() as db:
            return str(db.scalars(select(columns[name]).order_by(columns[name].desc())).first())

    return Walk(tmp_path, ROOT, capsys, look_up)


def test_the_consent_page_can_be_followed_line_by_line(walk: Walk) -> None:
    said = {line.text: walk.run(line) for line in lines_of(DOCS / "consent.md")}
    assert len(said) >= 20
    shown = "anju consent notice --subject $WHO --locale en -c estate.yaml"
    assert said[shown].startswith("# Notice: passing with your face")
    assert said["anju consent check -c estate.yaml"] == "every template has a consent that stands\n"
    assert '"notice_zh": "# 刷脸通行告知书' in said["anju consent record $CONSENT --evidence-pack -c estate.yaml"]


def test_a_backup_put_back_as_the_page_says_brings_nobody_back(walk: Walk) -> None:
    given, withdrawn = "anju consent give --subject $WHO", "anju consent withdraw --subject $WHO"
    database, backup = walk.folder / "var" / "anju.db", walk.folder / "backup.db"
    for line in lines_of(DOCS / "consent.md"):
        walk.run(line)
        if line.text.startswith(given):
            with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
                source.backup(target)
        if line.text.startswith(withdrawn):
            break
    for name in ("anju.db-wal", "anju.db-shm"):
        database.with_name(name).unlink(missing_ok=True)
    backup.replace(database)
    shown = walk.run(Line("anju consent show --subject $WHO -c estate.yaml", refused=False))
    assert ": withdrawn" in shown
    assert ": active" not in shown


def test_both_consent_pages_show_the_same_commands() -> None:
    def bare(name: str) -> list[str]:
        return [re.sub(r" --locale en\b", "", line.text) for line in lines_of(DOCS / name)]

    assert bare("consent.md") == bare("consent.zh-CN.md")


def test_the_page_on_lists_can_be_followed_line_by_line(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in lines_of(DOCS / "consent.md")[:2]:
        walk.run(line)
    for line in lines_of(DOCS / "lists.md"):
        monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
        said = walk.run(line)
        if line.text.startswith("anju lists case approve $CASE --as wu"):
            assert "is open, approved by chen, wu" in said
