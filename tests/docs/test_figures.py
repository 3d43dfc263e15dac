"""Numbers and diagrams of the documentation are those of the code."""

from __future__ import annotations

import importlib
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.people.consent.machine import MEANING, TRANSITIONS, ConsentState, Templates

DOCS = Path(__file__).parents[2] / "docs"
CONSENT_PAGES = ["consent.md", "consent.zh-CN.md"]
NAME = r"`(?P<name>(?:core|edge|watchlists)\.[a-z_.]+\.[A-Z_]+)`"
SETTING = re.compile(rf"^\|.*?\| (?P<told>[^|]*) \| {NAME} \|", re.MULTILINE)
AMOUNT = re.compile(r"(?P<number>[\d,]+)(?: (?P<unit>days?|天|min|s))?")
SECONDS = {"day": 86_400, "days": 86_400, "天": 86_400, "min": 60, "s": 1}
PAGES = sorted(page.name for page in DOCS.glob("*.md") if SETTING.search(page.read_text("utf-8")))


def value_of(name: str) -> float:
    """The constant ``name`` of the code; periods in seconds."""
    module, _, attribute = name.rpartition(".")
    value: Any = getattr(importlib.import_module(module), attribute)
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def amount_of(text: str) -> float:
    """What a table tells; periods in seconds."""
    found = AMOUNT.search(text)
    assert found is not None, text
    return float(found["number"].replace(",", "")) * SECONDS.get(found["unit"] or "", 1)


@pytest.mark.parametrize("page", PAGES)
def test_settings_are_told_as_they_are(page: str) -> None:
    told = {found["name"]: found["told"] for found in SETTING.finditer((DOCS / page).read_text("utf-8"))}
    assert len(told) >= 3
    assert {name: amount_of(text) for name, text in told.items()} == {name: value_of(name) for name in told}


@pytest.mark.parametrize("page", CONSENT_PAGES)
def test_the_diagram_of_consents_is_the_machine(page: str) -> None:
    arrows = set(re.findall(r"^  (\w+) --> (\w+): (\w+)$", (DOCS / page).read_text("utf-8"), re.MULTILINE))
    assert arrows == {(before.value, after.value, event.value) for (before, event), after in TRANSITIONS.items()}


@pytest.mark.parametrize("page", CONSENT_PAGES)
def test_the_table_of_states_says_what_becomes_of_templates(page: str) -> None:
    words = {
        Templates.SEARCHABLE: ("searchable", "可检索"),
        Templates.LOCKED: ("locked", "锁定"),
        Templates.ERASED: ("erased", "已删除"),
    }
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", (DOCS / page).read_text("utf-8"), re.MULTILINE))
    assert set(rows) == {state.value for state in ConsentState}
    assert [name for name, told in rows.items() if not told.startswith(words[MEANING[ConsentState(name)]])] == []
