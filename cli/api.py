"""`anju api`: the pages and the HTTP interface; tokens for scripts; accounts for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from api import accounts
from api.permissions import Role
from api.serve import run_api
from cli.logs import log_structured
from cli.signin import password_for
from core.contract.config_file import load_config
from core.service import opened, prepare

api = typer.Typer(name="api", invoke_without_command=True, help="Run the pages and the HTTP interface.")
token_app = typer.Typer(name="token", no_args_is_help=True, help="Tokens for scripts.")
account_app = typer.Typer(name="account", no_args_is_help=True, help="Accounts for people.")
api.add_typer(token_app)
api.add_typer(account_app)

ConfigOption = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The estate's file.")]
NameOption = Annotated[str, typer.Option("--name", help="2 to 32 lower-case letters, digits, dots, hyphens.")]
RoleOption = Annotated[Role, typer.Option("--role", help="What it may do.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For a script.")]


@api.callback()
def serve(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="The estate's file.")] = None,
) -> None:
    """Run the pages and the HTTP interface until SIGTERM or ctrl-C.

    While there is no account, the address to make the first one is said once, on standard error.
    """
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter("name the estate's file", param_hint="--config")
    log_structured(verbose=False)
    run_api(load_config(config), _announce)


def _announce(address: str) -> None:
    typer.echo(f"No account yet. Open this once to make the first one:\n  {address}", err=True)


@token_app.command("create")
def create_token(
    config: ConfigOption,
    name: NameOption,
    role: RoleOption = Role.OPERATOR,
    days: Annotated[float, typer.Option("--days", min=0.01, max=366, help="How long it lives.")] = 90,
    as_json: JsonOption = False,
) -> None:
    """Make a token and say it, this once: `Authorization: Bearer TOKEN`."""
    loaded = load_config(config)
    prepare(loaded)
    with opened(loaded) as database, database.writing() as db:
        token = accounts.create_service_token(db, name, role, timedelta(days=days))
    typer.echo(json.dumps({"token": token, "role": role.value}) if as_json else token)


@token_app.command("revoke")
def revoke_token(config: ConfigOption, name: NameOption) -> None:
    """Take back every token of that name, at once."""
    loaded = load_config(config)
    prepare(loaded)
    with opened(loaded) as database, database.writing() as db:
        revoked = accounts.revoke_service_tokens(db, name)
    typer.echo(f"{revoked} taken back")


@account_app.command("create")
def create_account(config: ConfigOption, name: NameOption, role: RoleOption = Role.OPERATOR) -> None:
    """Make an account; the password is asked for, or read from the file named by ANJU_PASSWORD_FILE, or from standard
    input when that is no terminal.
    """
    loaded = load_config(config)
    prepare(loaded)
    password = password_for(name, new=True)
    with opened(loaded) as database:
        accounts.create_account(database, name, password, role, datetime.now(UTC))
    typer.echo(f"account {name} ({role.value}) is there")
