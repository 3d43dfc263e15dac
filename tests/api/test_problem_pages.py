"""What went wrong, as a page for a person and as a document for a program."""

from __future__ import annotations

import pytest
from httpx import Client

from api.permissions import Role
from tests.api.houses import House

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("language", "words", "way_back"),
    [
        ("zh-CN", "这个地址没有页面", "返回值守台"),
        ("en-GB", "There is no page at this address", "Back to the control room"),
    ],
)
def test_a_wrong_address_in_a_browser_is_told_in_words_with_a_way_back(
    client: Client, language: str, words: str, way_back: str
) -> None:
    answer = client.get("/peple", headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert words in answer.text
    assert f'<a href="/">{way_back}</a>' in answer.text


@pytest.mark.parametrize(("path", "accept"), [("/api/v1/nothing", BROWSER["Accept"]), ("/peple", "*/*")])
def test_programs_get_a_problem_document(client: Client, path: str, accept: str) -> None:
    answer = client.get(path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:anju:problem:not-found"


def test_a_page_that_belongs_to_others_says_so(client: Client, house: House) -> None:
    answer = client.get("/people", headers=BROWSER | house.token(Role.OPERATOR))
    assert answer.status_code == 403
    assert "您的账号无权打开此页" in answer.text
