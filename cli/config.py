"""`anju config`: is the estate's file right, and what follows from it for the broker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.estate_models import model_problems
from cli.output import counted
from core.contract.access import estate_access, mosquitto_acl
from core.contract.config_file import ConfigError, config_schema, load_config

config_app = typer.Typer(name="config", no_args_is_help=True, help="Check the estate's file; what follows from it.")

ConfigPath = Annotated[Path, typer.Argument(metavar="FILE", help="The estate's file, as configs/estate.example.yaml.")]


@config_app.command("check")
def check(
    path: ConfigPath,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output, for scripts.")] = False,
) -> None:
    """Read the file as every process would, and name each mistake with its line. Exit code 1 when there is one."""
    loaded = load_config(path)
    config = loaded.config
    if unknown := model_problems(config):
        raise ConfigError(path, unknown)
    counts = {
        "edges": len(config.edges),
        "cameras": len(config.cameras),
        "checkpoints": len(config.checkpoints),
        "rules": len(config.rules),
    }
    if as_json:
        found = {"ok": True, "estate": config.estate.id, "state_dir": str(loaded.state_dir), **counts}
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    listed = ", ".join(counted(number, what.removesuffix("s")) for what, number in counts.items())
    typer.echo(f"{path} is right: estate {config.estate.id}, {listed}; state in {loaded.state_dir}")


@config_app.command("schema")
def schema() -> None:
    """JSON Schema of the file, for editors that complete and check YAML."""
    typer.echo(config_schema(), nl=False)


@config_app.command("mosquitto-acl")
def acl(path: ConfigPath) -> None:
    """Access rules for Mosquitto (its ``acl_file``): each account may say and hear what its process needs."""
    typer.echo(mosquitto_acl(estate_access(load_config(path).config)), nl=False)
