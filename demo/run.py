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
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from core.contract.config_file import load_config
from core.contract.ids import CameraId, SubjectKey
from core.contract.signed import QrPass, sign_pass
from core.keys import load_or_create_signing_key
from demo import cast as casting
from demo.client import Client, LiveListener, moment
from demo.clips import render_clips
from demo.moving_in import move_in
from demo.observed import read_observed
from demo.processes import DemoError, Tree, listens, wait_until
from demo.report import Report, judge, latencies
from demo.script import Script, make_script
from demo.site import Site, cache_folder, one_at_a_time, prepare
from demo.story import Story
from demo.truth import occurrences

START_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 45.0
OUTAGE_S = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """``seconds`` None: until ctrl-C."""

    seed: int = 1
    seconds: float | None = None
    report: Path | None = None
    browser: bool = True
    chaos: bool = False


class _Interrupted:
    """Ctrl-C or SIGTERM: while people watch it ends the watching, and everything is still counted; else it ends all."""

    def __init__(self) -> None:
        self.asked = False
        self._watching = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked or not self._watching:
            raise KeyboardInterrupt
        self.asked = True

    @contextmanager
    def listening(self) -> Iterator[None]:
        before = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._watching = True
        try:
            yield
        finally:
            self._watching = False


def run_demo(options: Options, console: Console) -> bool:
    """Run the demo; True when everything came out as the script says.

    Raises DemoError when it can't run, KeyboardInterrupt when it was ended before there was anything to watch; then,
    too, nothing of it goes on running.
    """
    interrupted = _Interrupted()
    with interrupted.listening():
        report = _play_on_a_fresh_site(options, console, interrupted)
    _show(report, console)
    if options.report is not None:
        options.report.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
        console.print(f"report: {options.report}")
    return report.right


def _play_on_a_fresh_site(options: Options, console: Console, interrupted: _Interrupted) -> Report:
    cache = cache_folder()
    cast = casting.make_cast(options.seed)
    script = make_script(cast, options.seed)
    clips = _draw(cast, script, cache, console)
    with one_at_a_time(cache):
        site = prepare(cache)
        run = _Run(options, console, cast, script, site, Tree(site.logs), interrupted)
        with run.ended():
            token = run.start(clips)
    with run.ended():
        report = run.play(token)
    run.tree.stop()
    site.remove()
    return report


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
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars: dict[CameraId, TaskID] = {}

        def show(camera: CameraId, share: float) -> None:
            if camera not in bars:
                bars[camera] = progress.add_task(f"drawing {camera}", total=1.0)
            progress.update(bars[camera], completed=share)

        render_clips(cast, script, texts, folder, show)
    return folder


@dataclass
class _Run:
    """One run: its place, its processes, and what it has been asked to do."""

    options: Options
    console: Console
    cast: casting.Cast
    script: Script
    site: Site
    tree: Tree
    interrupted: _Interrupted

    @contextmanager
    def ended(self) -> Iterator[None]:
        """When what is done in here fails, nothing goes on running and only the logs stay; at ctrl-C nothing does."""
        try:
            yield
        except KeyboardInterrupt:
            self.tree.stop()
            self.site.remove()
            raise
        except BaseException:
            self.tree.stop()
            self.site.forget()
            self.console.print(f"[dim]logs are kept in {self.site.logs}[/dim]")
            raise

    def start(self, clips: Path) -> str:
        """Every process, in the order they need each other. A service token for the demo itself."""
        site, tree, config = self.site, self.tree, str(self.site.config)
        with self.console.status("starting broker, streams, core, pages and edge"):
            tree.start("broker", site.anju("broker", "--config", config))
            streams = ["--folder", str(clips), "--port", str(site.rtsp_port), "--served", str(site.served)]
            tree.start("streams", [sys.executable, "-m", "demo.stream", *streams])
            wait_until("the broker", lambda: listens(site.broker_port), START_TIMEOUT_S, tree.check)
            wait_until("the camera streams", lambda: listens(site.rtsp_port), START_TIMEOUT_S, tree.check)
            token = ["--name", "demo", "--role", "administrator", "--days", "1", "--json"]
            made = json.loads(_said(site.anju("api", "token", "create", "--config", config, *token)))
            tree.start("core", site.anju("core", "--config", config))
            tree.start("api", site.anju("api", "--config", config))
            wait_until("the pages", lambda: listens(site.api_port), START_TIMEOUT_S, tree.check)
            tree.start("edge", site.anju("edge", "--config", config, "--id", site.edge))
            wait_until("the edge's enrolment endpoint", lambda: listens(site.enrol_port), START_TIMEOUT_S, tree.check)
        return str(made["token"])

    def play(self, token: str) -> Report:
        """People move in, the demo is watched until its end, and everything is counted."""
        client = Client(self.site.base_url, token)
        story = Story(load_config(self.site.config).config, self.console)
        listener = LiveListener(self.site.base_url, token, story.tell)
        try:
            key = _said(self.site.anju("edge", "key", "--config", str(self.site.config), "--id", self.site.edge))
            with self.console.status("people move in: consent, enrolment at the edge, passes, vehicles"):
                move_in(client, self.cast, self.site.edge, key, self.tree.check)
            listener.start()
            began = time.time()
            self._welcome()
            with self.interrupted.watching():
                self._watch()
            ended = time.time()
            with self.console.status("letting everything arrive"):
                self._drain(client)
        finally:
            listener.stop()
            client.close()
        self.tree.stop()
        return self._count(began, ended, listener)

    def _count(self, began: float, ended: float, listener: LiveListener) -> Report:
        expected = occurrences(self.script, self.site.served, began, ended)
        observed = read_observed(load_config(self.site.config)).since(began)
        visible = {told.payload["id"]: told.arrived_at for told in listener.told if told.kind == "alert"}
        kinds, findings = judge(expected, observed)
        return Report(
            seed=self.options.seed,
            seconds=round(ended - began, 1),
            chaos=self.options.chaos,
            kinds=kinds,
            findings=findings,
            lost=observed.lost,
            doubled=observed.doubled,
            latency_ms=latencies(observed, visible),
        )

    def _welcome(self) -> None:
        """Where to look, and how to get in: the one-time link the API printed when it started."""
        log = (self.site.logs / "api.log").read_text(encoding="utf-8", errors="replace")
        link = next((word for word in log.split() if "/setup#token=" in word), self.site.base_url)
        seconds = self.options.seconds
        ending = "ctrl-C ends everything" if seconds is None else f"ends by itself after {seconds:.0f} s"
        self.console.rule("[bold]安居 Anju is running")
        self.console.print(f"Control room: [bold]{link}[/bold]", soft_wrap=True)
        self.console.print(f"(the link makes the first account, once; later {self.site.base_url})")
        self.console.print(f"[dim]{ending}; what happens is told here as well[/dim]")
        self.console.print("[dim]enrol or withdraw whom you like: the final table then knows less than you do[/dim]\n")
        if self.options.browser:
            webbrowser.open(link)

    def _watch(self) -> None:
        """Until the time is over or somebody ends it; with chaos, broker and core are killed once on the way."""
        began = time.monotonic()
        span = self.options.seconds or 60.0
        accidents = [(span / 3, "broker"), (span * 2 / 3, "core")] if self.options.chaos else []
        while not self.interrupted.asked:
            elapsed = time.monotonic() - began
            if self.options.seconds is not None and elapsed >= self.options.seconds:
                return
            if accidents and elapsed > accidents[0][0]:
                self._accident(accidents.pop(0)[1])
            self.tree.check()
            time.sleep(0.1)

    def _accident(self, victim: str) -> None:
        self.console.print(f"[bold red]chaos: {victim} killed[/bold red]")
        self.tree[victim].kill()
        time.sleep(OUTAGE_S)
        self.tree[victim].start()
        self.console.print(f"[bold green]chaos: {victim} started again[/bold green]")

    def _drain(self, client: Client) -> None:
        """End the streams and wait until the edge says that its outbox is empty. Raises DemoError."""
        self.tree["streams"].stop()
        ended = time.time()

        def empty() -> bool:
            row = client.edge(self.site.edge)
            told = moment(row["state_at"]) if row["state_at"] else 0.0
            return told > ended + 1.0 and row["outbox_rows"] == 0

        wait_until("an empty outbox at the edge", empty, DRAIN_TIMEOUT_S, lambda: None)


def _said(command: list[str]) -> str:
    """Standard output of a short command. Raises DemoError with what it complained about."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise DemoError(
            f"{' '.join(command[2:])}: no answer within {START_TIMEOUT_S:.0f} s; is this machine too busy?"
        ) from None
    if done.returncode != 0:
        raise DemoError(f"{' '.join(command[2:])}: {done.stderr.strip()[-1000:]}")
    return done.stdout.strip()


def _show(report: Report, console: Console) -> None:
    table = Table(title=f"seed {report.seed}, {report.seconds:.0f} s" + (", with chaos" if report.chaos else ""))
    for heading in ("what", "expected", "caught", "wrong"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for kind, count in report.kinds.items():
        style = None if count.caught == count.expected and not count.wrong else "bold red"
        table.add_row(kind, str(count.expected), str(count.caught), str(count.wrong), style=style)
    console.print(table)
    for finding in report.findings:
        console.print(f"[red]- {finding}[/red]")
    if report.overloaded:
        console.print(
            "[yellow]this machine was too busy: pictures waited for processor time, and some were dropped[/yellow]"
        )
    console.print(f"events lost: {report.lost}   doubled: {report.doubled}")
    steps = Table(title="latency, ms")
    for heading in ("step", "p50", "p95"):
        steps.add_column(heading, justify="left" if heading == "step" else "right")
    for step, taken in report.latency_ms.items():
        steps.add_row(step, f"{taken.p50:.1f}", f"{taken.p95:.1f}")
    console.print(steps)
    console.print(
        "[bold green]as the script says[/bold green]" if report.right else "[bold red]not as the script says[/bold red]"
    )
