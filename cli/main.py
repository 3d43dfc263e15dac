"""`anju`: one command, sub-commands by process and by thing."""

from __future__ import annotations

import typer

app = typer.Typer(name="anju", no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def anju() -> None:
    """Anju (安居): gates, cameras and address book of a residential community."""


def main() -> None:
    """Entry point of the ``anju`` command."""
    app()
