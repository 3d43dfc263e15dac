"""A child's consent on the people page: the person's own button is not there, the guardian's is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from core.people.consent.ledger import do_decline, do_show_notice
from core.people.consent.transitions import Act
from core.people.notices import notice
from tests.api.houses import House, now
from tests.core.people.consent.people import person

pytestmark = pytest.mark.browser


def test_a_guardian_consents_for_a_child(desk: Page, complaints: list[str]) -> None:
    desk.get_by_role("link", name="人员").click()
    desk.get_by_label("姓名").fill("王小宝")
    desk.locator("#add-person input[type=checkbox]").first.check()
    desk.get_by_label("出生日期").fill(f"{datetime.now(UTC).year - 8}-01-01")
    desk.get_by_role("button", name="登记").click()
    row = desk.locator("tr[data-subject]")
    expect(row).to_contain_text("未同意")
    expect(row.get_by_role("button", name="记录同意")).to_have_count(0)
    row.locator("summary").click()
    row.get_by_label("监护人编号").fill("file-2026-17")
    row.get_by_label("与本人的关系").select_option("parent")
    row.get_by_label("出示的材料").select_option("birth_certificate")
    row.get_by_role("button", name="记录监护人同意").click()
    expect(row.locator("[data-consent=active]")).to_be_visible()
    assert complaints == []


def test_who_declined_is_asked_only_when_they_come_by_themselves(
    desk: Page, house: House, complaints: list[str]
) -> None:
    with house.database.writing() as db:
        act = Act(now())
        do_decline(db, do_show_notice(db, person(db), notice(), act), act)
    desk.get_by_role("link", name="人员").click()
    row = desk.locator("tr[data-subject]")
    expect(row.locator("[data-consent=declined]")).to_have_text("不同意")
    form = row.locator("form:not(.sheet)")
    form.get_by_role("button", name="记录同意").click()
    expect(row.locator("[data-consent=declined]")).to_be_visible()  # the box is not ticked
    form.get_by_label("本人主动提出").check()
    form.get_by_role("button", name="记录同意").click()
    expect(row.locator("[data-consent=active]")).to_be_visible()
    assert complaints == []
