"""`anju demo`: everything on this machine, with drawn streams and a page to look at."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from demo.processes import DemoError


def demo(
    seconds: Annotated[
        float | None, typer.Option("--for", min=10, metavar="SECONDS", help="End after so long; else at ctrl-C.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write the report as JSON.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Other people, plates, order.")] = 1,
    chaos: Annotated[bool, typer.Option("--chaos", help="Kill the broker and the core once on the way.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser (servers).")] = False,
) -> None:
    """Run all of Anju on this machine and check it against the script of its clips. Exit code 1 when it went wrong."""
    if importlib.util.find_spec("aio_rtsp_toolkit") is None:
        raise DemoError("the demo needs the 'dev' extra (RTSP server, fonts): run 'make setup'")
    if report is not None and not report.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {report.absolute().parent}", param_hint="--report")
    console = Console()
    _fetch_models()
    from demo.run import Options, run_demo  # noqa: PLC0415 - loaded when the demo is really run

    options = Options(seed=seed, seconds=seconds, report=report, browser=not no_browser, chaos=chaos)
    raise typer.Exit(0 if run_demo(options, console) else 1)


def _fetch_models() -> None:
    """Get the models that are missing. Raises ModelError."""
    from cli.models import Bars  # noqa: PLC0415
    from models.fetch import fetch  # noqa: PLC0415
    from models.manifest import load_manifest  # noqa: PLC0415

    with Bars() as bars:
        fetch(load_manifest().defaults, on_progress=bars.show)
