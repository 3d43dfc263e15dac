"""`anju core`: run the core, or only make what its first start needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.clock import clock_app
from cli.logs import log_structured
from core.contract.config_file import load_config
from core.keys import public_key_path
from core.service import opened, plate_keeper, prepare, run_core

core = typer.Typer(name="core", help="Run the core: events into passages, alerts and lists.")
core.add_typer(clock_app)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The estate's file, as configs/estate.example.yaml.")
]


@core.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="The estate's file.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every list change and batch as well.")] = False,
) -> None:
    """Run until SIGTERM or ctrl-C; creates the signing key and the tables where they are missing."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter("name the estate's file", param_hint="--config")
    log_structured(verbose=verbose)
    run_core(load_config(config))


@core.command("init")
def init(config: ConfigOption) -> None:
    """Make the state folder, the signing key and the tables, and stop. Safe to repeat."""
    loaded = load_config(config)
    prepare(loaded)
    with opened(loaded) as database, database.reading() as db:
        plate_keeper(loaded, db)
    key = public_key_path(loaded.file(loaded.config.core.signing_key_file))
    typer.echo(f"ready in {loaded.state_dir}; copy {key} to every edge")
