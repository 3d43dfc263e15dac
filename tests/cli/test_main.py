"""`anju` says what it can do quickly, and what it could not do in words and exit codes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from cli.main import COMMANDS, main
from cli.output import KNOWN, failure, in_words, known_failure
from core.contract.config_file import ConfigError, Problem

EXAMPLE = Path(__file__).parents[2] / "configs/estate.example.yaml"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)


def test_a_database_that_is_away_is_a_sentence_without_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "estate.yaml"
    url = "postgresql+psycopg://anju:hush@127.0.0.1:1/anju"
    config.write_text(EXAMPLE.read_text(encoding="utf-8").replace("sqlite:///anju.db", url), encoding="utf-8")
    assert run("people", "list", "-c", str(config)) == 1
    told = capsys.readouterr().err
    assert "the estate's database can't be reached" in told
    assert "hush" not in told


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    assert f"anju {name}" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["api"], ["api", "account", "create"], ["broker"], ["edge"], ["doctor"]])
def test_the_estates_file_is_named_in_one_way_everywhere(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command, "--help") == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "--config" in line)
    assert " -c " in line
    assert " FILE " in line


def test_help_loads_no_command() -> None:
    code = """
import sys
from cli.main import main
try:
    main(["--help"])
except SystemExit:
    heavy = {"numpy", "fastapi", "sqlalchemy", "av", "onnxruntime", "pydantic"} & set(sys.modules)
    sys.exit(", ".join(sorted(heavy)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_edges_key_is_shown_without_loading_models_or_compiled_loops() -> None:
    code = """
import sys
import cli.edge
heavy = {"av", "cv2", "faiss", "numba", "onnxruntime"} & set(sys.modules)
sys.exit(", ".join(sorted(heavy)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"anju {version('anju')}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["config", "check"], ["config", "nonsense"]])
def test_a_wrong_call_is_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Usage: anju" in capsys.readouterr().err


def test_help_says_each_command_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    run("--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert all(summary in shown for _, _, summary in COMMANDS.values())


def test_a_model_that_does_not_exist_or_does_something_else_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    estate = tmp_path / "estate.yaml"
    text = EXAMPLE.read_text(encoding="utf-8").replace("face_detector: yunet", "face_detector: yunnet")
    estate.write_text(text.replace("plate_reader: anju-plates", "plate_reader: anju-plate-det"), encoding="utf-8")
    assert run("config", "check", str(estate)) == 1
    told = capsys.readouterr().err
    assert "edges[0].models.face_detector: no model is called 'yunnet'; did you mean 'yunet'?" in told
    assert "edges[0].models.plate_reader: model 'anju-plate-det' does plate_detection, not plate_reading" in told


def test_a_right_configuration_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "check", str(EXAMPLE)) == 0
    assert "is right: estate green-garden, 1 edge, 4 cameras, 3 checkpoints, 2 rules" in capsys.readouterr().out
    assert run("config", "check", str(EXAMPLE), "--json") == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_a_wrong_configuration_is_code_1_and_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "estate.yaml"
    path.write_text(EXAMPLE.read_text().replace("camera: door-3-cam", "camera: door-3-can"))
    assert run("config", "check", str(path)) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "checkpoints[2].camera: 'door-3-can' is not defined; did you mean 'door-3-cam'?" in told.err
    assert "Traceback" not in told.err


def test_a_script_gets_the_mistakes_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "estate.yaml"
    path.write_text("estate: 1\n")
    assert run("config", "check", str(path), "--json") == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"] == "ConfigError"
    assert {key: error["problems"][0][key] for key in ("path", "line")} == {"path": "estate", "line": 1}


@pytest.mark.parametrize(("module", "names"), KNOWN.items())
def test_every_failure_with_words_exists(module: str, names: tuple[str, ...]) -> None:
    loaded = importlib.import_module(module)
    assert all(issubclass(getattr(loaded, name), Exception) for name in names)


def test_only_failures_with_words_lose_their_traceback() -> None:
    configuration = ConfigError(Path("x"), [Problem("a", 3, "is wrong")])
    assert known_failure(configuration)
    assert failure(configuration)["problems"] == [{"path": "a", "line": 3, "message": "is wrong"}]
    assert not known_failure(ZeroDivisionError())


@pytest.mark.parametrize(
    ("attribute", "code", "advice"),
    [
        ("sqlite_errorname", "SQLITE_FULL", "its disk is full: make room"),
        ("sqlite_errorname", "SQLITE_IOERR_WRITE", "its disk fails, or is full"),
        ("sqlite_errorname", "SQLITE_READONLY_DIRECTORY", "leave to write it and its folder"),
        ("sqlstate", "53100", "its server's disk is full"),
    ],
)
@pytest.mark.parametrize("statement", [None, "INSERT"])
def test_a_database_that_cant_be_written_is_not_said_to_be_away(
    attribute: str, code: str, advice: str, statement: str | None
) -> None:
    cause = Exception("in the database's words")
    setattr(cause, attribute, code)
    said = in_words(OperationalError(statement, {}, cause))
    assert known_failure(said)
    assert "can't be written: in the database's words" in str(said)
    assert advice in str(said)
    assert "follows by itself" in str(said)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("cli.config.load_config", broken)
    with pytest.raises(ZeroDivisionError):
        main(["config", "check", "x"])


def test_an_interruption_is_code_130_and_no_noise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.config.load_config", interrupted)
    assert run("config", "check", "x") == 130
    assert capsys.readouterr().err == ""


def test_mosquitto_gets_rules_for_the_accounts_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "mosquitto-acl", str(EXAMPLE)) == 0
    rules = capsys.readouterr().out
    assert "user edge-1\ntopic write anju/v1/green-garden/edge/edge-1/availability\n" in rules
    assert "topic write anju/v1/green-garden/checkpoint/door-3/cmd\n" in rules
