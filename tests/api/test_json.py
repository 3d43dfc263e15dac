"""The JSON API: what happened, who may pass, and answering an alert."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any, cast

import pytest
from httpx import Client, Response

from api.permissions import Role
from core.contract.ids import CameraId, new_id
from core.contract.signed import verify_pass, verify_ticket
from core.people.edges import do_approve_edge, do_note_availability
from core.people.notices import notice
from core.people.vehicles import do_put_vehicle
from tests.api.houses import House, jpeg, new_picture_id, now, picture_of
from tests.api.serving import Served
from tests.core.estates import PLATES, key, passage, stranger


@pytest.fixture
def admin(house: House, served: Served) -> Iterator[Client]:
    """A script with an administrator's token."""
    with served.client(headers=house.token()) as opened:
        yield opened


def problem(answer: Response, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:anju:problem:{kind}"
    assert document["status"] == status
    return document


def person(**changes: Any) -> dict[str, Any]:
    return {"name": "王小明", "kind": "resident", "checkpoints": ["gate", "door"]} | changes


def test_a_stranger_at_the_door_is_an_alert_that_one_person_answers(admin: Client, house: House) -> None:
    house.happen(stranger(occurred_at=now()))
    (alert,) = admin.get("/api/v1/alerts").json()["alerts"]
    assert (alert["trigger"], alert["severity"], alert["state"]) == ("stranger_at_door", "critical", "raised")
    answered = admin.post(f"/api/v1/alerts/{alert['id']}/acknowledge")
    assert answered.status_code == 200
    assert answered.json()["acknowledged_by"] == "test-administrator"
    again = admin.post(f"/api/v1/alerts/{alert['id']}/acknowledge", headers=house.token(Role.OPERATOR))
    document = problem(again, 409, "conflict")
    assert document["acknowledged_by"] == "test-administrator"
    assert document["acknowledged_at"]
    assert admin.get("/api/v1/alerts", params={"state": "raised"}).json()["alerts"] == []


def test_of_two_people_who_answer_at_once_exactly_one_does(served: Served, house: House) -> None:
    house.happen(stranger(occurred_at=now()))
    headers = house.token()
    with served.client(headers=headers) as client:
        alert = client.get("/api/v1/alerts").json()["alerts"][0]["id"]
    statuses: list[int] = []
    ready = threading.Barrier(4)

    def answer() -> None:
        with served.client(headers=headers) as client:
            ready.wait(10)
            statuses.append(client.post(f"/api/v1/alerts/{alert}/acknowledge").status_code)

    people = [threading.Thread(target=answer) for _ in range(4)]
    for one in people:
        one.start()
    for one in people:
        one.join(20)
    assert sorted(statuses) == [200, 409, 409, 409]


def test_an_unknown_alert_is_not_found(admin: Client) -> None:
    problem(admin.post(f"/api/v1/alerts/{new_id()}/acknowledge"), 404, "not-found")


def test_passages_tell_what_happened_and_nobodys_key(admin: Client, house: House) -> None:
    house.happen(passage(subject=key(), occurred_at=now()))
    (one,) = admin.get("/api/v1/passages", params={"limit": 10}).json()["passages"]
    assert (one["checkpoint"], one["verdict"], one["reason"]) == ("gate", "admit", "listed")
    assert "subject" not in one
    assert "vehicle" not in one


def test_a_picture_is_given_to_those_who_are_signed_in_and_to_no_shared_cache(admin: Client, house: House) -> None:
    seen = passage(picture=new_picture_id(), occurred_at=now())
    house.happen(seen, picture_of(seen))
    answer = admin.get(f"/api/v1/pictures/{seen.picture}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"].startswith("private")
    assert answer.content == jpeg()
    problem(admin.get(f"/api/v1/pictures/{new_id()}"), 404, "not-found")


def test_checkpoints_show_gate_ring_and_camera(admin: Client, house: House) -> None:
    house.edge_says("edge-1", cam_door="offline")
    shown = {one["id"]: one for one in admin.get("/api/v1/checkpoints").json()["checkpoints"]}
    assert list(shown) == ["gate", "door", "lane", "back"]
    assert shown["gate"]["camera"]["state"] == "online"
    assert shown["gate"]["gate"] == {"state": "unknown", "held_open": False, "since": None}
    assert shown["door"]["camera"]["state"] == "offline"
    assert shown["door"]["ring"] == "building"


def test_a_camera_that_was_turned_away_is_shown_blind_until_its_edge_goes(admin: Client, house: House) -> None:
    def gate() -> dict[str, Any]:
        shown = {one["id"]: one for one in admin.get("/api/v1/checkpoints").json()["checkpoints"]}
        return cast("dict[str, Any]", shown["gate"]["camera"])

    house.edge_says("edge-1", moved=CameraId("cam-gate"))
    assert (gate()["state"], gate()["blind"]) == ("online", True)
    [trouble] = gate()["conditions"]
    assert (trouble["condition"], trouble["blind"], trouble["detail"]) == ("moved", True, "turn it back")
    with house.database.writing() as db:
        do_note_availability(db, "edge-1", False, now())
    assert (gate()["state"], gate()["blind"], gate()["conditions"]) == ("offline", False, [])


def test_an_edge_is_approved_only_with_the_fingerprint_it_shows(admin: Client, house: House) -> None:
    wrong = admin.put("/api/v1/edges/edge-1/approval", json={"fingerprint": "-".join(["0000"] * 8)})
    problem(wrong, 409, "conflict")
    for part in ("0" * 16, house.edge_key.fingerprint[:19]):
        refused = admin.put("/api/v1/edges/edge-1/approval", json={"fingerprint": part})
        assert refused.status_code == 422, "what was compared by half was not compared"
    right = admin.put("/api/v1/edges/edge-1/approval", json={"fingerprint": house.edge_key.fingerprint})
    assert right.json()["approved_fingerprint"] == house.edge_key.fingerprint
    problem(admin.put("/api/v1/edges/nowhere/approval", json={"fingerprint": "-".join(["0000"] * 8)}), 404, "not-found")


def test_a_person_is_entered_consents_withdraws_and_is_removed(admin: Client) -> None:
    path = f"/api/v1/subjects/{key()}"
    first = admin.put(path, json=person())
    assert first.status_code == 200
    assert admin.put(path, json=person()).json() == first.json(), "repeating changes nothing"
    consent = admin.post(f"{path}/consents", json={"notice_version": "face-access-1"})
    assert consent.status_code == 201
    (shown,) = admin.get("/api/v1/subjects").json()["subjects"]
    assert (shown["name"], shown["consent"]["state"], shown["enrolled"]) == ("王小明", "active", False)
    withdrawn = admin.post(f"/api/v1/consents/{consent.json()['id']}/withdrawal")
    assert withdrawn.json()["state"] == "withdrawn"
    problem(admin.post(f"/api/v1/consents/{consent.json()['id']}/withdrawal"), 409, "conflict")
    assert admin.delete(path).status_code == 204
    assert admin.get("/api/v1/subjects").json()["subjects"] == []


def test_a_withdrawal_is_a_change_every_edge_must_confirm(admin: Client) -> None:
    path = f"/api/v1/subjects/{key()}"
    admin.put(path, json=person())
    before = {one["edge"]: one["head"] for one in admin.get("/api/v1/lists").json()["lists"]}
    consent = admin.post(f"{path}/consents", json={"notice_version": "face-access-1"}).json()["id"]
    admin.post(f"/api/v1/consents/{consent}/withdrawal")
    after = admin.get("/api/v1/lists").json()["lists"]
    assert {one["edge"]: one["head"] - before[one["edge"]] for one in after} == {"edge-1": 1, "edge-2": 1}
    assert all(one["acked"] < one["head"] for one in after)


def test_an_erasure_an_edge_has_not_proved_stays_visible(admin: Client, house: House) -> None:
    with house.database.writing() as db:
        do_approve_edge(db, "edge-1", house.edge_key.fingerprint, now())
    path = f"/api/v1/subjects/{key()}"
    admin.put(path, json=person())
    consent = admin.post(f"{path}/consents", json={"notice_version": notice().version}).json()["id"]
    admin.post(f"/api/v1/consents/{consent}/withdrawal")
    states = {one["edge"]: one for one in admin.get("/api/v1/lists").json()["lists"]}
    assert (states["edge-1"]["unconfirmed_erasures"], states["edge-2"]["unconfirmed_erasures"]) == (1, 0)
    assert states["edge-1"]["unconfirmed_since"] is not None


def test_a_ticket_names_subject_consent_and_edge_and_leads_to_the_edge(
    admin: Client, house: House, served: Served
) -> None:
    house.edge_says("edge-1", enrol_url="http://127.0.0.1:8791")
    path = f"/api/v1/subjects/{(subject := key())}"
    admin.put(path, json=person())
    problem(admin.post(f"{path}/enrolment-tickets", json={"edge": "edge-1"}), 409, "conflict")
    consent = admin.post(f"{path}/consents", json={"notice_version": "face-access-1"}).json()["id"]
    problem(admin.post(f"{path}/enrolment-tickets", json={"edge": "edge-1"}), 409, "conflict")
    with house.database.writing() as db:
        do_approve_edge(db, "edge-1", house.edge_key.fingerprint, now())
    answer = admin.post(f"{path}/enrolment-tickets", json={"edge": "edge-1"})
    assert answer.status_code == 201
    ticket = verify_ticket(answer.json()["ticket"], served.app.state.context.signing_key.public_key())
    assert (ticket.subject, ticket.consent, ticket.edge) == (subject, consent, "edge-1")
    assert answer.json()["enrol_url"] == "http://127.0.0.1:8791"


def test_vehicles_are_entered_by_plate_once(admin: Client) -> None:
    body = {"plate": "京·a12345", "kind": "resident", "checkpoints": ["lane"]}
    path = f"/api/v1/vehicles/{key()}"
    assert admin.put(path, json=body).json()["plate"] == "京A12345"
    problem(admin.put(f"/api/v1/vehicles/{key()}", json=body), 409, "conflict")
    problem(admin.put(f"/api/v1/vehicles/{key()}", json=body | {"plate": "IOU"}), 422, "invalid")
    assert len(admin.get("/api/v1/vehicles").json()["vehicles"]) == 1
    assert admin.delete(path).status_code == 204
    problem(admin.delete(path), 404, "not-found")


def test_of_two_who_enter_one_plate_at_once_the_second_is_told_so(admin: Client, house: House) -> None:
    body = {"plate": "京A12345", "kind": "resident", "checkpoints": ["lane"]}
    with ThreadPoolExecutor(1) as pool:
        with house.database.writing() as db:
            do_put_vehicle(
                db,
                key(),
                plate="京A12345",
                kind="resident",
                checkpoints=["lane"],
                valid_from=now(),
                valid_until=None,
                plates=PLATES,
                now=now(),
            )
            second = pool.submit(admin.put, f"/api/v1/vehicles/{key()}", json=body)
            wait([second], 0.5)
        answer = second.result(20)
    problem(answer, 409, "conflict")
    assert "京A12345" not in answer.text


def test_a_pass_is_the_same_text_each_time_until_it_is_revoked(admin: Client, served: Served) -> None:
    window = {"valid_from": now().isoformat(), "valid_until": (now() + timedelta(hours=2)).isoformat()}
    subject, visitor = key(), person(kind="visitor")
    assert admin.put(f"/api/v1/subjects/{subject}", json=visitor).status_code == 422
    assert admin.put(f"/api/v1/subjects/{subject}", json=visitor | window).status_code == 200
    path = f"/api/v1/passes/{(pass_id := key())}"
    first = admin.put(path, json={"subject": subject} | window)
    assert admin.put(path, json={"subject": subject} | window).json() == first.json()
    claim = verify_pass(first.json()["text"], served.app.state.context.signing_key.public_key())
    assert (claim.pass_id, claim.subject) == (pass_id, subject)
    assert admin.delete(path).status_code == 204
    problem(admin.put(path, json={"subject": subject} | window), 409, "conflict")


@pytest.mark.parametrize(
    "changes",
    [
        {"religion": "none of our business"},
        {"kind": "suspect"},
        {"name": ""},
        {"checkpoints": ["UPPER"]},
        {"checkpoints": ["gate"] * 1001},
        {"valid_until": "2026-01-01T00:00:00"},
    ],
)
def test_what_is_not_described_is_refused_without_being_quoted(admin: Client, changes: dict[str, Any]) -> None:
    document = problem(admin.put(f"/api/v1/subjects/{key()}", json=person(**changes)), 422, "invalid-request")
    assert document["errors"]
    for private in ("王小明", "none of our business", "suspect", "UPPER"):
        assert private not in str(document)


def test_an_unknown_checkpoint_is_refused(admin: Client) -> None:
    problem(admin.put(f"/api/v1/subjects/{key()}", json=person(checkpoints=["moon"])), 422, "invalid")


def test_a_large_body_is_refused_unread(admin: Client) -> None:
    problem(admin.put(f"/api/v1/subjects/{key()}", content=b"x" * 65_537), 413, "too-large")


def test_a_large_body_of_undeclared_length_is_cut_off(admin: Client) -> None:
    chunks = (b"x" * 8192 for _ in range(20))
    problem(admin.put(f"/api/v1/subjects/{key()}", content=chunks), 413, "too-large")


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_lists_are_bounded(admin: Client, limit: str) -> None:
    problem(admin.get("/api/v1/passages", params={"limit": limit}), 422, "invalid-request")


def test_every_answer_carries_the_headers_that_protect_it(client: Client) -> None:
    for path in ("/healthz", "/setup", "/api/v1/alerts", "/static/base.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_health_and_readiness(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}
