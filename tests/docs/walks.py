"""Walking through a page: its shell blocks, run line by line as they stand, in a folder of their own."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.main import main

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"([A-Z]+)=(\S+)")


@dataclass(frozen=True, slots=True)
class Line:
    """A command of a page. refused: its comment says that it ends with exit code 1."""

    text: str
    refused: bool


def lines_of(page: Path) -> list[Line]:
    """Every line of the page's ``sh`` blocks, comments cut off."""
    found = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in filter(None, block.splitlines()):
            text, _, comment = line.partition(" #")
            found.append(Line(text.strip(), comment.strip().startswith("refused")))
    return found


def words_of(line: str, variables: Mapping[str, str], folder: Path) -> list[str]:
    """The words a shell would make of ``line``."""
    shell = ["bash", "-euc", f"printf '%s\\0' {line}"]
    done = subprocess.run(shell, env={**_PLAIN, **variables}, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


_PLAIN = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@dataclass(slots=True)
class Walk:
    """A reader with a shell in ``folder``. look_up: what the page asks the reader to put in place of a name."""

    folder: Path
    root: Path
    capsys: pytest.CaptureFixture[str]
    look_up: Callable[[str], str]
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, line: Line) -> str:
        """Do what the line says, check how it ends; what it said."""
        if named := ASSIGNMENT.fullmatch(line.text):
            self.variables[named[1]] = named[2]
            return ""
        if line.text.startswith("cp "):
            _, source, target = shlex.split(line.text)
            (self.folder / target).write_bytes((self.root / source).read_bytes())
            return ""
        wanted = {name: self.look_up(name) for name in re.findall(r"\$([A-Z]+)", line.text)}
        program, *arguments = words_of(line.text, wanted | self.variables, self.folder)
        assert program == "anju", line.text
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = self.capsys.readouterr()
        assert ended.value.code == int(line.refused), (line.text, said)
        assert "Traceback" not in said.err
        return said.out
