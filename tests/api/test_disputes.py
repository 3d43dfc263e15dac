"""Saying over the API that somebody was not the person recognised."""

from __future__ import annotations

from httpx import Client, Response

from core.contract.ids import new_id
from core.ingest.rows import passage_row
from tests.api.houses import House
from tests.api.serving import Served
from tests.core.estates import key, passage


def test_an_operator_disputes_a_passage_once(house: House, served: Served) -> None:
    recognised, unknown = passage(subject=key(), template_id=key()), passage(reason="no_match")
    with house.database.writing() as db:
        db.add_all(passage_row("edge-1", one, None) for one in (recognised, unknown))
    with served.client(headers=house.token()) as client:
        first = dispute(client, recognised.passage_id)
        assert first.status_code == 201
        assert first.json()["passage_id"] == recognised.passage_id
        assert dispute(client, recognised.passage_id).json() == first.json()
        assert dispute(client, unknown.passage_id).status_code == 409
        assert dispute(client, new_id()).status_code == 404
    with served.client(headers={"Authorization": "Bearer nobody"}) as nobody:
        assert dispute(nobody, recognised.passage_id).status_code == 401


def dispute(client: Client, passage_id: str) -> Response:
    return client.post(f"/api/v1/passages/{passage_id}/dispute")
