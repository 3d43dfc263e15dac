"""`anju lists`: cases that take three people, sightings for those who handle them, disputes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.accounts import create_account
from api.permissions import Role
from core.cases.cases import do_note_sighting
from core.contract.config_file import load_config
from core.contract.ids import new_id
from core.service import opened
from core.storage.schema import PassageRow
from tests.cli.desk import Desk, set_up
from tests.core.estates import familys_consent

PASSWORD = "a long enough password 2026"
UNTIL = (datetime.now(UTC) + timedelta(days=7)).isoformat()
VEHICLE = (
    *("京A12345", "--case-number", "2026-114", "--authority", "某派出所", "--reason", "肇事逃逸"),
    *("--checkpoint", "lane", "--until", UNTIL),
)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Three administrators and an operator have accounts, all with one password for once."""
    desk = Desk(set_up(tmp_path), capsys)
    with opened(load_config(desk.config)) as database:
        for name in ("li", "wang", "zhao"):
            create_account(database, name, PASSWORD, Role.ADMINISTRATOR, datetime.now(UTC))
        create_account(database, "guard", PASSWORD, Role.OPERATOR, datetime.now(UTC))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    monkeypatch.setenv("ANJU_PASSWORD_FILE", str(tmp_path / "password"))
    return desk


def sizes(desk: Desk) -> dict[str, int]:
    return {row["list"]: row["entries"] for row in desk.json("lists", "show")}


def test_a_vehicle_is_sought_once_two_others_have_approved_and_until_the_case_is_closed(desk: Desk) -> None:
    case = desk.json("lists", "case", "request-vehicle", *VEHICLE, "--as", "li")["id"]
    assert "asked for this case yourself" in desk.refusal("lists", "case", "approve", case, "--as", "li")
    assert desk.json("lists", "case", "approve", case, "--as", "wang")["state"] == "requested"
    assert "another person has to" in desk.refusal("lists", "case", "approve", case, "--as", "wang")
    assert sizes(desk)["vehicle/controlled"] == 0
    approved = desk.json("lists", "case", "approve", case, "--as", "zhao")
    assert (approved["state"], approved["approved_by"]) == ("open", ["wang", "zhao"])
    assert sizes(desk)["vehicle/controlled"] == 1
    assert desk.json("people", "vehicle", "list") == [], "it is on no list of those who may enter"
    assert desk.json("lists", "case", "close", case, "--as", "li")["state"] == "closed"
    assert sizes(desk)["vehicle/controlled"] == 0
    assert desk.json("lists", "case", "list") == []
    assert [row["id"] for row in desk.json("lists", "case", "list", "--ended")] == [case]


def test_who_approves_a_case_can_read_whom_or_what_it_is_about_and_others_cant(desk: Desk) -> None:
    asked = ("王奶奶", "--checkpoint", "gate", "--reason", "昨日离家未归", "--until", UNTIL)
    person = desk.json("lists", "case", "request-person", *asked, "--as", "li")["id"]
    vehicle = desk.json("lists", "case", "request-vehicle", *VEHICLE, "--as", "li")["id"]
    shown = {case: desk.json("lists", "case", "show", case, "--as", "wang")["sought"] for case in (person, vehicle)}
    assert shown == {person: "王奶奶", vehicle: "京A12345"}
    _, said, _ = desk.run("lists", "case", "show", vehicle, "--as", "wang")
    assert "京A12345: 肇事逃逸; case 2026-114 of 某派出所; asked for by li" in said.replace("\n", " ")
    assert "may not 'cases'" in desk.refusal("lists", "case", "show", person, "--as", "guard")
    listed = desk.run("lists", "case", "list", "--json")[1]
    assert "王奶奶" not in listed
    assert "京A12345" not in listed
    for case in (person, vehicle):
        desk.json("lists", "case", "close", case, "--as", "li")
        assert desk.json("lists", "case", "show", case, "--as", "wang")["sought"] == ""


def test_who_may_not_handle_cases_or_gives_a_wrong_password_is_told_so(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ("lists", "case", "request-vehicle", *VEHICLE)
    assert "role 'operator' may not 'cases'" in desk.refusal(*request, "--as", "guard")
    assert "wrong account or password" in desk.refusal(*request, "--as", "nobody")
    (tmp_path / "password").write_text("not the password")
    assert "wrong account or password" in desk.refusal(*request, "--as", "li")
    monkeypatch.setenv("ANJU_PASSWORD_FILE", str(tmp_path / "nowhere"))
    assert "ANJU_PASSWORD_FILE" in desk.refusal(*request, "--as", "li")
    assert desk.json("lists", "case", "list", "--ended") == []


def test_sightings_are_shown_to_those_who_handle_cases(desk: Desk) -> None:
    asked = ("王奶奶", "--checkpoint", "gate", "--reason", "昨日离家未归", "--until", UNTIL)
    case = desk.json("lists", "case", "request-person", *asked, "--as", "li")
    for account in ("wang", "zhao"):
        desk.json("lists", "case", "approve", case["id"], "--as", account)
    with opened(load_config(desk.config)) as database, database.writing() as db:
        at = datetime.now(UTC)
        familys_consent(db, case["subject"], at)
        assert do_note_sighting(db, new_id(), subject=case["subject"], vehicle=None, checkpoint="gate", at=at)
    seen = desk.json("lists", "case", "sightings", case["id"], "--as", "li")
    assert [row["checkpoint"] for row in seen] == ["gate"]
    assert "may not 'cases'" in desk.refusal("lists", "case", "sightings", case["id"], "--as", "guard")
    assert "there is no such case" in desk.refusal("lists", "case", "sightings", new_id(), "--as", "li")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("--until", "tomorrow"), "no time with an offset"),
        (("--until", "2036-01-01T00:00:00+08:00"), "within 90 days"),
        (("--checkpoint", "gate"), "only a plate lane"),
        (("--reason", " "), "needs a reason"),
    ],
)
def test_a_request_that_cant_be_is_refused_in_words(desk: Desk, change: tuple[str, str], complaint: str) -> None:
    assert complaint in desk.refusal("lists", "case", "request-vehicle", *VEHICLE, *change, "--as", "li")


@pytest.fixture
def passage_of(desk: Desk) -> Callable[[str | None], str]:
    """Makes a passage in which that person was recognised by their face."""

    def make(subject: str | None) -> str:
        row: dict[str, Any] = {"edge_id": "edge-1", "checkpoint": "gate", "ring": "perimeter", "camera": "cam-gate"}
        row |= {"direction": "in", "credential": "face", "verdict": "admit", "reason": "listed", "times": {}}
        with opened(load_config(desk.config)) as database, database.writing() as db:
            found = PassageRow(
                id=new_id(), occurred_at=datetime.now(UTC), passed=True, gate_opened=True, subject=subject, **row
            )
            db.add(found)
            return found.id

    return make


def test_a_guard_disputes_a_passage(desk: Desk, passage_of: Callable[[str | None], str]) -> None:
    passage = passage_of(new_id())
    assert desk.json("lists", "dispute", passage, "--as", "guard")["passage"] == passage
    assert "nobody was recognised" in desk.refusal("lists", "dispute", passage_of(None), "--as", "guard")
    assert "no such passage" in desk.refusal("lists", "dispute", new_id(), "--as", "guard")
    assert desk.json("lists", "template", "list") == []
    assert "no template of that id" in desk.refusal("lists", "template", "release", new_id(), "--as", "li")


def test_an_edge_is_written_off_by_name_with_a_reason(desk: Desk) -> None:
    write_off = ("people", "edge", "write-off", "edge-1", "--reason", "烧毁，两人在场")
    assert "may not 'edges_approve'" in desk.refusal(*write_off, "--as", "guard")
    assert "what became of its storage" in desk.refusal(*write_off, "--reason", " ", "--as", "li")
    assert "no edge has that id" in desk.refusal(*write_off[:3], "edge-9", *write_off[4:], "--as", "li")
    assert desk.json(*write_off, "--as", "li") == {"id": "edge-1", "settled": 0, "by": "li"}
