"""`anju models`: fetch, list and verify the ONNX models."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from cli.asking import agreed
from cli.output import FAILED, failure, tell_failure
from models.directory import Condition, ModelDirectory, State
from models.errors import LicenceNotAcceptedError, ModelError, UnknownModelError
from models.fetch import BUNDLED, FROM_STORE, Fetched, accepted_in_environment, check_licence, fetch_each
from models.manifest import Manifest, Model, load_manifest

models_app = typer.Typer(
    name="models", no_args_is_help=True, add_completion=False, help="Fetch, list and verify the ONNX models."
)

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to standard output, for scripts.")]


@models_app.command("fetch")
def fetch_command(
    names: Annotated[list[str] | None, typer.Argument(help="Models; none: those of the default configuration.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every model of the manifest.")] = False,
    accept_licence: Annotated[
        list[str] | None, typer.Option("--accept-licence", metavar="NAME", help="Accept the licence of this model.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Take the files from this folder, not the network.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch models, check them and prepare them; what is already there is only checked.

    The licences named in ANJU_ACCEPT_LICENCE (comma-separated) are accepted too. The store is ANJU_MODELS_DIR,
    else ~/.cache/anju/models.
    """
    manifest, directory = load_manifest(), ModelDirectory()
    if names and every:
        raise typer.BadParameter("give names or --all, not both")
    if folder is not None and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is not a folder", param_hint="--from")
    wanted = [model.name for model in manifest.models] if every else list(names or manifest.defaults)
    accepted = {*(accept_licence or []), *_accepted_in_environment()}
    models = [_named(manifest, name) for name in (*wanted, *sorted(accepted))][: len(wanted)]
    if at_a_terminal() and not as_json:
        accepted |= ask_for_licences(models, directory, accepted)
    try:
        with Bars() as bars:
            fetched, problems = fetch_each(
                wanted, directory=directory, accepted=accepted, folder=folder, on_progress=bars.show
            )
    except ModelError as error:
        tell_failure(error, as_json=as_json)
        raise typer.Exit(FAILED) from error
    _tell_fetched(fetched, problems, directory, as_json)
    if problems:
        raise typer.Exit(FAILED)


@models_app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Every model Anju can run: what it does, its licence, and whether it is here."""
    manifest, directory = load_manifest(), ModelDirectory()
    rows = [_row(model, directory) for model in manifest.models]
    if as_json:
        typer.echo(json.dumps({"store": str(directory.root), "models": rows}, ensure_ascii=False, indent=1))
        return
    table = Table("model", "does", "MB", "licence", "here", title=f"Models in {directory.root}")
    for row in rows:
        licence = row["licence"] + (" (needs an explicit yes)" if row["needs_acceptance"] else "")
        table.add_row(row["name"], ", ".join(row["tasks"]), f"{row['bytes'] / 1e6:.1f}", licence, row["state"])
    Console().print(table)


@models_app.command("verify")
def verify_command(as_json: AsJson = False) -> None:
    """Compare every fetched file, and what was made of it, with its checksum.

    A model of the default configuration that is missing is a problem; another one is not.
    """
    directory = ModelDirectory()
    problem = False
    found: list[Condition] = []
    for model in load_manifest().models:
        conditions = directory.verify(model)
        if not model.default and all(condition.state is State.MISSING for condition in conditions):
            continue
        found += conditions
        problem |= any(condition.state is not State.READY for condition in conditions)
    if as_json:
        files = [{"model": c.model, "file": c.file, "state": c.state.value, "detail": c.detail} for c in found]
        typer.echo(json.dumps({"store": str(directory.root), "ok": not problem, "files": files}, indent=1))
    else:
        for condition in found:
            typer.echo(f"{condition.state.value:8}{condition.model:12}{condition.detail or condition.file}")
    if problem:
        raise typer.Exit(FAILED)


def at_a_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def _named(manifest: Manifest, name: str) -> Model:
    try:
        return manifest.model(name)
    except UnknownModelError as error:
        raise typer.BadParameter(str(error)) from error


def _accepted_in_environment() -> frozenset[str]:
    try:
        return accepted_in_environment()
    except UnknownModelError as error:
        raise typer.BadParameter(str(error)) from error


def ask_for_licences(models: list[Model], directory: ModelDirectory, accepted: set[str]) -> set[str]:
    """Names of the models to whose licence the person at the terminal says yes."""
    yes = set()
    for model in models:
        try:
            check_licence(model, directory, accepted)
        except LicenceNotAcceptedError:
            typer.echo(f"{model.name}: {model.licence}\n{model.licence_url}\n{model.note}", err=True)
            if agreed("Do you accept this, and may you use it?"):
                yes.add(model.name)
    return yes


def _row(model: Model, directory: ModelDirectory) -> dict[str, Any]:
    states = {directory.condition(model, file).state for file in model.files}
    worst = next(state for state in (State.DAMAGED, State.MISSING, State.READY) if state in states)
    return {
        "name": model.name,
        "default": model.default,
        "tasks": [file.task.value for file in model.files],
        "bytes": sum(file.size for file in model.files),
        "licence": model.licence,
        "licence_url": model.licence_url,
        "note": model.note,
        "needs_acceptance": model.acceptance,
        "state": worst.value,
    }


def _tell_fetched(
    fetched: list[Fetched], problems: dict[str, ModelError], directory: ModelDirectory, as_json: bool
) -> None:
    if as_json:
        told = {
            "store": str(directory.root),
            "fetched": [
                {"model": one.model, "origins": one.origins, "passed_over": one.passed_over} for one in fetched
            ],
            "problems": [{"model": name, **failure(error)} for name, error in problems.items()],
        }
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    for one in fetched:
        typer.echo(told_fetched(one))
    for error in problems.values():
        tell_failure(error, as_json=False)


def told_fetched(one: Fetched) -> str:
    """Where the model came from and, in passing, which addresses were tried before and what became of it."""
    came_from = ", ".join(dict.fromkeys(one.origins.values()))
    where = {FROM_STORE: "was here already", BUNDLED: BUNDLED}.get(came_from, f"came from {came_from}")
    # What kind of error it was is in the JSON; beside "ready" it would read like a failure.
    earlier = [re.sub(r" \(\w+\)$", "", reason) for reason in one.passed_over]
    return f"{one.model}: ready, {where}" + (f"; tried before that: {', '.join(earlier)}" if earlier else "")


class Bars:
    """A progress bar per file on standard error; nothing where that is no terminal."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total or None)
        self._progress.update(self._tasks[what], completed=done, total=total or None)
