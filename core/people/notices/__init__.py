"""Notices: the exact words people are shown before they consent.

A published notice never changes: its hash stands here and in every consent given on it. Other words are a new version.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from core.errors import NotFoundError

_PUBLISHED = {
    "face-access-1": "b326150d8636c213fd3444c3d4b62d97c926bf2f21455f2d16a77ba4665901d7",
}
CURRENT = "face-access-1"


class NoticeNotFoundError(NotFoundError):
    """No notice has that version."""


class NoticeChangedError(RuntimeError):
    """A published notice's text was edited: the words people agreed to would be lost."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is shown, in both languages. sha256: of the Chinese text, a zero byte and the English text, UTF-8."""

    version: str
    zh: str
    en: str
    sha256: str


@cache
def notice(version: str = CURRENT) -> Notice:
    """The notice with that version. Raises NoticeNotFoundError, NoticeChangedError."""
    if version not in _PUBLISHED:
        raise NoticeNotFoundError(f"there is no notice of that version; the current one is {CURRENT}")
    zh, en = (files(__name__).joinpath(f"{version}.{language}.md").read_text("utf-8") for language in ("zh", "en"))
    sha256 = hashlib.sha256(zh.encode() + b"\0" + en.encode()).hexdigest()
    if sha256 != _PUBLISHED[version]:
        raise NoticeChangedError(f"the text of notice {version} was changed after it was published; add a new version")
    return Notice(version, zh, en, sha256)
