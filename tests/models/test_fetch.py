"""A model is fetched from the first source that has it, checked, resumed, and put in place whole."""

from __future__ import annotations

import errno
import io
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.directory import ModelDirectory, State
from models.errors import (
    LicenceNotAcceptedError,
    SourcesExhaustedError,
    StoreBusyError,
    StoreFullError,
    StoreUnusableError,
    UnknownModelError,
)
from models.fetch import accepted_in_environment, fetch, fetch_each
from tests.models.small_models import (
    CONTENT,
    FIRST_HOST,
    MEMBER,
    SECOND_HOST,
    Internet,
    manifest,
    serve,
    wheel,
)


@pytest.fixture
def store(tmp_path: Path) -> ModelDirectory:
    return ModelDirectory(tmp_path / "store")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package index that pip, and nothing else, looks into."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _placed(store: ModelDirectory) -> bytes:
    return (store.root / "tiny" / "tiny.onnx").read_bytes()


def test_the_official_address_is_asked_first(store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT)).at(SECOND_HOST, serve(CONTENT))
    fetched = fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    assert fetched[0].origins == {"tiny.onnx": FIRST_HOST}
    assert [request.url.host for request in internet.asked] == [FIRST_HOST]
    assert _placed(store) == CONTENT
    assert not store.partial.exists()


def test_what_is_there_and_whole_is_not_fetched_again(store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    for expected in (FIRST_HOST, "store"):
        fetched = fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
        assert fetched[0].origins == {"tiny.onnx": expected}
    assert len(internet.asked) == 1


def test_a_damaged_file_is_fetched_again(store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    (store.root / "tiny" / "tiny.onnx").write_bytes(CONTENT[:-1] + b"?")
    fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    assert _placed(store) == CONTENT


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _request: httpx.Response(404), f"{FIRST_HOST}: answered 404"),
        (serve(b"?" * len(CONTENT)), f"{FIRST_HOST}: sha256 is"),
        (serve(CONTENT + b"more"), f"{FIRST_HOST}: sends more than"),
        (serve(b"version https://git-lfs"), f"{FIRST_HOST}: broke off"),
        (lambda _request: httpx.Response(302, headers={"Location": "ftp://x.example/"}), "can't be reached"),
        (lambda request: httpx.Response(302, headers={"Location": str(request.url)}), "can't be reached"),
    ],
    ids=["missing", "other content", "too long", "too short", "redirected elsewhere", "redirected in circles"],
)
def test_a_source_that_gives_something_else_is_passed_over(answer: Any, why: str, store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, answer).at(SECOND_HOST, serve(CONTENT))
    fetched = fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    assert fetched[0].origins == {"tiny.onnx": SECOND_HOST}
    assert why in fetched[0].passed_over[0]
    assert _placed(store) == CONTENT


def test_a_download_that_breaks_off_is_gone_on_with(store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT, breaks_after=4096))
    fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    ranges = [request.headers.get("Range") for request in internet.asked]
    assert ranges == [None, "bytes=4096-", "bytes=8192-"]
    assert _placed(store) == CONTENT


def test_the_next_fetch_goes_on_where_the_last_one_was_cut(store: ModelDirectory, packages: Path) -> None:
    cut = Internet().at(FIRST_HOST, serve(CONTENT, breaks_after=100))
    with pytest.raises(SourcesExhaustedError):
        fetch(["tiny"], directory=store, manifest=manifest(), transport=cut.transport)
    whole = Internet().at(FIRST_HOST, serve(CONTENT))
    fetch(["tiny"], directory=store, manifest=manifest(), transport=whole.transport)
    assert [request.headers.get("Range") for request in whole.asked] == ["bytes=300-"]
    assert _placed(store) == CONTENT


def test_leftovers_of_something_else_are_thrown_away(store: ModelDirectory) -> None:
    store.partial.mkdir(parents=True)
    part = store.partial / f"{manifest().model('tiny').files[0].sha256}.part"
    part.write_bytes(b"x" * 50)
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    assert _placed(store) == CONTENT


def test_a_server_that_knows_no_ranges_is_read_from_the_start(store: ModelDirectory) -> None:
    store.partial.mkdir(parents=True)
    part = store.partial / f"{manifest().model('tiny').files[0].sha256}.part"
    part.write_bytes(CONTENT[:500])
    internet = Internet().at(FIRST_HOST, serve(CONTENT, ranges=False))
    fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    assert _placed(store) == CONTENT


def test_the_package_is_the_last_resort_and_nothing_else_of_it_is_taken(store: ModelDirectory, packages: Path) -> None:
    wheel(packages)
    fetched = fetch(["tiny"], directory=store, manifest=manifest(), transport=Internet().transport)
    assert fetched[0].origins == {"tiny.onnx": "package tiny-models 1.0"}
    assert len(fetched[0].passed_over) == 2
    kept = sorted(path.name for path in store.root.rglob("*") if path.is_file())
    assert kept == [".lock", "tiny.onnx"]


@pytest.mark.parametrize(
    ("content", "member", "why"),
    [
        (b"?" * len(CONTENT), MEMBER, "sha256 is"),
        (CONTENT[:-1], MEMBER, "has 10239 bytes, not 10240"),
        (CONTENT, "elsewhere.onnx", "has no member"),
    ],
)
def test_a_package_without_the_right_member_is_refused(
    content: bytes, member: str, why: str, store: ModelDirectory, packages: Path
) -> None:
    wheel(packages, content, member)
    with pytest.raises(SourcesExhaustedError, match=why):
        fetch(["tiny"], directory=store, manifest=manifest(), transport=Internet().transport)
    assert not (store.root / "tiny" / "tiny.onnx").exists()


def test_when_no_source_helps_each_is_listed_with_its_reason(store: ModelDirectory, packages: Path) -> None:
    internet = Internet().at(SECOND_HOST, lambda _request: httpx.Response(503))
    with pytest.raises(SourcesExhaustedError) as caught:
        fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    first, second, third = caught.value.reasons
    assert "official.example: can't be reached" in first
    assert "mirror.example: answered 503" in second
    assert "package tiny-models 1.0" in third
    assert "--from FOLDER" in str(caught.value)


def test_an_archive_is_opened_only_after_its_checksum(store: ModelDirectory) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("pack/tiny.onnx", CONTENT)
        opened.writestr("pack/other.onnx", b"not wanted")
    archive = buffer.getvalue()
    internet = Internet().at(FIRST_HOST, serve(archive))
    fetch(["tiny"], directory=store, manifest=manifest(archive=archive), transport=internet.transport)
    assert _placed(store) == CONTENT
    assert not (store.root / "tiny" / "other.onnx").exists()
    wrong = Internet().at(FIRST_HOST, serve(archive[:-1] + b"?"))
    fresh = ModelDirectory(store.root.with_name("fresh"))
    with pytest.raises(SourcesExhaustedError, match="sha256"):
        fetch(["tiny"], directory=fresh, manifest=manifest(archive=archive), transport=wrong.transport)


def test_a_folder_gives_the_file_or_the_package_and_no_network_is_asked(store: ModelDirectory, tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    how: Any = {"directory": store, "manifest": manifest(), "transport": internet.transport, "folder": folder}
    with pytest.raises(SourcesExhaustedError, match=r"has no tiny\.onnx"):
        fetch(["tiny"], **how)
    wheel(folder)
    assert fetch(["tiny"], **how)[0].origins == {"tiny.onnx": str(folder)}
    (store.root / "tiny" / "tiny.onnx").unlink()
    (folder / "tiny.onnx").write_bytes(CONTENT)
    fetch(["tiny"], **how)
    assert _placed(store) == CONTENT
    assert internet.asked == []
    assert (folder / "tiny.onnx").read_bytes() == CONTENT


def test_a_licence_nobody_accepted_is_refused_before_anything_is_asked(store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    with pytest.raises(LicenceNotAcceptedError, match=r"(?s)Small Licence 1\.0.*--accept-licence tiny") as caught:
        fetch(["tiny"], directory=store, manifest=manifest(acceptance=True), transport=internet.transport)
    assert "ANJU_ACCEPT_LICENCE=tiny" in str(caught.value)
    assert internet.asked == []


def test_a_refused_licence_leaves_no_packages_behind(store: ModelDirectory, packages: Path) -> None:
    wheel(packages)
    tiny = manifest().model("tiny")
    strict = tiny.model_copy(update={"name": "strict", "acceptance": True})
    both = manifest().model_copy(update={"models": (tiny, strict)})
    _, problems = fetch_each(["tiny", "strict"], directory=store, manifest=both, transport=Internet().transport)
    assert list(problems) == ["strict"]
    assert not store.partial.exists()


def test_an_accepted_licence_is_remembered_until_it_changes(store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    how: Any = {"directory": store, "transport": internet.transport}
    fetch(["tiny"], accepted={"tiny"}, manifest=manifest(acceptance=True), **how)
    fetch(["tiny"], manifest=manifest(acceptance=True), **how)
    model = manifest(acceptance=True).model("tiny").model_copy(update={"licence": "Small Licence 2.0"})
    changed = manifest().model_copy(update={"models": (model,)})
    with pytest.raises(LicenceNotAcceptedError, match=r"2\.0"):
        fetch(["tiny"], manifest=changed, **how)


def test_the_environment_accepts_licences_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANJU_ACCEPT_LICENCE", "clp-det, buffalo_l,")
    assert accepted_in_environment() == {"clp-det", "buffalo_l"}


@pytest.mark.parametrize("said", ["1", "yes", "clp-det, clp_det"])
def test_an_environment_that_names_no_model_is_told_what_it_should_name(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANJU_ACCEPT_LICENCE", said)
    with pytest.raises(
        UnknownModelError, match=r"ANJU_ACCEPT_LICENCE .* names, .*: clp-det, minifasnet, buffalo_l, antelopev2"
    ):
        accepted_in_environment()


def test_an_unknown_name_stops_everything_before_it_starts(store: ModelDirectory) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    with pytest.raises(UnknownModelError, match="did you mean 'tiny'"):
        fetch(["tiny", "tinny"], directory=store, manifest=manifest(), transport=internet.transport)
    assert internet.asked == []


def test_progress_is_told_up_to_the_whole_size(store: ModelDirectory) -> None:
    told: list[tuple[str, int, int]] = []
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    fetch(
        ["tiny"],
        directory=store,
        manifest=manifest(),
        transport=internet.transport,
        on_progress=lambda *step: told.append(step),
    )
    assert told[-1] == ("tiny.onnx", len(CONTENT), len(CONTENT))


def test_a_disk_that_is_too_small_is_noticed_before_loading(
    store: ModelDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    usage = type("Usage", (), {"free": 10})()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(StoreFullError, match="ANJU_MODELS_DIR"):
        fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    assert internet.asked == []


def test_a_disk_that_fills_up_while_loading_is_told_and_nothing_half_is_left_in_place(
    store: ModelDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    monkeypatch.setattr("models.fetch.download", full)
    with pytest.raises(StoreFullError, match="No space left"):
        fetch(["tiny"], directory=store, manifest=manifest(), transport=internet.transport)
    assert store.condition_of_original(manifest().model("tiny"), manifest().model("tiny").files[0]).state is (
        State.MISSING
    )


def test_a_store_that_cannot_be_made_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnusableError, match="ANJU_MODELS_DIR"):
        fetch(["tiny"], directory=ModelDirectory(tmp_path / "file" / "store"), manifest=manifest())


def test_two_fetches_do_not_get_in_each_others_way(store: ModelDirectory) -> None:
    with store.lock(), pytest.raises(StoreBusyError, match="another process"), store.lock(timeout_s=0.0):
        pass
    with store.lock(timeout_s=0.0):
        pass


def test_what_can_be_had_is_fetched_though_something_else_fails(store: ModelDirectory, packages: Path) -> None:
    tiny = manifest().model("tiny")
    away = tiny.files[0].model_copy(update={"file": "away.onnx", "sources": tiny.files[0].sources[1:2]})
    both = manifest().model_copy(update={"models": (tiny.model_copy(update={"name": "away", "files": (away,)}), tiny)})
    internet = Internet().at(FIRST_HOST, serve(CONTENT))
    fetched, problems = fetch_each(["away", "tiny"], directory=store, manifest=both, transport=internet.transport)
    assert [one.model for one in fetched] == ["tiny"]
    assert list(problems) == ["away"]
    assert isinstance(problems["away"], SourcesExhaustedError)


def test_an_address_that_is_away_is_waited_for_once(store: ModelDirectory, packages: Path) -> None:
    tiny = manifest().model("tiny")
    other = tiny.model_copy(update={"name": "other"})
    both = manifest().model_copy(update={"models": (tiny, other)})
    internet = Internet().at(SECOND_HOST, serve(CONTENT))
    fetch(["tiny", "other"], directory=store, manifest=both, transport=internet.transport)
    assert [request.url.host for request in internet.asked] == [FIRST_HOST, SECOND_HOST, SECOND_HOST]
