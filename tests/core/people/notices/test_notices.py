"""What people are shown is complete, fair, and never changed after it was published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.people.consent.words import Scope
from core.people.notices import (
    NoticeChangedError,
    NoticeNotFoundError,
    current_notice,
    notice,
    superseded_by,
    text_sha256,
)
from core.people.notices.lint import Field, complaints, forbidden_phrases, missing_fields
from core.people.notices.published import CURRENT_OF, PUBLISHED

VERSIONS = sorted(PUBLISHED)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_published_notice_says_what_it_must_and_nothing_void(version: str) -> None:
    words = notice(version)
    assert complaints(words.zh, words.en) == []
    assert words.sha256 == text_sha256(words.zh, words.en)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("field", list(Field))
def test_a_notice_that_leaves_something_out_is_not_published(version: str, field: Field) -> None:
    words = notice(version)
    headings = {
        Field.PROCESSOR: ("谁在处理", "Who processes"),
        Field.CONTACT: ("联系电话", "telephone"),
        Field.PURPOSE: ("做什么用", "What for"),
        Field.METHOD: ("怎么处理", "**How**"),
        Field.RETENTION: ("保存多久", "For how long"),
        Field.NECESSITY: ("为什么需要、有什么影响", "Why, and what it means for you"),
        Field.EFFECT: ("为什么需要、有什么影响", "Why, and what it means for you"),
        Field.RIGHTS: ("您的权利", "Your rights"),
    }
    zh, en = headings[field]
    assert field in missing_fields(words.zh.replace(zh, "其他"), "zh")
    assert field in missing_fields(words.en.replace(en, "Other"), "en")


@pytest.mark.parametrize(
    "phrase",
    [
        "永久保存",
        "不可撤销的同意",
        "可以任意转授权",
        "无期限",
        "irrevocable",
        "in perpetuity and perpetual",
        "sublicense",
    ],
)
def test_terms_that_would_be_void_are_found(phrase: str) -> None:
    words = notice()
    assert forbidden_phrases(f"{words.zh}{phrase}") != []
    assert any("void" in one for one in complaints(words.zh + phrase, words.en))


def test_each_purpose_has_a_current_notice_of_its_own() -> None:
    for scope in Scope:
        words = current_notice(scope)
        assert (words.version, words.scope) == (CURRENT_OF[scope], scope)
    assert len({current_notice(scope).processing.sha256 for scope in Scope}) == len(Scope)


def test_an_edited_notice_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    edited = replace(PUBLISHED["face-access-1"], sha256="0" * 64)
    monkeypatch.setattr("core.people.notices.PUBLISHED", {**PUBLISHED, "face-access-1": edited})
    notice.cache_clear()
    with pytest.raises(NoticeChangedError, match="add a new version"):
        notice("face-access-1")
    notice.cache_clear()
    with pytest.raises(NoticeNotFoundError):
        notice("face-access-0")


def test_other_words_for_the_same_thing_supersede_nothing() -> None:
    assert current_notice(Scope.FACE_ACCESS).supersedes == ()
    assert PUBLISHED["face-access-2"].follows == ("face-access-1",)
    assert PUBLISHED["face-access-3"].follows == ("face-access-1", "face-access-2")


def test_whoever_is_asked_for_their_face_is_told_of_video_that_is_kept_without_asking() -> None:
    words = current_notice(Scope.FACE_ACCESS)
    for text, told in (
        (words.zh, ("录像", "不论是否同意", "前十秒到后十秒", "不遮挡", "三十天", "谁在何时因何理由")),
        (words.en, ("Video", "whether or not you agree", "ten seconds before", "faces included", "thirty days")),
    ):
        assert [word for word in told if word not in text] == []


@pytest.mark.parametrize(
    ("change", "supersedes"),
    [
        ({"purpose": "attendance"}, True),
        ({"method": "template_at_core"}, True),
        ({"data_kinds": ("face_template", "passages", "gait")}, True),
        ({"storage_scope": "site_server"}, True),
        ({"retention": "30 days"}, False),
    ],
)
def test_another_purpose_method_or_kind_of_data_supersedes(change: dict[str, object], supersedes: bool) -> None:
    other = replace(PUBLISHED["face-access-1"].processing, **change)  # type: ignore[arg-type]
    expected = ("face-access-1", "face-access-2") if supersedes else ()
    assert superseded_by(Scope.FACE_ACCESS, other, ("face-access-1", "face-access-2", "site-server-1")) == expected
