"""Notices: the exact words people are shown before they consent, and what those words say is done.

A published notice never changes: its hash stands in `published` and in every consent given on it. Other words are a
new version. `lint` holds every version to the fields the law wants.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from core.errors import NotFoundError
from core.people.consent.words import FACE_ACCESS, Scope
from core.people.notices.published import CURRENT_OF, PUBLISHED, Processing

CURRENT = CURRENT_OF[FACE_ACCESS]
LOCALES = ("zh", "en")


class NoticeNotFoundError(NotFoundError):
    """No notice has that version."""


class NoticeChangedError(RuntimeError):
    """A published notice's text was edited: the words people agreed to would be lost."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is shown, in both languages. sha256: of the Chinese text, a zero byte and the English text, UTF-8.

    supersedes: versions whose purpose, method or kinds of data were others: a consent on those words says nothing
    about what is done now (PIPL art. 14).
    """

    version: str
    zh: str
    en: str
    sha256: str
    scope: Scope
    processing: Processing
    supersedes: tuple[str, ...] = ()


@cache
def notice(version: str = CURRENT) -> Notice:
    """The notice with that version. Raises NoticeNotFoundError, NoticeChangedError."""
    declared = PUBLISHED.get(version)
    if declared is None:
        raise NoticeNotFoundError(f"there is no notice of that version; the current one is {CURRENT}")
    zh, en = (files(__name__).joinpath(f"{version}.{language}.md").read_text("utf-8") for language in LOCALES)
    if text_sha256(zh, en) != declared.sha256:
        raise NoticeChangedError(f"the text of notice {version} was changed after it was published; add a new version")
    supersedes = superseded_by(declared.scope, declared.processing, declared.follows)
    return Notice(version, zh, en, declared.sha256, declared.scope, declared.processing, supersedes)


def current_notice(scope: Scope = FACE_ACCESS) -> Notice:
    """What is shown now to somebody who is asked for this purpose."""
    return notice(CURRENT_OF[scope])


def text_sha256(zh: str, en: str) -> str:
    """The hash a notice is published and consented to under."""
    return hashlib.sha256(zh.encode() + b"\0" + en.encode()).hexdigest()


def superseded_by(scope: Scope, processing: Processing, earlier: Collection[str]) -> tuple[str, ...]:
    """Those of the ``earlier`` versions of the same scope that declared another processing."""
    return tuple(
        sorted(
            version
            for version in earlier
            if PUBLISHED[version].scope is scope and PUBLISHED[version].processing.sha256 != processing.sha256
        )
    )
