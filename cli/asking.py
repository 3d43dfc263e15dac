"""Questions that a person, or a script for them, answers with yes or no."""

from __future__ import annotations

import sys

import typer

_LONGEST_ANSWER = 1000


def agreed(question: str) -> bool:
    """Whether the answer is yes; any other is a no. The question is on standard error, on a line of its own where
    nobody is at a terminal. Raises typer.Abort where standard input has ended.
    """
    if sys.stdin.isatty():
        return typer.confirm(question, default=False, err=True)
    typer.echo(f"{question} [y/N]", err=True)
    answer = sys.stdin.readline(_LONGEST_ANSWER)
    if not answer:
        raise typer.Abort
    return answer.strip().lower() in {"y", "yes"}


def must_agree(question: str) -> None:
    """End the command, exit code 1, unless the answer is yes. Raises typer.Abort."""
    if not agreed(question):
        raise typer.Abort
