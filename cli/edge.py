"""`anju edge`: run one edge, or show what its administrator has to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.logs import log_structured
from cli.picture import picture
from cli.replay import replay
from core.contract.config_file import load_config
from core.contract.ids import EdgeId
from edge.keys import load_or_create
from edge.settings import edge_settings

edge_app = typer.Typer(name="edge", help="Run an edge: cameras, decisions at the gates, events.")
edge = edge_app

ConfigOption = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The estate's file.")]
IdOption = Annotated[str, typer.Option("--id", metavar="EDGE", help="Which of the file's edges this is.")]


@edge_app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="The estate's file.")] = None,
    id_: Annotated[str | None, typer.Option("--id", metavar="EDGE", help="Which of the file's edges this is.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log details as well.")] = False,
) -> None:
    """Run until SIGTERM or ctrl-C; makes the edge's own keys at its first start."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter("name the estate's file", param_hint="--config")
    if id_ is None:
        raise typer.BadParameter("say which of the file's edges this is", param_hint="--id")
    from edge.worker import EdgeWorker  # noqa: PLC0415 - models and compiled loops take seconds, help must not

    log_structured(verbose=verbose)
    EdgeWorker(load_config(config), EdgeId(id_)).run()


@edge_app.command("key")
def key(config: ConfigOption, id_: IdOption) -> None:
    """Show the fingerprint of the edge's two public keys: approve them in the core where both show the same."""
    loaded = load_config(config)
    settings = edge_settings(loaded, EdgeId(id_))
    loaded.prepare_state_dir()
    typer.echo(load_or_create(loaded.state_dir, settings.id, settings.site_key).fingerprint)


edge_app.command("replay")(replay)
edge_app.command("picture")(picture)
