"""What commands that answer a person log is for that person; processes that stay log for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import structlog

from cli.logs import log_structured, log_warnings
from cli.main import main


def test_a_warning_beside_an_answer_is_a_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    log_warnings()
    structlog.get_logger().info("lists.told_anew", edges=["edge-1"])
    structlog.get_logger().warning("journal.unwritable", problem="no space left", lines=2)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "anju: warning: journal.unwritable: problem no space left; lines 2\n")


def test_a_warning_without_facts_and_one_with_a_traceback_end_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log_warnings()
    structlog.get_logger().warning("journal.gone")
    structlog.get_logger().error("journal.unwritable", exc_info=OSError("no space left"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["anju: warning: journal.gone", "anju: error: journal.unwritable"]
    assert "OSError: no space left" in lines[2:]


def test_a_process_that_stays_logs_json(capsys: pytest.CaptureFixture[str]) -> None:
    log_structured(verbose=False)
    structlog.get_logger().warning("camera.offline", camera="cam-1")
    told = json.loads(capsys.readouterr().err)
    assert {key: told[key] for key in ("event", "level", "camera")} == {
        "event": "camera.offline",
        "level": "warning",
        "camera": "cam-1",
    }


def test_no_command_logs_into_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def talkative(_path: Path) -> None:
        structlog.get_logger().info("file.read")
        structlog.get_logger().warning("file.odd")
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.config.load_config", talkative)
    with pytest.raises(SystemExit):
        main(["config", "check", str(tmp_path)])
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "anju: warning: file.odd\n")
