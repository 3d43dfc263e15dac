"""Somebody at the core's machine, typing commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from core.contract.config_file import load_config
from core.service import prepare
from tests.core.estates import estate_tree


class Desk:
    """Somebody, or a script, at the core's machine."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = config
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--config", str(self.config)])
        told = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        assert "Traceback" not in told.err
        return ended.value.code, told.out, told.err

    def json(self, *arguments: str) -> Any:
        """What a script gets of a command that succeeds."""
        code, out, err = self.run(*arguments, "--json")
        assert code == 0, (out, err)
        return json.loads(out)

    def refusal(self, *arguments: str) -> str:
        """Why it could not be done: a sentence for a person and the same for a script, code 1 both times."""
        code, out, err = self.run(*arguments)
        assert (code, out) == (1, "")
        assert err.startswith("anju: ")
        code, out, err = self.run(*arguments, "--json")
        assert (code, err) == (1, "")
        message: str = json.loads(out)["error"]["message"]
        return message


def set_up(folder: Path) -> Path:
    """An estate's file in ``folder``, its tables and keys made."""
    path = folder / "estate.yaml"
    path.write_text(json.dumps(estate_tree()))
    prepare(load_config(path))
    return path
