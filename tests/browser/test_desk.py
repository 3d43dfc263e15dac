"""The control room as a person sees it, in a real Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from core.contract.events import CheckpointStateV1
from core.contract.ids import CheckpointId
from core.contract.vocabulary import GateState
from core.passages import do_note_gate
from tests.api.houses import House, new_picture_id, now, picture_of
from tests.api.serving import Served
from tests.core.estates import stranger

pytestmark = pytest.mark.browser


def test_an_alert_appears_by_itself_and_is_acknowledged_by_keyboard(
    desk: Page, house: House, complaints: list[str]
) -> None:
    expect(desk.locator("#calm")).to_contain_text("没有待处理的告警")
    desk.evaluate(
        "addEventListener('anju:alert-shown', (event) => { document.body.dataset.shown = event.detail.alert })"
    )
    seen = stranger(occurred_at=now(), picture=new_picture_id())
    house.happen(seen, picture_of(seen))
    alert = desk.locator("#alerts .alert[data-state=raised]")
    expect(alert).to_contain_text("有人未凭有效凭证进门")
    expect(alert).to_contain_text("尾随他人通过")
    expect(alert.locator("img")).to_have_js_property("naturalWidth", 320)
    expect(desk.locator("body")).to_have_attribute("data-shown", alert.get_attribute("data-alert") or "")

    desk.keyboard.press("j")
    expect(alert).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.locator("#viewer")).to_be_visible()
    desk.keyboard.press("Escape")
    expect(desk.locator("#viewer")).to_be_hidden()
    desk.keyboard.press("a")
    expect(alert).to_have_count(0)
    answered = desk.locator("#alerts .alert[data-state=acknowledged]")
    expect(answered).to_contain_text("admin 已于")
    expect(desk.locator("#alerts .count")).to_have_text("0")
    desk.reload()
    expect(answered).to_contain_text("admin 已于")
    assert complaints == []


def test_what_one_person_answers_the_other_sees_answered(desk: Page, house: House, served: Served) -> None:
    house.happen(stranger(occurred_at=now()))
    other = desk.context.new_page()
    other.goto(served.url)
    expect(other.locator("#link")).to_have_attribute("data-state", "live")
    other.keyboard.press("j")
    other.keyboard.press("a")
    expect(desk.locator("#alerts .alert[data-state=acknowledged]")).to_have_count(1)
    expect(desk.locator("#calm")).to_be_visible()


def test_the_gate_is_seen_opening_and_closing(desk: Page, house: House) -> None:
    gate = desk.locator("#checkpoint-gate")
    for state, word in ((GateState.OPEN, "已开"), (GateState.CLOSED, "已关")):
        with house.database.writing() as db:
            do_note_gate(db, CheckpointStateV1(checkpoint=CheckpointId("gate"), gate=state, since=now()))
        expect(gate).to_have_attribute("data-gate", state.value)
        expect(gate).to_contain_text(word)


def test_a_camera_that_is_away_can_not_be_overlooked(desk: Page, house: House) -> None:
    house.edge_says("edge-1", cam_door="offline")
    desk.reload()
    expect(desk.locator(".outage")).to_contain_text("1 台摄像机离线")
    expect(desk.locator("#checkpoint-door")).to_have_attribute("data-camera", "offline")


def test_a_lost_connection_is_said_and_what_was_missed_is_there_afterwards(
    desk: Page, house: House, served: Served
) -> None:
    link = desk.locator("#link")
    desk.route("**/api/v1/live*", lambda route: route.abort())
    served.drop_streams()
    expect(link).to_have_attribute("data-state", "reconnecting")
    expect(link).to_have_attribute("data-state", "stale", timeout=30_000)
    house.happen(stranger(occurred_at=now()))
    desk.unroute("**/api/v1/live*")
    expect(link).to_have_attribute("data-state", "live", timeout=15_000)
    expect(desk.locator("#alerts .alert[data-state=raised]")).to_have_count(1)


def test_light_and_dark_and_english_are_kept(desk: Page) -> None:
    desk.get_by_role("button", name="切换明暗").click()
    theme = desk.locator("html").get_attribute("data-theme")
    assert theme in {"light", "dark"}
    desk.get_by_role("link", name="English").click()
    expect(desk.get_by_role("heading", name="Alerts to answer")).to_be_visible()
    desk.goto(desk.url.partition("?")[0])
    expect(desk.get_by_role("heading", name="Checkpoints")).to_be_visible()
    assert desk.locator("html").get_attribute("data-theme") == theme


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1366, 768)])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_everything_has_its_place_on_the_screens_of_control_rooms(
    desk: Page, house: House, width: int, height: int, language: str
) -> None:
    house.happen(*(stranger(occurred_at=now()) for _ in range(12)))
    desk.set_viewport_size({"width": width, "height": height})
    desk.goto(desk.url.partition("?")[0] + f"?lang={language}")
    sizes = desk.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert sizes == [width, height], "nothing scrolls but the inside of the panels"
    for panel in ("#alerts", "#checkpoints", "#passages"):
        box = desk.locator(panel).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
        assert box["height"] > 180
        clipped = desk.locator(f"{panel} .scroll").evaluate("(inside) => inside.scrollWidth > inside.clientWidth")
        assert not clipped, panel
