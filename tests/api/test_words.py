"""Both languages are complete, and every word that can be shown has one."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from api.pages import words
from api.pages.words import Language
from core.contract.vocabulary import (
    CameraCondition,
    CameraState,
    Credential,
    Direction,
    GateState,
    PlateColour,
    Reason,
    Ring,
    Severity,
    SubjectKind,
    Verdict,
)
from core.people.consent.machine import ConsentState
from core.people.consent.words import GuardianEvidence, Relation

PAGES = Path(words.__file__).parent
PLACEHOLDER = re.compile(r"{(\w+)}")
SHOWN: dict[str, type[StrEnum]] = {
    "camera": CameraState,
    "condition": CameraCondition,
    "consent": ConsentState,
    "credential": Credential,
    "direction": Direction,
    "gate": GateState,
    "plate": PlateColour,
    "reason": Reason,
    "paper": GuardianEvidence,
    "relation": Relation,
    "ring": Ring,
    "severity": Severity,
    "subject": SubjectKind,
    "verdict": Verdict,
}


def test_both_languages_have_the_same_texts_with_the_same_places_to_fill() -> None:
    zh, en = words.catalogue(Language.ZH), words.catalogue(Language.EN)
    assert list(zh) == list(en)
    for key in zh:
        assert set(PLACEHOLDER.findall(zh[key])) == set(PLACEHOLDER.findall(en[key])), key


def test_chinese_is_chinese_and_english_is_english() -> None:
    han = re.compile(r"[\u4e00-\u9fff]")
    for key, text in words.catalogue(Language.ZH).items():
        assert han.search(text) or key == "nav.language", key
    for key, text in words.catalogue(Language.EN).items():
        assert not han.search(text) or key == "nav.language", key


@pytest.mark.parametrize("prefix", sorted(SHOWN))
def test_every_word_of_the_vocabulary_is_translated(prefix: str) -> None:
    for value in SHOWN[prefix]:
        assert f"{prefix}.{value}" in words.catalogue(Language.ZH)


def test_every_trigger_is_told_with_what_to_do() -> None:
    for trigger in ("stranger_at_door", "unlisted_vehicle"):
        assert {f"trigger.{trigger}", f"todo.{trigger}"} <= words.catalogue(Language.ZH).keys()


def test_every_text_a_page_asks_for_is_there_and_every_text_there_is_used() -> None:
    sources = [*PAGES.glob("templates/*.html"), *PAGES.parent.rglob("*.py")]
    text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    asked = set(re.findall(r"""["']([a-z]+\.[a-z_]+)["']""", text))
    direct = set(re.findall(r"""\bt\(["']([a-z]+\.[a-z_]+)["']""", text))
    assert direct <= words.catalogue(Language.ZH).keys()
    composed = {key for key in words.catalogue(Language.ZH) if key.partition(".")[0] in {*SHOWN, "trigger", "todo"}}
    assert words.catalogue(Language.ZH).keys() - asked - composed == set()


@pytest.mark.parametrize(
    ("asked", "cookie", "accepted", "chosen"),
    [
        (None, None, "", "zh"),
        (None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, "en-GB,en;q=0.9", "en"),
        (None, None, "fr-FR,en;q=0.5", "zh"),
        (None, "zh", "en", "zh"),
        ("en", "zh", "zh", "en"),
        ("xx", "../en", "zh", "zh"),
    ],
)
def test_which_language_a_browser_gets(asked: str | None, cookie: str | None, accepted: str, chosen: str) -> None:
    assert words.choose(asked, cookie, accepted) == chosen
