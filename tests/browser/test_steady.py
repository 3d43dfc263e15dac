"""A mouse in the queue of alerts hits the alert it aims at, or none."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from core.alerts import AlertState, list_alerts
from tests.api.houses import House, now
from tests.core.estates import stranger

pytestmark = pytest.mark.browser
RAISED = "#alerts .alert[data-state=raised]"


@pytest.fixture
def aimed_at(desk: Page, house: House) -> Locator:
    """The only alert there is, found by its id, with the mouse on its button."""
    house.happen(stranger(occurred_at=now()))
    first = desk.locator(RAISED)
    expect(first).to_have_count(1)
    alert = desk.locator(f"#{first.get_attribute('id')}")
    alert.locator("[data-acknowledge]").hover()
    return alert


def acknowledged(house: House) -> list[str]:
    with house.database.reading() as db:
        return [row.id for row in list_alerts(db, state=AlertState.ACKNOWLEDGED, limit=10)]


def test_what_is_pressed_is_answered_though_a_newer_one_has_come(desk: Page, house: House, aimed_at: Locator) -> None:
    house.happen(stranger(occurred_at=now()))
    box = aimed_at.locator("[data-acknowledge]").bounding_box()
    assert box is not None
    desk.mouse.click(box["x"] + 5, box["y"] + 5)
    expect(aimed_at).to_have_attribute("data-state", "acknowledged")
    expect(desk.locator(RAISED)).to_have_count(1)
    assert acknowledged(house) == [aimed_at.get_attribute("data-alert")]


def test_a_press_that_a_newer_alert_overtakes_does_not_answer_the_newer_one(
    desk: Page, house: House, aimed_at: Locator
) -> None:
    desk.mouse.down()
    house.happen(stranger(occurred_at=now()))
    expect(desk.locator(RAISED)).to_have_count(2)
    desk.mouse.up()
    desk.reload()
    expect(desk.locator(RAISED)).to_have_count(2)
    assert acknowledged(house) == []


def test_a_press_right_after_the_queue_moved_is_refused_and_the_next_one_counts(
    desk: Page, house: House, aimed_at: Locator
) -> None:
    desk.evaluate(
        """addEventListener("anju:alert-shown", (event) => {
             const pressed = new MouseEvent("click", { bubbles: true, cancelable: true, detail: 1 });
             event.target.querySelector("[data-acknowledge]").dispatchEvent(pressed);
           })"""
    )
    house.happen(stranger(occurred_at=now()))
    expect(desk.locator("#moved")).to_be_visible()
    expect(desk.locator(RAISED)).to_have_count(2)
    assert acknowledged(house) == []
    expect(desk.locator("#moved")).to_be_hidden()
    aimed_at.locator("[data-acknowledge]").click()
    expect(aimed_at).to_have_attribute("data-state", "acknowledged")
    assert acknowledged(house) == [aimed_at.get_attribute("data-alert")]
