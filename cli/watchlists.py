"""`anju watchlists`: from which cosine on a face counts, and making it fit an estate.

Nothing here reads a running estate: there is no way to get scores, templates or pictures out of one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from core.contract.ids import ModelId
from models.face_embedder import model_id
from models.manifest import Task, load_manifest
from watchlists.thresholds.builtin import calibration_of
from watchlists.thresholds.file import CalibrationV1, Rate, load_calibration, read_calibration, write_calibration

watchlists_app = typer.Typer(
    name="watchlists",
    no_args_is_help=True,
    add_completion=False,
    help="From which likeness on a face counts, and making that fit an estate.",
)

_LONGEST_RATE = len("1.23e-05")
_UNLIMITED = 10_000

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to standard output, for scripts.")]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", help="The face embedder, as in the estate's file.")
]
GalleryOption = Annotated[int, typer.Option("--gallery", metavar="N", help="Templates that will be searched among.")]


@watchlists_app.callback()
def watchlists() -> None:
    """From which likeness on a face counts, and making that fit an estate."""


@watchlists_app.command("calibrate")
def calibrate_command(
    gallery: GalleryOption,
    *,
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores", metavar="FILE", help="CSV or NPZ: score, mated, probe_subject, gallery_subject[, probe]."
        ),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", metavar="DIR", help="A folder for each volunteer, with their pictures.")
    ] = None,
    model: ModelOption = "sface",
    fpir: Annotated[float, typer.Option("--fpir", help="Share of strangers' searches that may find somebody.")] = 0.01,
    fmr: Annotated[float, typer.Option("--fmr", help="Share of wrong pairs that may pass in 1:1.")] = 1e-4,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the calibration goes.")] = Path(
        "calibration.json"
    ),
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the curves: .png or .svg (needs matplotlib).")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, max=64, help="Threads the models compute on.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Find the thresholds for a wanted share of strangers accepted, in a gallery of the size that is loaded.

    From scores you have, or from pictures of test volunteers who agreed to it, each in a folder of their own; several
    pictures of a person tell how often people are missed. The pictures are only read: no picture, template, score or
    name is kept, the file has figures alone. Faces of a running estate are never used: no command and no interface
    gives out their templates or scores.

    Name the file in edges[].calibration_file. It goes stale when the gallery grows or shrinks by more than 20 %.
    """
    # SciPy takes a second to load, which the other command need not wait for.
    from watchlists.thresholds.calibrate import Wanted, calibrate  # noqa: PLC0415
    from watchlists.thresholds.curves import curves  # noqa: PLC0415
    from watchlists.thresholds.plot import check_plot_path, write_plot  # noqa: PLC0415

    if (scores is None) == (pictures is None):
        raise typer.BadParameter("give --scores or --pictures, one of the two")
    wanted = Wanted(_model_id(model), gallery, fpir, fmr)
    if plot is not None:
        check_plot_path(plot)
    found, told = _score_set(scores, pictures, model, threads)
    calibration = calibrate(found, wanted, now=datetime.now(UTC), made_by=f"anju {version('anju')}")
    drawn = curves(found, calibration)
    write_calibration(out, calibration)
    if plot is not None:
        write_plot(plot, calibration, drawn)
    if as_json:
        made = {"calibration": calibration.model_dump(mode="json"), "curves": drawn.model_dump(mode="json")}
        report = made | {"pictures": told, "out": str(out), "plot": None if plot is None else str(plot)}
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
        return
    _show(calibration, told)
    typer.echo(f"written to {out}: name it in edges[].calibration_file" + (f"; curves in {plot}" if plot else ""))


@watchlists_app.command("thresholds")
def thresholds_command(
    gallery: GalleryOption,
    model: ModelOption = "sface",
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", metavar="FILE", help="A calibration; without it, what comes with Anju."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which thresholds an edge uses for a model and a gallery, and what they rest on."""
    known = _model_id(model)
    table = calibration_of(known) if calibration is None else load_calibration(calibration, known)
    made = None if calibration is None else read_calibration(calibration)
    used, standing = table.identify_at(gallery), table.standing(gallery)
    told: dict[str, Any] = {
        "model": known,
        "gallery": gallery,
        "identify": {"cosine": round(used.cosine, 4), "basis": used.basis},
        "verify": {"cosine": table.verify},
        "standing": standing.state,
        "text": standing.text,
        "calibration": None if made is None else made.model_dump(mode="json"),
    }
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    typer.echo(f"{known}, {gallery} templates: {standing.state}, {standing.text}")
    typer.echo(f"one among many (identify): {used.cosine:.4f}, {used.basis}")
    typer.echo(f"one to one (verify):       {table.verify:.4f}")
    if made is not None:
        _show(made, None)


def _model_id(name: str) -> ModelId:
    """Raises models.errors.UnknownModelError for a name the manifest has not, or one that is no face embedder."""
    return ModelId(model_id(name, load_manifest().model(name).file_for(Task.FACE_EMBEDDING).sha256))


def _score_set(scores: Path | None, pictures: Path | None, model: str, threads: int) -> Any:
    if scores is not None:
        from watchlists.thresholds.read_scores import read_scores  # noqa: PLC0415 - see above

        return read_scores(scores), None
    assert pictures is not None
    from cli.volunteers import compare_volunteers  # noqa: PLC0415 - loads ONNX Runtime

    with _bar() as advance:
        found = compare_volunteers(pictures, model, threads, advance)
    told = {"read": found.pictures, "refused": found.refused, "people_without_reference": found.unused}
    return found.scores, told


@contextmanager
def _bar() -> Iterator[Any]:
    """A progress bar on standard error; nothing where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("reading pictures", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _show(calibration: CalibrationV1, told: dict[str, Any] | None) -> None:
    counts, tail = calibration.counts, calibration.tail
    if told is not None:
        refused = ", ".join(f"{reason} {count}" for reason, count in sorted(told["refused"].items())) or "none"
        typer.echo(f"pictures: {told['read']} read; not looked at: {refused}")
    typer.echo(
        f"{counts.people_searched} people searched for among others ({counts.non_mated_searches} searches, "
        f"{counts.impostor_comparisons} comparisons), {counts.people_searched_mated} among their own references "
        f"({counts.mated_searches} searches)"
    )
    table = Table(title=calibration.model, box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("templates", "threshold", "basis"):
        table.add_column(heading, no_wrap=True)
    for heading in ("FPIR % (95 %)", "FNIR % (95 %)"):
        table.add_column(heading, min_width=_LONGEST_RATE)
    for row in calibration.identify:
        style = "bold" if row.gallery == calibration.gallery else None
        table.add_row(
            f"{row.gallery}", f"{row.cosine:.4f}", row.basis, _percent(row.fpir), _percent(row.fnir), style=style
        )
    one = calibration.verify
    table.add_row("1:1", f"{one.cosine:.4f}", one.basis, f"FMR {_percent(one.fmr)}", f"FNMR {_percent(one.fnmr)}")
    console = Console()
    # A terminal that is narrower still breaks lines by itself; Rich would cut figures.
    least = console.measure(table, options=console.options.update(max_width=_UNLIMITED)).minimum
    Console(width=max(console.width, least)).print(table)
    if tail is not None:
        typer.echo(
            f"tail fitted above {tail.above:.4f} to {tail.exceedances} comparisons: index {tail.shape:.3f}, "
            f"scale {tail.scale:.4f}"
        )
    # Rule of three: what a set of this many people could show at best.
    typer.echo(
        f"without any error, {counts.people_searched} people show an FPIR below {3 / counts.people_searched:.2%}"
    )


def _percent(rate: Rate | None) -> str:
    if rate is None:
        return "unknown"
    return f"{rate.estimate * 100:.3g} ({rate.low * 100:.2g} to {rate.high * 100:.2g})"
