"""`anju demo`: everything on this machine, with drawn streams and a page to look at."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from demo.processes import DemoError

PLATE_DETECTOR = "clp-det"


def demo(
    seconds: Annotated[
        float | None, typer.Option("--for", min=10, metavar="SECONDS", help="End after so long; else at ctrl-C.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write the report as JSON.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Other people, plates, order.")] = 1,
    chaos: Annotated[bool, typer.Option("--chaos", help="Kill the broker and the core once on the way.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser (servers).")] = False,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Download the plate detector, whose licence is not cleared.")
    ] = False,
) -> None:
    """Run all of Anju on this machine and check it against the script of its clips. Exit code 1 when it went wrong."""
    if importlib.util.find_spec("aio_rtsp_toolkit") is None:
        raise DemoError("the demo needs the 'dev' extra (RTSP server, fonts): run 'make setup'")
    if report is not None and not report.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {report.absolute().parent}", param_hint="--report")
    console = Console()
    plates = _fetch_models(console, accepted=accept_licence)
    from demo.run import Options, run_demo  # noqa: PLC0415 - loaded when the demo is really run

    options = Options(seed=seed, seconds=seconds, report=report, browser=not no_browser, chaos=chaos, plates=plates)
    raise typer.Exit(0 if run_demo(options, console) else 1)


def _fetch_models(console: Console, *, accepted: bool) -> bool:
    """Get the models that are missing. False when the plate detector stays away: the lane is then not judged."""
    from cli.models import Bars, ask_for_licences  # noqa: PLC0415
    from models.directory import ModelDirectory  # noqa: PLC0415
    from models.fetch import accepted_in_environment, fetch_each  # noqa: PLC0415
    from models.manifest import load_manifest  # noqa: PLC0415

    manifest, directory = load_manifest(), ModelDirectory()
    wanted = [model for model in manifest.models if model.default]
    agreed = {*accepted_in_environment(), *([PLATE_DETECTOR] if accepted else [])}
    if sys.stdin.isatty():
        agreed |= ask_for_licences(wanted, directory, agreed)
    with Bars() as bars:
        _, problems = fetch_each(
            [model.name for model in wanted], directory=directory, accepted=agreed, on_progress=bars.show
        )
    if refused := problems.pop(PLATE_DETECTOR, None):
        console.print(f"[yellow]The vehicle lane stays closed: {refused}\nHere: anju demo --accept-licence[/yellow]")
    for error in problems.values():
        raise error
    return refused is None
