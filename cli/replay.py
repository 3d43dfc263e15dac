"""`anju edge replay`: a clip through the code of a live camera; what was caught, what was missed, and why."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.logs import log_structured
from cli.output import tell_failure
from core.contract.config import Door, EdgeConfig, FaceGate, PlateLane
from core.contract.config_file import LoadedConfig, load_config
from core.contract.ids import CheckpointId

if TYPE_CHECKING:
    from edge.assembly import Models
    from edge.ports import EdgeLists
    from edge.replay.lists import Heard
    from edge.replay.report import Judged, Report
    from edge.replay.score import Told
    from edge.replay.truth import Truth
    from edge.replay.why import Finding
    from edge.scenes.post import ScenePost

DEMO_CONFIG = Path(__file__).parent.parent / "configs" / "demo.yaml"
MISSED, CALLED_WRONGLY = 1, 2
_MOST_FINDINGS = 4
_MARKS = {"caught": ("✓", "green"), "missed": ("✗", "red"), "wrong": ("≠", "red")}


class Speed(StrEnum):
    MAX = "max"
    REAL = "real"


class Lists(StrEnum):
    """Whose lists the gates decide by."""

    TRUTH = "truth"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Scene:
    """What is replayed at: the configuration, its edge, and the checkpoints of one camera."""

    loaded: LoadedConfig
    edge: EdgeConfig
    checkpoints: tuple[FaceGate | Door | PlateLane, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """What is played, and how."""

    clip: Path
    sub: Path | None
    speed: Speed
    learn: bool


def replay(
    clip: Annotated[Path, typer.Argument(metavar="FILE", help="The clip: anything FFmpeg reads.", dir_okay=False)],
    truth: Annotated[
        Path | None,
        typer.Option("--truth", metavar="FILE", help="What really happens in it (JSON, docs/tuning.md)."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="The estate's file; without it the demo's.")
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option("--checkpoint", metavar="ID", help="Watched at; else those the truth names. May be repeated."),
    ] = None,
    speed: Annotated[Speed, typer.Option("--speed", help="As fast as this machine can, or as it was filmed.")] = (
        Speed.MAX
    ),
    lists: Annotated[
        Lists, typer.Option("--lists", help="Decide by the lists in the truth, or by a copy of the edge's own.")
    ] = Lists.TRUTH,
    sub: Annotated[
        Path | None, typer.Option("--sub", metavar="FILE", help="The same scene as the camera's small second stream.")
    ] = None,
    learn: Annotated[
        bool,
        typer.Option(
            "--learn",
            help="Play its packets over and over before, up to four minutes: what is usual in it is then known.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output, for scripts.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what the edge logs as well.")] = False,
) -> None:
    """Play a clip in a camera's place, and say which passes were caught, which were missed, and at which gate.

    Nothing is kept: no picture, no face, no event. Exit codes: 0 every pass of the truth was caught, 1 one was not,
    2 called wrongly.
    """
    from edge.replay.clip import ClipError  # noqa: PLC0415 - models and codecs take seconds, help must not
    from edge.replay.player import NotWatchedError  # noqa: PLC0415
    from edge.replay.report import as_json as told_as_json  # noqa: PLC0415
    from edge.replay.setting import ListsMissingError  # noqa: PLC0415
    from edge.replay.truth import Truth, TruthError, read_truth  # noqa: PLC0415

    if verbose:
        log_structured(verbose=True)
    try:
        true = Truth() if truth is None else read_truth(truth)
        scene = _scene(load_config(config or DEMO_CONFIG), true, checkpoint or [])
        made, fps = _replay(Played(clip, sub, speed, learn), true, scene, lists)
    except (ClipError, ListsMissingError, NotWatchedError, TruthError) as error:
        tell_failure(error, as_json=as_json)
        raise typer.Exit(CALLED_WRONGLY) from None
    if as_json:
        typer.echo(json.dumps(told_as_json(made, fps), ensure_ascii=False, indent=1))
    else:
        show(made, fps, clip.name, Console())
    if not made.all_caught:
        raise typer.Exit(MISSED)


def _scene(loaded: LoadedConfig, true: Truth, named: list[str]) -> Scene:
    """The checkpoints asked for. Raises BadParameter when there are none, or not at one camera."""
    known = {str(one.id): one for one in loaded.config.checkpoints}
    wanted = dict.fromkeys([*named] or [str(one.checkpoint) for one in true.passes])
    if not wanted:
        raise typer.BadParameter(f"say at which checkpoint: --checkpoint {' or '.join(known)}")
    if unknown := [name for name in wanted if name not in known]:
        raise typer.BadParameter(
            f"{loaded.path}: no checkpoint {unknown[0]!r} (known: {', '.join(known)}); see --config"
        )
    found = tuple(known[name] for name in wanted)
    if len({one.camera for one in found}) > 1:
        raise typer.BadParameter(
            f"a clip is one camera's, and {', '.join(wanted)} have several: choose with --checkpoint"
        )
    edge = loaded.config.edge(loaded.config.edge_of(CheckpointId(found[0].id)))
    return Scene(loaded, edge, found)


def _replay(played: Played, true: Truth, scene: Scene, lists: Lists) -> tuple[Report, float]:
    from edge.assembly import moving_zones, open_models  # noqa: PLC0415
    from edge.checkpoint.trace import What  # noqa: PLC0415
    from edge.replay.clip import ClipStream  # noqa: PLC0415
    from edge.replay.clock import ReplayClock  # noqa: PLC0415
    from edge.replay.notes import Notes  # noqa: PLC0415
    from edge.replay.player import play, real_time  # noqa: PLC0415
    from edge.replay.report import report  # noqa: PLC0415

    needs_plates = any(isinstance(one, PlateLane) for one in scene.checkpoints)
    models = open_models(scene.edge, needs_plates=needs_plates)
    clock = ReplayClock()
    config = scene.loaded.config
    zones = moving_zones(scene.checkpoints[0].camera, config.checkpoints, config.scenes)
    pictures = ClipStream(played.clip, clock, sub=played.sub, zones=zones)
    notes = {one.id: Notes(clock) for one in scene.checkpoints}

    def heard(best: float, threshold: float) -> None:
        for one in notes.values():
            one.note(clock.monotonic(), None, What.COMPARED, value=best, limit=threshold)

    with _lists(true, scene, models, lists, heard) as decided_by:
        if played.learn:
            pictures.learn()
        clock.begin()
        pace = real_time(clock.starts_s) if played.speed is Speed.REAL else None
        scenes = _scenes(scene, models, clock.wall())
        came_to = play(pictures, clock, scene.checkpoints, models, decided_by, pace=pace, notes=notes, scenes=scenes)
    # Whose face a video shows is nothing the estate's lists answer: only drawn people are told by name.
    made = report(true, came_to, pictures.seen_in, timed=played.speed is Speed.REAL, names=lists is Lists.TRUTH)
    advice = (*made.advice, pictures.doubt) if pictures.doubt else made.advice
    return dataclasses.replace(made, capture=pictures.counts, advice=advice), pictures.fps


def _scenes(scene: Scene, models: Models, now: datetime) -> ScenePost | None:
    """The lines, lanes and zones of the clip's camera, where the configuration has any."""
    from edge.assembly import make_scenes  # noqa: PLC0415
    from edge.health import Counters  # noqa: PLC0415

    config = scene.loaded.config
    camera = config.camera(scene.checkpoints[0].camera)
    return next(iter(make_scenes([camera], config.scenes, models, Counters(), now)), None)


@contextmanager
def _lists(true: Truth, scene: Scene, models: Models, which: Lists, heard: Heard) -> Iterator[EdgeLists]:
    from edge.replay.setting import drawn_lists, lists_of_edge  # noqa: PLC0415

    if which is Lists.EDGE:
        with lists_of_edge(scene.loaded, scene.edge, models) as own:
            yield own
    else:
        yield drawn_lists(true, models, _portrait, scene.loaded, scene.edge, heard=heard)


def _portrait(drawn_face: int) -> bytes:
    from demo.cast import Stranger  # noqa: PLC0415
    from demo.portraits import portrait_jpeg  # noqa: PLC0415

    return portrait_jpeg(Stranger(face=drawn_face))


def show(made: Report, fps: float, clip: str, console: Console) -> None:
    """The report for people."""
    speed = made.clip_s / made.spent_s if made.spent_s else 0.0
    head = f"  {made.clip_s:.1f} s at {fps:g} frames a second, played in {made.spent_s:.1f} s ({speed:.1f} x)"
    console.print(Text.assemble((clip, "bold"), head))
    console.print()
    for one in made.passes:
        _show_pass(one, fps, console)
    for told in made.extra:
        line = f"{_frame(told.at_s, fps)}  {told.checkpoint}: {_in_words(told)}"
        console.print(Text.assemble(("+ extra " if made.passes else "+ ", "yellow"), line))
    for happened in made.happened:
        what = f"{happened.what} {happened.phase}".replace("_", " ")
        console.print(Text.assemble(("· ", "cyan"), f"{_frame(happened.at_s, fps)}  {happened.where}: {what}"))
    if made.passes:
        _show_results(made, console)
    _show_steps(made, console)
    _show_counts(made, console)
    for line in made.advice:
        console.print(Text.assemble(("→ ", "cyan"), line))


def _show_results(made: Report, console: Console) -> None:
    results = [one.scored.result.value for one in made.passes]
    found = f"{results.count('caught')} of {len(results)} caught"
    rest = f", {results.count('missed')} missed, {results.count('wrong')} wrong, {len(made.extra)} extra"
    console.print()
    console.print(Text.assemble((found, "bold"), rest))


def _show_pass(one: Judged, fps: float, console: Console) -> None:
    scored = one.scored
    mark, colour = _MARKS[scored.result.value]
    true = scored.true
    line = f"{true.name}  {true.from_s:.2f} to {true.to_s:.2f} s"
    after_s = scored.after_s
    if scored.told is None or after_s is None:
        console.print(Text.assemble((f"{mark} ", colour), line))
    else:
        told = f"  {_in_words(scored.told)} {when(after_s)}"
        console.print(Text.assemble((f"{mark} ", colour), line, (told, "" if one.why is None else "red")))
    if one.why is None:
        return
    reached = f"; came as far as: {one.why.reached}" if one.why.reached else ""
    console.print(Text(f"    stopped by: {str(one.why.stopped_by).replace('_', ' ')}{reached}", style="bold"))
    for found in one.why.findings[:_MOST_FINDINGS]:
        console.print(Text(f"    {_finding(found, fps)}", style="dim"))


def when(after_s: float) -> str:
    """Counted from when the truth says that the pass begins, which may be a bit late."""
    return f"after {after_s:.2f} s" if after_s >= 0 else f"{-after_s:.2f} s before it begins"


def _finding(found: Finding, fps: float) -> str:
    figure = "" if found.best is None else f", closest {found.best:.3g}"
    limit = "" if found.limit is None else f" (limit {found.limit:.3g})"
    text = f" {found.text}" if found.text else ""
    name = str(found.what).replace("_", " ")
    return f"{name}: {found.times} x{figure}{limit}{text} at {_frame(found.best_at_s, fps)}"


def _frame(at_s: float, fps: float) -> str:
    return f"{at_s:.2f} s, frame {round(at_s * fps)}"


def _in_words(told: Told) -> str:
    parts = (told.verdict.value, told.reason.value)
    return " ".join([*(part.replace("_", " ") for part in parts), *([told.plate] if told.plate else [])])


def _show_steps(made: Report, console: Console) -> None:
    if not made.steps:
        return
    table = Table("step", "median ms", "p95 ms", box=SIMPLE_HEAD)
    for step in made.steps:
        table.add_row(step.name, f"{step.median_ms:.1f}", f"{step.p95_ms:.1f}")
    console.print(table)


def _show_counts(made: Report, console: Console) -> None:
    """What the watchers counted, and each gate's answers beside it."""
    console.print(Text(f"capture: {', '.join(f'{name} {count}' for name, count in made.capture.items())}"))
    for checkpoint, counts in made.counts.items():
        gates = {name.split(".")[1] for name in counts if name.startswith("gate.")}
        plain = [f"{name} {count}" for name, count in counts.items() if not name.startswith("gate.")]
        console.print(Text(f"{checkpoint}: {', '.join(plain)}"))
        if gates:
            table = Table("gate", "asked", "refused", box=SIMPLE_HEAD)
            for gate in sorted(gates):
                asked, refused = (counts.get(f"gate.{gate}.{what}", 0) for what in ("asked", "refused"))
                table.add_row(gate.replace("_", " "), str(asked), str(refused))
            console.print(table)
