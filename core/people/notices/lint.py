"""What a notice must say, and must not, before it is published. A test holds every published one to it.

Face measures art. 5 (the eight fields), PIPL art. 17 and 30; SPC interpretation 2021/15 art. 11 (void terms).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

FORBIDDEN = re.compile(
    r"永久|永远|不可撤销|不可撤回|不得撤回|任意转授权|转授权|无期限|无限期"
    r"|irrevocabl|perpetual|permanent|sub-?licen[cs]|indefinite|for ever|unlimited",
    re.IGNORECASE,
)
"""Unlimited, irrevocable, freely sub-licensable: void, and a reason to distrust everything else."""
_MIN_FIELD_LETTERS = 8


class Field(StrEnum):
    """What has to be told, plainly."""

    PROCESSOR = "processor"
    CONTACT = "contact"
    PURPOSE = "purpose"
    METHOD = "method"
    RETENTION = "retention"
    NECESSITY = "necessity"
    EFFECT = "effect"
    RIGHTS = "rights"


_PLACES: Mapping[str, Mapping[Field, tuple[str, str]]] = MappingProxyType(
    {
        "zh": {
            Field.PROCESSOR: ("谁在处理", ""),
            Field.CONTACT: ("谁在处理", "联系电话"),
            Field.PURPOSE: ("做什么用", ""),
            Field.METHOD: ("怎么处理", ""),
            Field.RETENTION: ("保存多久", ""),
            Field.NECESSITY: ("为什么需要、有什么影响", ""),
            Field.EFFECT: ("为什么需要、有什么影响", ""),
            Field.RIGHTS: ("您的权利", "撤回"),
        },
        "en": {
            Field.PROCESSOR: ("Who processes", ""),
            Field.CONTACT: ("Who processes", "telephone"),
            Field.PURPOSE: ("What for", ""),
            Field.METHOD: ("How", ""),
            Field.RETENTION: ("For how long", ""),
            Field.NECESSITY: ("Why, and what it means for you", ""),
            Field.EFFECT: ("Why, and what it means for you", ""),
            Field.RIGHTS: ("Your rights", "withdraw"),
        },
    }
)
"""Heading of the paragraph that tells it, and a word that has to stand there."""
_PARAGRAPH = re.compile(r"^- \*\*(?P<heading>[^*]+)\*\*[:：]\s*(?P<text>.+)$", re.MULTILINE)


def missing_fields(text: str, locale: str) -> list[Field]:
    """Fields that a notice in this language (``zh``, ``en``) does not tell."""
    told = {found["heading"]: found["text"] for found in _PARAGRAPH.finditer(text)}
    return [
        field
        for field, (heading, word) in _PLACES[locale].items()
        if len(told.get(heading, "")) < _MIN_FIELD_LETTERS or word not in told[heading]
    ]


def forbidden_phrases(text: str) -> list[str]:
    """Terms that would be void, as they stand there."""
    return FORBIDDEN.findall(text)


def complaints(zh: str, en: str) -> list[str]:
    """Why these two texts can't be published; empty: they can."""
    found = []
    for locale, text in (("zh", zh), ("en", en)):
        found += [f"{locale}: nothing is said about '{field.value}'" for field in missing_fields(text, locale)]
        found += [f"{locale}: '{phrase}' would be void" for phrase in forbidden_phrases(text)]
    return found
