"""Whoever watches says why, and gets a ticket that the right edge takes for just that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import Client, Response
from sqlalchemy import select

from api.permissions import Role
from core.contract.ids import new_id
from core.contract.viewing import MAX_LIVE_S, verify_view
from core.people.edges import do_approve_edge, shown_fingerprint
from core.people.edges import edge as find_edge
from core.storage.schema import ViewGrantRow
from tests.api.houses import House
from tests.core.estates import passage

URL = "https://edge-1.example:8791"


@pytest.fixture
def approved(house: House) -> House:
    """The house, its edge approved and serving."""
    house.edge_says("edge-1", enrol_url=URL)
    with house.database.writing() as db:
        shown = shown_fingerprint(find_edge(db, "edge-1"))
        assert shown is not None
        do_approve_edge(db, "edge-1", shown, datetime.now(UTC))
    return house


def ask(client: Client, house: House, path: str, **body: Any) -> Response:
    return client.post(f"/api/v1{path}", json=body, headers=house.token(Role.OPERATOR))


def grants(house: House) -> list[ViewGrantRow]:
    with house.database.reading() as db:
        return list(db.scalars(select(ViewGrantRow)))


def test_a_ticket_for_a_live_view_is_for_that_camera_and_written_down_with_its_reason(
    client: Client, approved: House
) -> None:
    camera = next(one.id for one in approved.config.cameras if one.edge == "edge-1")
    answer = ask(client, approved, f"/cameras/{camera}/views", reason="  somebody calls for help ", stream="sub")
    assert answer.status_code == 201
    told = answer.json()
    assert told["url"] == f"{URL}/v1/cameras/{camera}/live"
    claim = verify_view(told["ticket"], approved.signing_key.public_key())
    assert (claim.edge, claim.camera, claim.clip, claim.stream) == ("edge-1", camera, None, "sub")
    assert claim.until is not None
    assert 0 < (claim.until - claim.expires_at).total_seconds() < MAX_LIVE_S
    (written,) = grants(approved)
    assert (written.id, written.camera, written.clip) == (claim.ticket_id, camera, None)
    assert written.reason == "somebody calls for help"
    assert written.by


def test_a_ticket_for_a_clip_is_for_what_happened(client: Client, approved: House) -> None:
    happened = passage()
    approved.happen(happened)
    answer = ask(client, approved, f"/clips/{happened.passage_id}/views", reason="alert")
    assert answer.status_code == 201
    assert answer.json()["url"] == f"{URL}/v1/clips/{happened.passage_id}"
    claim = verify_view(answer.json()["ticket"], approved.signing_key.public_key())
    assert (str(claim.clip), claim.camera, claim.until) == (happened.passage_id, None, None)
    assert [one.clip for one in grants(approved)] == [happened.passage_id]


def test_who_watched_what_and_why_is_listed_page_by_page_for_those_who_audit(client: Client, approved: House) -> None:
    camera = next(one.id for one in approved.config.cameras if one.edge == "edge-1")
    for number in range(5):
        assert ask(client, approved, f"/cameras/{camera}/views", reason=f"call {number}").status_code == 201
    auditor = approved.token(Role.ADMINISTRATOR)
    told: list[str] = []
    before: dict[str, str] = {}
    for expected in (2, 2, 1):
        page = client.get("/api/v1/views", params={"limit": "2"} | before, headers=auditor).json()
        assert len(page["views"]) == expected
        told += [one["reason"] for one in page["views"]]
        before = {"before": page["next"]} if page["next"] else {}
    assert told == [f"call {number}" for number in (4, 3, 2, 1, 0)]
    assert not before
    newest = client.get("/api/v1/views", headers=auditor).json()["views"][0]
    assert newest["camera"] == camera
    assert newest["by"] == grants(approved)[0].by
    assert "ticket" not in newest


def test_an_operator_does_not_see_who_watched(client: Client, approved: House) -> None:
    assert client.get("/api/v1/views", headers=approved.token(Role.OPERATOR)).status_code == 403


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "before=x", "before=%00"])
def test_no_more_is_listed_than_a_page(query: str, client: Client, approved: House) -> None:
    assert client.get(f"/api/v1/views?{query}", headers=approved.token(Role.ADMINISTRATOR)).status_code == 422


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "a\x00b", "a\nb", "\x1b[2Jgone", "\u202egnorw"])
def test_without_a_reason_there_is_no_ticket(reason: str, client: Client, approved: House) -> None:
    assert ask(client, approved, f"/cameras/{approved.config.cameras[0].id}/views", reason=reason).status_code == 422
    assert grants(approved) == []


def test_what_does_not_exist_cannot_be_watched(client: Client, approved: House) -> None:
    assert ask(client, approved, "/cameras/cam-none/views", reason="x").status_code == 404
    assert ask(client, approved, f"/clips/{new_id()}/views", reason="x").status_code == 404


def test_nobody_is_sent_to_an_edge_that_nobody_approved(client: Client, house: House) -> None:
    house.edge_says("edge-1", enrol_url=URL)
    camera = next(one.id for one in house.config.cameras if one.edge == "edge-1")
    answer = ask(client, house, f"/cameras/{camera}/views", reason="x")
    assert answer.status_code == 409
    assert "not approved" in answer.json()["detail"]


def test_an_edge_that_serves_nothing_is_told(client: Client, approved: House) -> None:
    approved.edge_says("edge-1", enrol_url=None)
    camera = next(one.id for one in approved.config.cameras if one.edge == "edge-1")
    answer = ask(client, approved, f"/cameras/{camera}/views", reason="x")
    assert answer.status_code == 409
    assert "is away, or could not serve" in answer.json()["detail"]
