"""The people page as a person sees it, in a real Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from core.people.edges import do_approve_edge
from tests.api.houses import House, now
from tests.core.estates import consenting_person, enrol, sealed_template, stranger

pytestmark = pytest.mark.browser


def test_consent_is_given_and_withdrawn_in_one_step_each(desk: Page, complaints: list[str]) -> None:
    desk.get_by_role("link", name="人员").click()
    desk.get_by_label("姓名").fill("王小明")
    desk.locator("#add-person input[type=checkbox]").first.check()
    desk.get_by_role("button", name="登记").click()
    row = desk.locator("tr[data-subject]")
    expect(row).to_contain_text("未同意")
    row.get_by_role("button", name="记录同意").click()
    expect(row.locator("[data-consent=active]")).to_be_visible()
    row.get_by_role("button", name="撤回同意").click()
    expect(row.locator("[data-consent=withdrawn]")).to_be_visible()
    assert complaints == []


def test_after_enrolling_the_sheet_closes_and_the_row_says_so_by_itself(
    desk: Page, house: House, complaints: list[str]
) -> None:
    with house.database.writing() as db:
        do_approve_edge(db, "edge-1", house.edge_key.fingerprint, now())
    edge_url = "http://edge-1.test:8443"
    house.edge_says("edge-1", enrol_url=edge_url)
    subject, consent = consenting_person(house.database)
    allowed = {"Access-Control-Allow-Origin": "*"}
    desk.route(f"{edge_url}/v1/enrolments", lambda route: route.fulfill(status=202, headers=allowed, json={}))
    asked: list[str] = []

    def template_comes_with_the_second_look(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 2:
            with house.database.writing() as db:
                enrol(db, sealed_template(subject, consent, {"edge-1": house.edge_key}))
        route.continue_()

    desk.route("**/people/*", template_comes_with_the_second_look)
    desk.get_by_role("link", name="人员").click()
    row = desk.locator(f"#person-{subject}")
    expect(row).to_contain_text("未录入")
    row.locator("summary").click()
    row.locator("input[type=file]").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"portrait"})
    row.locator(".sheet button").click()
    expect(desk.locator("#outcome")).to_have_text("人脸已录入：王小明")
    expect(row.locator("[data-template=yes]")).to_be_visible()
    expect(row.locator(".sheet")).to_be_hidden()
    assert len(asked) == 2
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1440])
def test_the_fingerprint_to_compare_stands_whole_in_two_lines_of_four_groups(
    desk: Page, house: House, complaints: list[str], width: int
) -> None:
    house.edge_says("edge-1")
    desk.set_viewport_size({"width": width, "height": 844})
    desk.get_by_role("link", name="人员").click()
    edge = desk.locator(".edge", has_text="edge-1")
    shown = edge.locator("code")
    expect(shown).to_have_text(house.edge_key.fingerprint)
    lines = shown.evaluate(
        """(code) => {
          const text = document.createRange();
          text.selectNodeContents(code);
          return new Set([...text.getClientRects()].map((one) => Math.round(one.top))).size;
        }"""
    )
    assert lines == 2
    edge.get_by_role("button", name="批准").click()
    expect(edge).to_contain_text("已批准")
    assert complaints == []


@pytest.mark.parametrize("path", ["", "people"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_phone_shows_everything_without_scrolling_sideways(
    desk: Page, house: House, path: str, language: str
) -> None:
    consenting_person(house.database, name="Elisabeth Featherstonehaugh")
    house.happen(stranger(occurred_at=now()))
    desk.set_viewport_size({"width": 390, "height": 844})
    desk.goto(desk.url.partition("?")[0] + f"{path}?lang={language}")
    expect(desk.locator("#alerts .alert" if path == "" else "tr[data-subject]")).to_be_visible()
    assert desk.evaluate("document.documentElement.scrollWidth") == 390
    cut = desk.evaluate(
        """[...document.querySelectorAll("main *, header *")]
           .filter((one) => !one.closest(".unseen, svg") && one.getBoundingClientRect().right > innerWidth)
           .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert cut == []
    squeezed = desk.evaluate(
        """[...document.querySelectorAll("main td")]
           .filter((one) => one.innerText.trim().length > 3 && one.getBoundingClientRect().width < 40)
           .map((one) => one.innerText)"""
    )
    assert squeezed == []
