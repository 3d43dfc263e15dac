"""All of Anju on one machine: drawn streams, broker, core, API, edge; people enrolled, watched, checked, ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from core.contract.config_file import load_config
from core.contract.ids import CameraId, SubjectKey
from core.contract.signed import QrPass, sign_pass
from core.keys import load_or_create_signing_key
from demo import cast as casting
from demo.client import Client, LiveListener
from demo.clips import render_clips
from demo.moving_in import move_in
from demo.observed import read_observed
from demo.processes import DemoError, Tree, listens, wait_until
from demo.report import Report, judge, latencies
from demo.script import LANE_CAMERA, Script, make_script
from demo.site import Site, cache_folder, prepare
from demo.story import Story
from demo.truth import occurrences

START_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 45.0
OUTAGE_S = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """``seconds`` None: until ctrl-C. ``plates``: the plate detector's licence was accepted."""

    seed: int = 1
    seconds: float | None = None
    report: Path | None = None
    browser: bool = True
    chaos: bool = False
    plates: bool = True


class _Interrupted:
    """Ctrl-C or SIGTERM ends the watching, not the tidying up."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    @contextmanager
    def listening(self) -> Iterator[None]:
        before = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run_demo(options: Options, console: Console) -> bool:
    """Run the demo; True when everything came out as the script says. Raises DemoError when it can't run."""
    cache = cache_folder()
    cast = casting.make_cast(options.seed)
    script = make_script(cast, options.seed)
    clips = _draw(cast, script, cache, console)
    site = prepare(cache)
    tree = Tree(site.logs)
    interrupted = _Interrupted()
    try:
        with interrupted.listening():
            token = _start(site, tree, clips, console)
            report = _play(site, tree, token, cast, script, options, console, interrupted)
    except DemoError:
        console.print(f"[dim]logs are kept in {site.logs}[/dim]")
        tree.stop()
        raise
    tree.stop()
    site.remove()
    _show(report, console)
    if options.report is not None:
        options.report.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
        console.print(f"report: {options.report}")
    return report.right


def _draw(cast: casting.Cast, script: Script, cache: Path, console: Console) -> Path:
    """The clips of this seed, drawn now if they are not there yet. The folder they lie in."""
    key = load_or_create_signing_key(cache / "signing.key")
    texts: dict[SubjectKey, str] = {
        person.subject: sign_pass(
            QrPass(person.qr_pass.pass_id, person.subject, person.qr_pass.valid_from, person.qr_pass.valid_until), key
        )
        for person in cast.residents
        if person.qr_pass is not None
    }
    folder = cache / f"clips-{cast.seed}"
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bars: dict[CameraId, object] = {}

        def show(camera: CameraId, share: float) -> None:
            if camera not in bars:
                bars[camera] = progress.add_task(f"drawing {camera}", total=1.0)
            progress.update(bars[camera], completed=share)  # type: ignore[arg-type]

        render_clips(cast, script, texts, folder, show)
    return folder


def _start(site: Site, tree: Tree, clips: Path, console: Console) -> str:
    """Every process, in the order they need each other. A service token for the demo itself."""
    with console.status("starting broker, streams, core, pages and edge"):
        config = str(site.config)
        tree.start("broker", site.anju("broker", "--config", config))
        streams = ["--folder", str(clips), "--port", str(site.rtsp_port), "--served", str(site.served)]
        tree.start("streams", [sys.executable, "-m", "demo.stream", *streams])
        wait_until("the broker", lambda: listens(site.broker_port), START_TIMEOUT_S, tree.check)
        wait_until("the camera streams", lambda: listens(site.rtsp_port), START_TIMEOUT_S, tree.check)
        made = _said(site.anju("api", "token", "create", "--config", config, "--name", "demo", "--role", "administrator", "--json"))
        tree.start("core", site.anju("core", "--config", config))
        tree.start("api", site.anju("api", "--config", config))
        wait_until("the pages", lambda: listens(site.api_port), START_TIMEOUT_S, tree.check)
        tree.start("edge", site.anju("edge", "--config", config, "--id", site.edge))
    return str(json.loads(made)["token"])


def _said(command: list[str]) -> str:
    """Standard output of a short command. Raises DemoError with what it complained about."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise DemoError(f"{' '.join(command[2:])}: {done.stderr.strip()[-1000:]}")
    return done.stdout.strip()


def _play(
    site: Site,
    tree: Tree,
    token: str,
    cast: casting.Cast,
    script: Script,
    options: Options,
    console: Console,
    interrupted: _Interrupted,
) -> Report:
    client = Client(site.base_url, token)
    story = Story(load_config(site.config).config, console)
    listener = LiveListener(site.base_url, token, story.tell)
    try:
        fingerprint = _said(site.anju("edge", "key", "--config", str(site.config), "--id", site.edge))
        with console.status("people move in: consent, enrolment at the edge, passes, vehicles"):
            move_in(client, cast, site.edge, fingerprint, tree.check)
        listener.start()
        began = time.time()
        _welcome(site, options, console)
        _watch(tree, options, interrupted, console)
        ended = time.time()
        with console.status("letting everything arrive"):
            _drain(client, tree, site.edge)
    finally:
        listener.stop()
        client.close()
    tree.stop()
    happened = occurrences(script, site.served, began, ended)
    expected = [one for one in happened if options.plates or one.act.camera != LANE_CAMERA]
    observed = read_observed(load_config(site.config))
    visible = {told.payload["id"]: told.arrived_at for told in listener.told if told.kind == "alert"}
    return Report(
        seed=options.seed,
        seconds=round(ended - began, 1),
        chaos=options.chaos,
        kinds=judge(expected, observed),
        lost=observed.lost,
        doubled=observed.doubled,
        latency_ms=latencies(observed, visible),
    )


def _welcome(site: Site, options: Options, console: Console) -> None:
    """Where to look, and how to get in: the one-time link the API printed when it started."""
    log = (site.logs / "api.log").read_text(encoding="utf-8", errors="replace")
    link = next((word for word in log.split() if "/setup#token=" in word), site.base_url)
    console.rule("[bold]安居 Anju is running")
    console.print(f"Control room: [bold]{link}[/bold]\n(the link makes the first account, once; then {site.base_url})")
    ending = "ctrl-C ends everything" if options.seconds is None else f"ends by itself after {options.seconds:.0f} s"
    console.print(f"[dim]{ending}; what happens is told here as well[/dim]\n")
    if options.browser:
        webbrowser.open(link)


def _watch(tree: Tree, options: Options, interrupted: _Interrupted, console: Console) -> None:
    """Until the time is over or somebody ends it; with chaos, the broker and the core are killed once on the way."""
    began = time.monotonic()
    span = options.seconds or 60.0
    accidents = [(span / 3, "broker"), (span * 2 / 3, "core")] if options.chaos else []
    while not interrupted.asked and (options.seconds is None or time.monotonic() - began < options.seconds):
        if accidents and time.monotonic() - began > accidents[0][0]:
            _, victim = accidents.pop(0)
            console.print(f"[bold red]chaos: {victim} killed[/bold red]")
            tree[victim].kill()
            time.sleep(OUTAGE_S)
            tree[victim].start()
            console.print(f"[bold green]chaos: {victim} started again[/bold green]")
        tree.check()
        time.sleep(0.1)


def _drain(client: Client, tree: Tree, edge: str) -> None:
    """End the streams, then wait until the edge says that its outbox is empty. Raises DemoError when it stays full."""
    tree["streams"].stop()
    ended = time.time()

    def empty() -> bool:
        row = client.edge(edge)
        told = casting.datetime.fromisoformat(row["state_at"]).timestamp() if row["state_at"] else 0.0
        return told > ended + 1.0 and row["outbox_rows"] == 0

    wait_until("an empty outbox at the edge", empty, DRAIN_TIMEOUT_S, lambda: None)


def _show(report: Report, console: Console) -> None:
    table = Table(title=f"seed {report.seed}, {report.seconds:.0f} s" + (", with chaos" if report.chaos else ""))
    for heading in ("what", "expected", "caught", "wrong"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for kind, count in report.kinds.items():
        style = None if count.caught == count.expected and not count.wrong else "bold red"
        table.add_row(kind, str(count.expected), str(count.caught), str(count.wrong), style=style)
    console.print(table)
    console.print(f"events lost: {report.lost}   doubled: {report.doubled}")
    steps = Table(title="latency, ms")
    for heading in ("step", "p50", "p95"):
        steps.add_column(heading, justify="left" if heading == "step" else "right")
    for step, taken in report.latency_ms.items():
        steps.add_row(step, f"{taken.p50:.1f}", f"{taken.p95:.1f}")
    console.print(steps)
    console.print("[bold green]as the script says[/bold green]" if report.right else "[bold red]not as the script says[/bold red]")
