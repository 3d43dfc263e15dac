"""`anju`: one command, sub-commands by process and by thing. A sub-command's code is loaded when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from cli.output import FAILED, in_words, known_failure, tell_failure

COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("cli.demo", "demo", "Run all of Anju on this machine, with drawn streams, and show it in a browser."),
    "core": ("cli.core", "core", "Run the core: events into passages, alerts and lists."),
    "api": ("cli.api", "api", "Run the pages and the HTTP interface."),
    "edge": ("cli.edge", "edge", "Run an edge: cameras, decisions at the gates, events."),
    "broker": ("cli.broker", "broker", "Run the embedded MQTT broker, for trying Anju out on one machine."),
    "people": ("cli.people", "people_app", "Enter and enrol people, issue passes; vehicles; edges that hold faces."),
    "consent": ("cli.consent", "consent_app", "Record consent and its end; records, proofs of erasure, what is due."),
    "lists": ("cli.lists", "lists_app", "Who is on which list; cases that need two approvals; disputes."),
    "video": ("cli.video", "video_app", "Who was let watch cameras and clips, when and why."),
    "watchlists": ("cli.watchlists", "watchlists_app", "From which likeness on a face counts; calibrate it."),
    "models": ("cli.models", "models_app", "Fetch, list and verify the ONNX models."),
    "config": ("cli.config", "config_app", "Check the estate's file; what follows from it."),
    "doctor": ("cli.doctor", "doctor", "Say what is missing on this machine and how to get it."),
}
"""Name: module, attribute (a Typer application or a function), one line of help."""


class LazyCommand(TyperCommand):
    """Stands for a sub-command until it is called: `anju --help` loads none of them."""

    def __init__(self, name: str, module: str, attribute: str, summary: str) -> None:
        super().__init__(name, callback=lambda: None, help=summary, short_help=summary)  # a short_help is never cut
        self._module, self._attribute = module, attribute

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Context of the real command, which then runs instead of this one."""
        return self._load().make_context(*args, **kwargs)

    def _load(self) -> Any:
        found = getattr(importlib.import_module(self._module), self._attribute)
        around = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        around.callback()(lambda: None)  # keeps it a group, whose only command the real one is
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=self.name)
        else:
            around.command(self.name)(found)
        group = get_command(around)
        assert isinstance(group, TyperGroup)
        return group.commands[str(self.name)]


class LazyGroup(TyperGroup):
    """The sub-commands in the order of ``COMMANDS``."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        return LazyCommand(cmd_name, *COMMANDS[cmd_name]) if cmd_name in COMMANDS else None


app = typer.Typer(
    name="anju", cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"anju {version('anju')}")
        raise typer.Exit


@app.callback()
def anju(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Anju (安居): gates, cameras and address book of a residential community."""
    from cli.logs import log_warnings  # noqa: PLC0415 - help does without

    log_warnings()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the ``anju`` command.

    Exit codes: 0 done; 1 it could not be done, and why was said; 2 called wrongly; 130 interrupted. Failures we have
    words for end in words, not in a traceback.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        app(given, prog_name="anju")
    except Exception as error:  # the outermost place: what nobody has words for goes on as a traceback
        told = in_words(error)
        if not known_failure(told):
            raise
        tell_failure(told, as_json="--json" in given)
        sys.exit(FAILED)
    sys.exit(0)
