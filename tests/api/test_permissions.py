"""Every way in asks who is there, and the table of roles is what is enforced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from httpx import Client
from starlette.routing import BaseRoute, Mount, Route

from api.app import create_app
from api.permissions import TABLE, Permission, Role, explain
from api.signin import Requires
from tests.api.houses import House

PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("GET", "/setup"),
    ("POST", "/setup"),
    ("GET", "/api/v1/openapi.json"),
}
UUID = "0198c5f0-0000-7000-8000-000000000000"
FILLED = dict.fromkeys(("alert_id", "picture_id", "passage_id", "clip_id", "key", "consent_id", "pass_id"), UUID) | {
    "camera_id": "cam-1",
    "edge_id": "edge-1",
}


def permissions_of(dependant: Dependant) -> set[Permission]:
    found = {dependant.call.permission} if isinstance(dependant.call, Requires) else set()
    return found.union(*(permissions_of(one) for one in dependant.dependencies))


def described() -> Iterator[tuple[str, str, set[Permission]]]:
    """Method, path and required permissions of every route there is."""
    document = create_app()
    for method, path, route in walk(document.routes):
        yield method, path, permissions_of(route.dependant) if isinstance(route, APIRoute) else set()


def walk(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str, BaseRoute]]:
    for route in routes:
        if isinstance(route, Mount):
            continue
        inner = getattr(route, "original_router", None)
        if inner is not None:
            context = getattr(route, "include_context", None)
            yield from walk(inner.routes, prefix + (getattr(context, "prefix", "") or ""))
        elif isinstance(route, Route | APIRoute):
            for method in (route.methods or set()) - {"HEAD"}:
                yield method, prefix + route.path, route


def test_every_route_asks_for_one_permission_or_is_listed_as_public() -> None:
    routes = list(described())
    assert len(routes) > 30
    for method, path, permissions in routes:
        expected = 0 if (method, path) in PUBLIC else 1
        assert len(permissions) == expected, f"{method} {path}"


def test_without_signing_in_nothing_that_is_not_public_answers(client: Client) -> None:
    for method, path, permissions in described():
        if permissions:
            answer = client.request(method, path.format(**FILLED))
            assert answer.status_code in {401, 303}, f"{method} {path}"


def test_an_operator_is_refused_what_the_table_refuses(client: Client, house: House) -> None:
    headers = house.token(Role.OPERATOR)
    for method, path, permissions in described():
        if permissions and not permissions <= TABLE[Role.OPERATOR]:
            answer = client.request(method, path.format(**FILLED), headers=headers, json={})
            assert answer.status_code == 403, f"{method} {path}"
            if path.startswith("/api/"):
                assert "it belongs to: administrator" in answer.json()["detail"]


def test_writing_implies_that_only_administrators_enter_people() -> None:
    assert explain(Role.OPERATOR, Permission.PEOPLE_WRITE) == (
        "role 'operator' may not 'people_write'; it belongs to: administrator"
    )


@pytest.mark.parametrize("permission", list(Permission))
def test_administrators_may_do_everything(permission: Permission) -> None:
    assert permission in TABLE[Role.ADMINISTRATOR]
