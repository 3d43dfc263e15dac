"""Words of the pages in Chinese and English: two small catalogues, complete both, and which one a browser gets."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from pathlib import Path

from core.contract.config import Name

_FOLDER = Path(__file__).parent / "translations"
COOKIE = "lang"


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Every text of a language by key."""
    texts: dict[str, str] = json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return texts


def text(language: Language, key: str, **values: object) -> str:
    """The text of ``key`` with its ``{names}`` filled in. Raises KeyError for a key that nobody translated."""
    return catalogue(language)[key].format(**values)


def name_of(language: Language, name: Name) -> str:
    return name.zh if language is Language.ZH else name.en


def choose(asked: str | None, cookie: str | None, accept_language: str) -> Language:
    """What was asked for, else what was chosen before, else English for English browsers, else Chinese."""
    for wish in (asked, cookie):
        if wish in set(Language):
            return Language(wish)
    return Language.EN if accept_language.strip().lower().startswith("en") else Language.ZH
