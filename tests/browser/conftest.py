"""Fixtures of the browser tests: one small estate on SQLite, served on a socket, its pages complete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from api.accounts import renew_setup_token
from api.app import create_app
from api.pages.render import MissingVendorError, check_vendor
from core.storage.database import Database
from core.storage.migrate import upgrade
from tests.api.houses import House, make_house
from tests.api.serving import Served

PASSWORD = "a walk along the river"

# How long a page may take on a machine that does other things too; what is waited for stays the same.
expect.set_options(timeout=20_000)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    try:
        check_vendor()
    except MissingVendorError as error:
        pytest.fail(str(error))
    url = f"sqlite:///{tmp_path / 'anju.db'}"
    upgrade(url)
    database = Database(url)
    yield make_house(database, tmp_path)
    database.close()


@pytest.fixture
def served(house: House) -> Iterator[Served]:
    with Served(create_app(house.context())) as server:
        yield server


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console complained about: a broken policy, a missing file, a script's error."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    return found


@pytest.fixture
def desk(page: Page, house: House, served: Served, complaints: list[str]) -> Page:
    """The control room, entered as a first visitor enters it: by the set-up address."""
    token = renew_setup_token(house.database)
    assert token is not None
    page.goto(f"{served.url}/setup#token={token}")
    assert token not in page.url, "the token is taken out of the address at once"
    page.get_by_label("账号").fill("admin")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="创建账号").click()
    expect(page.locator("#link")).to_have_attribute("data-state", "live")
    return page
