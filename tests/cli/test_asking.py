"""A question leaves the line that it was asked on, whoever answers."""

from __future__ import annotations

import io

import pytest
import typer

from cli.asking import agreed, must_agree


@pytest.mark.parametrize(("answer", "yes"), [("y\n", True), ("n\n", False), ("\n", False), ("sure\n", False)])
def test_a_script_is_asked_on_a_line_of_its_own(
    answer: str, yes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert agreed("Is it gone for good?") is yes
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "Is it gone for good? [y/N]\n")


def test_a_no_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(typer.Abort):
        must_agree("Is it gone for good?")


def test_no_answer_at_all_ends_the_command_and_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(typer.Abort):
        must_agree("Is it gone for good?")
    assert capsys.readouterr().err == "Is it gone for good? [y/N]\n"
