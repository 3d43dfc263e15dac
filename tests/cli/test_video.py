"""`anju video views`: for those who audit, who was let watch what and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.accounts import create_account
from api.permissions import Role
from core.contract.config_file import load_config
from core.contract.ids import new_id
from core.service import opened
from core.storage.schema import ViewGrantRow
from tests.cli.desk import Desk, set_up

PASSWORD = "a long enough password 2026"


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two guards have watched something; an administrator wants to know."""
    desk = Desk(set_up(tmp_path), capsys)
    with opened(load_config(desk.config)) as database:
        create_account(database, "li", PASSWORD, Role.ADMINISTRATOR, datetime.now(UTC))
        create_account(database, "guard", PASSWORD, Role.OPERATOR, datetime.now(UTC))
        for by, reason in (("guard", "somebody [called] for help"), ("guard-2", "alert 17")):
            with database.writing() as db:
                at = datetime.now(UTC)
                db.add(ViewGrantRow(id=new_id(), at=at, by=by, edge_id="edge-1", camera="cam-1", reason=reason))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    monkeypatch.setenv("ANJU_PASSWORD_FILE", str(tmp_path / "password"))
    return desk


def test_the_newest_first_and_the_rest_on_the_next_page(desk: Desk) -> None:
    page = desk.json("video", "views", "--as", "li", "--limit", "1")
    assert [(one["by"], one["reason"], one["clip"]) for one in page["views"]] == [("guard-2", "alert 17", None)]
    page = desk.json("video", "views", "--as", "li", "--limit", "1", "--before", page["next"])
    assert [one["by"] for one in page["views"]] == ["guard"]
    assert page["next"] is None


def test_a_page_that_cannot_be_is_not_taken_for_an_empty_one(desk: Desk) -> None:
    code, out, err = desk.run("video", "views", "--as", "li", "--before", "yesterday")
    assert code == 2
    assert "--before" in err
    assert not out


def test_people_read_every_reason_as_it_was_written(desk: Desk) -> None:
    code, out, err = desk.run("video", "views", "--as", "li", "--limit", "1")
    assert code == 0
    assert "--before" in err
    _, out, _ = desk.run("video", "views", "--as", "li")
    assert "somebody [called] for help" in " ".join(out.split())


def test_a_guard_is_not_told(desk: Desk) -> None:
    assert "video_audit" in desk.refusal("video", "views", "--as", "guard")
