"""`anju models` fetches, lists and verifies, says what went wrong, and exits so that a script can tell."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.models import models_app, told_fetched
from models.directory import ModelDirectory
from models.fetch import Fetched
from models.manifest import load_manifest

Run = Callable[..., Any]


@pytest.fixture
def stick(models_dir: Path, tmp_path: Path) -> Path:
    """A folder with the published files, as an installer without a network would carry them."""
    folder = tmp_path / "stick"
    folder.mkdir()
    manifest, store = load_manifest(), ModelDirectory(models_dir)
    for name in manifest.defaults:
        file = manifest.model(name).files[0]
        (folder / file.file).symlink_to(store.original(manifest.model(name), file))
    return folder


@pytest.fixture
def stick_with_clp_det(stick: Path, clp_det_dir: Path) -> Path:
    """The same with a model whose licence wants an explicit yes."""
    model, store = load_manifest().model("clp-det"), ModelDirectory(clp_det_dir)
    (stick / model.files[0].file).symlink_to(store.original(model, model.files[0]))
    return stick


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(*arguments)`` gives exit code and output, with a store of the test's own and no licence accepted."""
    monkeypatch.setenv("ANJU_MODELS_DIR", str(tmp_path / "store"))
    monkeypatch.delenv("ANJU_ACCEPT_LICENCE", raising=False)
    return lambda *arguments: CliRunner().invoke(models_app, [str(argument) for argument in arguments])


def test_the_default_models_are_fetched_from_a_folder_and_pass_the_check(run: Run, stick: Path) -> None:
    fetched = run("fetch", "--from", stick)
    assert fetched.exit_code == 0, fetched.output
    manifest = load_manifest()
    assert [line.split(":")[0] for line in fetched.stdout.splitlines()] == list(manifest.defaults)
    verified = run("verify", "--json")
    assert verified.exit_code == 0
    told = json.loads(verified.stdout)
    assert told["ok"]
    files = [file for name in manifest.defaults for file in manifest.model(name).files]
    assert len(told["files"]) == len(files) + sum(file.rewrite is not None for file in files)


def test_an_address_that_did_not_answer_is_told_in_passing_and_not_as_a_failure() -> None:
    passed_over = ("first.example: can't be reached (ConnectError)",)
    fetched = Fetched("yunet", {"yunet.onnx": "package yunet 1.0"}, passed_over)
    assert told_fetched(fetched) == (
        "yunet: ready, came from package yunet 1.0; tried before that: first.example: can't be reached"
    )
    assert told_fetched(Fetched("yunet", {"yunet.onnx": "store"})) == "yunet: ready, was here already"


def test_a_licence_that_was_not_accepted_is_explained_and_the_rest_is_fetched(run: Run, stick: Path) -> None:
    result = run("fetch", "clp-det", "clp-rec", "--from", stick)
    assert result.exit_code == 1
    assert "--accept-licence clp-det" in result.stderr
    assert "no licence file" in result.stderr.lower()
    assert "clp-rec: ready" in result.stdout


def test_the_environment_can_say_yes(run: Run, stick_with_clp_det: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANJU_ACCEPT_LICENCE", "clp-det")
    assert run("fetch", "clp-det", "--from", stick_with_clp_det).exit_code == 0


def test_an_environment_that_says_yes_to_nothing_is_a_wrong_call(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANJU_ACCEPT_LICENCE", "1")
    refused = run("fetch", "yunet")
    assert refused.exit_code == 2
    assert "ANJU_ACCEPT_LICENCE=clp-det" in refused.stderr


@pytest.mark.parametrize(("answer", "exit_code"), [("y", 0), ("n", 1), ("", 1)])
def test_somebody_at_a_terminal_is_asked(
    answer: str, exit_code: int, run: Run, stick_with_clp_det: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.models.at_a_terminal", lambda: True)
    arguments = ["fetch", "clp-det", "--from", str(stick_with_clp_det)]
    result = CliRunner().invoke(models_app, arguments, input=f"{answer}\n")
    assert "Do you accept this" in result.stderr
    assert result.exit_code == exit_code
    again = CliRunner().invoke(models_app, arguments, input="n\n")
    assert ("Do you accept this" in again.stderr) is (exit_code == 1)


def test_a_script_gets_json_and_nothing_else(run: Run, stick: Path) -> None:
    told = json.loads(run("fetch", "yunet", "clp-det", "--from", stick, "--json").stdout)
    assert [one["model"] for one in told["fetched"]] == ["yunet"]
    assert told["fetched"][0]["origins"] == {"face_detection_yunet_2023mar.onnx": str(stick)}
    assert [(one["model"], one["kind"]) for one in told["problems"]] == [("clp-det", "LicenceNotAcceptedError")]


def test_a_file_that_is_another_is_refused(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "wrong"
    folder.mkdir()
    (folder / "face_detection_yunet_2023mar.onnx").write_bytes(b"not YuNet")
    result = run("fetch", "yunet", "--from", folder)
    assert result.exit_code == 1
    assert "sha256" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["fetch", "yunnet"], "did you mean 'yunet'"),
        (["fetch", "--accept-licence", "clpdet"], "did you mean 'clp-det'"),
        (["fetch", "yunet", "--all"], "not both"),
        (["fetch", "--from", "/nowhere/at/all"], "is not a folder"),
        (["fetsch"], "No such command"),
    ],
)
def test_a_command_that_makes_no_sense_exits_2(arguments: list[str], complaint: str, run: Run) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    told = " ".join(result.stderr.replace("│", " ").split())
    assert complaint in told


def test_a_store_that_cannot_be_written_is_told(run: Run, tmp_path: Path, stick: Path) -> None:
    (tmp_path / "store").write_text("in the way")
    result = run("fetch", "yunet", "--from", stick)
    assert result.exit_code == 1
    assert "ANJU_MODELS_DIR" in result.stderr
    as_json = run("fetch", "yunet", "--from", stick, "--json")
    assert json.loads(as_json.stdout)["error"]["kind"] == "StoreUnusableError"


def test_a_damaged_file_fails_the_check(run: Run, stick: Path, tmp_path: Path) -> None:
    run("fetch", "--from", stick)
    path = tmp_path / "store" / "clp-rec" / "clp_v2_c_rec.onnx"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + b"?")
    result = run("verify")
    assert result.exit_code == 1
    assert "damaged clp-rec" in result.stdout
    assert "anju models fetch clp-rec" in result.stdout


def test_an_empty_store_is_listed_and_fails_the_check(run: Run) -> None:
    listed = run("list", "--json")
    assert listed.exit_code == 0
    told = json.loads(listed.stdout)
    bundled = {model.name for model in load_manifest().models if all(file.bundled for file in model.files)}
    assert {row["name"] for row in told["models"] if row["state"] == "ready"} == bundled
    assert {row["state"] for row in told["models"] if row["name"] not in bundled} == {"missing"}
    assert {row["name"] for row in told["models"] if row["needs_acceptance"]} == {
        "clp-det",
        "minifasnet",
        "buffalo_l",
        "antelopev2",
    }
    assert run("verify").exit_code == 1


def test_the_list_names_every_model_and_its_licence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = run("list").stdout
    for model in load_manifest().models:
        assert model.name in shown
    assert os.environ["ANJU_MODELS_DIR"] in shown
    assert "non-commercial" in shown
