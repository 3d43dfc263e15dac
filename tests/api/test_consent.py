"""Consent over the API: guardians, purposes, people who declined; each refusal says what to do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from httpx import Client

from core.people.consent.ledger import do_decline, do_show_notice, do_suspend
from core.people.consent.queries import newest_consent
from core.people.consent.transitions import Act
from core.people.consent.words import FACE_ACCESS, SuspendReason
from core.people.notices import notice
from core.people.subjects import subject
from core.people.tombstones import JournalError, TombstoneJournal
from tests.api.houses import House
from tests.api.serving import Served

GUARDIAN = {"ref": "file-2026-17", "relation": "parent", "evidence": "household_register"}


@pytest.fixture
def admin(house: House, served: Served) -> Iterator[Client]:
    with served.client(headers=house.token()) as client:
        yield client


def person(admin: Client, **more: object) -> str:
    key = str(uuid.uuid4())
    body = {"name": "王小明", "kind": "resident", "checkpoints": ["gate"], **more}
    answer = admin.put(f"/api/v1/subjects/{key}", json=body)
    assert answer.status_code == 200, answer.text
    return key


def give(admin: Client, who: str, **more: object) -> tuple[int, dict[str, object]]:
    answer = admin.post(f"/api/v1/subjects/{who}/consents", json={"notice_version": "face-access-3", **more})
    body: dict[str, object] = answer.json()
    return answer.status_code, body


def test_a_child_needs_a_guardian_and_the_guardian_no_name(admin: Client) -> None:
    child = person(admin, born=f"{datetime.now(UTC).year - 8}-01-01")
    assert admin.get("/api/v1/subjects").json()["subjects"][0]["under_14"] is True
    status, problem = give(admin, child)
    assert (status, "under 14" in str(problem["detail"])) == (409, True)
    status, problem = give(admin, child, given_by="guardian")
    assert (status, "'relation'" in str(problem["detail"])) == (422, True)
    assert give(admin, child, given_by="guardian", guardian=GUARDIAN | {"ref": "王芳"})[0] == 422
    status, consent = give(admin, child, given_by="guardian", guardian=GUARDIAN)
    assert (status, consent["state"], consent["given_by"]) == (201, "active", "guardian")


def test_who_declined_is_asked_again_only_if_they_come_by_themselves(admin: Client, house: House) -> None:
    who = person(admin)
    with house.database.writing() as db:
        act = Act(datetime.now(UTC))
        do_decline(db, do_show_notice(db, subject(db, who), notice(), act), act)
    shown = admin.get("/api/v1/subjects").json()["subjects"][0]["consent"]
    assert (shown["state"], shown["granted_at"]) == ("declined", None)
    status, problem = give(admin, who)
    assert (status, "ask again from" in str(problem["detail"])) == (409, True)
    assert give(admin, who, reopened=True)[1]["state"] == "active"


def test_a_suspended_consent_can_be_withdrawn_but_not_given_over_it(admin: Client, house: House) -> None:
    who = person(admin)
    consent = give(admin, who)[1]["id"]
    with house.database.writing() as db:
        row = newest_consent(db, who, FACE_ACCESS, lock=True)
        assert row is not None
        do_suspend(db, row, SuspendReason.SUBJECT_ASKED, Act(datetime.now(UTC)))
    assert give(admin, who)[0] == 409
    withdrawn = admin.post(f"/api/v1/consents/{consent}/withdrawal").json()
    assert (withdrawn["state"], withdrawn["deadline_at"]) == ("withdrawn", None)


def test_another_purpose_is_another_consent_and_does_not_hide_the_first(admin: Client) -> None:
    who = person(admin)
    give(admin, who)
    status, storing = give(admin, who, notice_version="site-server-1", locale="en")
    assert (status, storing["scope"]) == (201, "face.site_server")
    shown = admin.get("/api/v1/subjects").json()["subjects"][0]["consent"]
    assert shown["scope"] == "face.access"


def test_an_end_that_can_not_be_written_down_is_refused_and_nothing_is_half_done(admin: Client, house: House) -> None:
    who = person(admin)
    consent = give(admin, who)[1]["id"]

    def full(_: object) -> None:
        raise JournalError("tombstones.jsonl: can't be written (No space left on device), so nothing was ended")

    house.database.before_commit(full)
    answer = admin.post(f"/api/v1/consents/{consent}/withdrawal")
    assert (answer.status_code, "nothing was ended" in answer.json()["detail"]) == (503, True)
    shown = admin.get("/api/v1/subjects").json()["subjects"][0]["consent"]
    assert shown["state"] == "active"


def test_a_withdrawal_is_in_force_also_while_the_journal_has_no_room(
    admin: Client, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = person(admin)
    consent = give(admin, who)[1]["id"]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.people.tombstones._write_all", full)
    house.database.before_commit(TombstoneJournal(tmp_path / "tombstones.jsonl").write_noted)
    answer = admin.post(f"/api/v1/consents/{consent}/withdrawal")
    assert (answer.status_code, "recognition is off now" in answer.json()["detail"]) == (503, True)
    shown = admin.get("/api/v1/subjects").json()["subjects"][0]["consent"]
    assert shown["state"] == "suspended"
