"""What a camera costs that is busy a tenth of the time, how many two cores carry, and how long people wait meanwhile.

    python -m benchmarks.cameras [--quick] [--tries N]

Cameras are drawn scenes (`benchmarks.scenes`) over RTSP from a server of its own (`benchmarks.paced_cameras`), whose
processor time is told apart: gates and lanes in turn, the same films for both sides, each camera at another place of
its loop. Where costs are measured cameras are past their proof (`edge.capture.judge`), as after five passes; where
waiting is, they have everything to prove, as after a start, and are decoded as a whole if they don't.

The rival is `benchmarks.baseline` on the main stream, where it recognises best. With a sub stream the goal is against
that same rival; Frigate would look at the sub stream then, and what it costs and misses there is told beside.

The goals are kept on what a camera costs with the same number of cameras on both sides, few enough for neither to fall
behind; what else an edge does (conditions, scenes, disk, broker) runs on neither side. How many two cores carry, server
and all, is told without a goal: the largest number at which none of our passes was missed, and again none in another
run, so that it is no lucky one. The rival's needs no second run.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.camera_runs import Mode, Run, Shown, Timing, Wait, run
from benchmarks.report import Row, against_limit, write
from benchmarks.scene_films import Kind, Place
from benchmarks.scenes import Filmed, Scene, filmed
from edge.capture.judge import PROOF

CORES = 2
ONE_STREAM_GOAL, SUB_STREAM_GOAL = 3.5, 6.0
MEMORY_LIMIT_MB = 40.0
FACE_LIMIT_MS, PLATE_LIMIT_MS = 300.0, 500.0
IDLE_OVERVIEWS, ACTIVE_GATES = 6, 2
STEPS = (8, 10, 12, 14, 16, 18, 20, 23, 26, 29, 32, 36, 40, 44, 48, 53, 58, 64)
QUICK_STEPS = (3, 4, 5)
FEWEST = 2
"""A gate and a lane, beside whose memory that of each further camera is told."""
FILLED = 0.85
"""Of the cores: where the first try lies. A machine much fuller than that falls behind now and then."""
KEPT_UP = 0.98


@dataclass(frozen=True, slots=True)
class Carried:
    """Every run of one side, in the order they were made; the first is at the number both sides were measured at.

    confirmed: of those, the one at the largest number that stood and then stood again; see `confirm`.
    """

    runs: tuple[Run, ...]
    confirmed: Run | None = None

    @property
    def few(self) -> Run:
        return self.runs[0]

    @property
    def stood(self) -> Run | None:
        """The largest that stood in any run."""
        return max(filter(stands, self.runs), key=lambda one: one.cameras, default=None)

    @property
    def told(self) -> str:
        return ", ".join(f"{one.cameras} ({one.missed} of {one.passes} missed{_late(one)})" for one in self.runs)


def _late(one: Run) -> str:
    return "" if one.kept_up >= KEPT_UP else ", fell behind"


def stands(one: Run) -> bool:
    """No pass was missed, and the cameras were listened to in time."""
    return one.missed == 0 and one.kept_up >= KEPT_UP


def likely(few: Run, steps: Sequence[int]) -> int:
    """Index of the largest step that, at the cost measured in ``few``, fills the machine with server and all."""
    fits = [number for number, step in enumerate(steps) if step * (few.share + few.server_share) <= FILLED * CORES]
    return max(fits, default=0)


def climb(few: Run, steps: Sequence[int], tries: int, at: Callable[[int], Run]) -> Carried:
    """Look for the largest of ``steps`` that stands with up to ``tries`` runs more than ``few``, the first step's.

    From where the cost says, but always one more than ``few``: up while it stands, else down by two until it does.
    """
    runs = {0: few}
    number = max(1, likely(few, steps))
    for _ in range(tries):
        if number in runs or not number < len(steps):
            break
        runs[number] = at(steps[number])
        number = number + 1 if stands(runs[number]) else max(1, number - 2)
    return Carried(tuple(runs.values()))


def confirm(found: Carried, at: Callable[[int], Run]) -> Carried:
    """Run the largest number that stood once more: it was chosen for having stood, the second run was not.

    Where it does not stand again the first step counts, whose number was chosen before anything was measured.
    """
    chosen = found.stood
    if chosen is None or chosen is found.few:
        return Carried(found.runs, chosen)
    again = at(chosen.cameras)
    first = found.few if stands(found.few) else None
    return Carried((*found.runs, again), again if stands(again) else first)


@dataclass(frozen=True, slots=True)
class Clips:
    """gate, lane: busy a tenth of the time; active: a gate with somebody most of the time, and such a lane."""

    gate: Filmed
    lane: Filmed
    active_gate: Filmed
    active_lane: Filmed

    def busy_a_tenth(self, cameras: int, *, sub: bool = False, only_sub: bool = False) -> list[Shown]:
        """Gates and lanes in turn."""
        return [Shown(self.lane if number % 2 else self.gate, sub, only_sub) for number in range(cameras)]

    def under_load(self, active: Filmed) -> list[Shown]:
        """Two places where somebody is, and six overview cameras."""
        overview = [Shown(self.gate, decides=False)] * IDLE_OVERVIEWS
        return [Shown(active)] * ACTIVE_GATES + overview


def draw(*, quick: bool) -> Clips:
    passes, turns = (2, 1) if quick else (6, 2)
    return Clips(
        gate=filmed(Scene(Place.GATE, Kind.WALK, passes=turns, busy=0.1)),
        lane=filmed(Scene(Place.LANE, Kind.WALK, passes=turns, busy=0.1)),
        active_gate=filmed(Scene(Place.GATE, Kind.WALK, passes=passes, busy=0.6)),
        active_lane=filmed(Scene(Place.LANE, Kind.WALK, passes=passes, busy=0.6)),
    )


def cost_row(what: str, ours: Run, rival: Run, goal: float) -> Row:
    """What a camera costs either side with as many cameras: the goal is on this one."""
    cores = f"{CORES / ours.share:.0f} of them would fill {CORES} cores, of the peer's {CORES / rival.share:.0f}"
    made = _beside(
        f"% of a core for a camera busy 10 % of the time, {what}, {ours.cameras} cameras on either side, without the "
        f"server's time ({_server(ours)}); {cores} (peer: as Frigate does, on the main stream; {_missed(ours, rival)})",
        (100 * ours.share, 100 * rival.share),
        f"at most 1/{goal:g} of the peer's, no pass missed by ours, neither falls behind",
        lower_is_better=True,
    )
    sound = ours.missed == 0 and min(ours.kept_up, rival.kept_up) >= KEPT_UP
    return dataclasses.replace(made, met=sound and made.ratio is not None and made.ratio >= goal)


def most_row(what: str, ours: Carried, rival: Carried) -> Row:
    """How many cameras each carried at most, server and all."""
    most = [0 if one is None else one.cameras for one in (ours.confirmed, rival.stood)]
    return _beside(
        f"cameras on {CORES} cores, each busy 10 % of the time, {what}: the most at which no pass was missed, nor in "
        f"another run, the server on the same cores. Runs: {ours.told}. Peer, as Frigate does, on the main stream, "
        f"without another run: {rival.told}",
        (most[0], most[1]),
        "no goal: the server takes its part, and the two are full differently",
    )


def small_stream_row(ours: Run, rival: Run) -> Row:
    """What the rival saves where it looks at the small stream alone, and what it misses then."""
    what = f"% of a core for a camera busy 10 % of the time, with a sub stream, {ours.cameras} cameras on either side"
    return _beside(
        f"{what} (peer: as Frigate does, on the sub stream alone; {_missed(ours, rival)})",
        (100 * ours.share, 100 * rival.share),
        "no goal: it recognises less",
        lower_is_better=True,
    )


def _beside(what: str, found: tuple[float, float], goal: str, *, lower_is_better: bool = False) -> Row:
    """Ours and the peer's, with no goal that could be met."""
    ours, peer = (float(f"{one:.3g}") for one in found)
    if peer == 0:
        return Row(what, ours, peer, None, goal, met=None)
    ratio = peer / max(ours, 1e-6) if lower_is_better else ours / peer
    return Row(what, ours, peer, float(f"{ratio:.3g}"), goal, met=None)


def _missed(ours: Run, rival: Run) -> str:
    missed = f"ours missed {ours.missed} of {ours.passes}, the peer {rival.missed} of {rival.passes}"
    behind = [who for who, one in (("ours", ours), ("the peer", rival)) if _late(one)]
    return f"{missed}; {' and '.join(behind)} fell behind" if behind else missed


def _server(one: Run) -> str:
    return f"{100 * one.server_share:.2g} % more for each camera"


def missed_row(what: str, found: Carried) -> Row:
    """Passes missed in every run with no more cameras than are said to be carried, of which there may be none."""
    carried = found.few if found.confirmed is None else found.confirmed
    runs = [one for one in found.runs if one.cameras <= carried.cameras]
    missed, passes = sum(one.missed for one in runs), sum(one.passes for one in runs)
    not_so = sum(one.not_so for one in runs)
    numbers = ", ".join(str(one.cameras) for one in runs)
    told = f"passes missed, {what}, in all runs up to {carried.cameras} cameras ({numbers}), of {passes}"
    # None of n: with 95 % confidence fewer than one in n/3 (the rule of three).
    bound = f"; none of so many: under {300 / passes:.0f} % with 95 % confidence" if passes and not missed else ""
    return Row(
        f"{told} (told and not so: {not_so}{bound})", missed, None, 1.0 if missed == 0 else 0.0, "none", missed == 0
    )


def memory_row(least: Run, found: Carried) -> Row:
    """Of the most that were carried; one that falls behind holds pictures that nobody has had time for."""
    more = found.few if found.confirmed is None else found.confirmed
    further_mb = (more.measured.rss_mb - least.measured.rss_mb) / (more.cameras - least.cameras)
    what = f"memory of each further camera, {more.cameras} beside {least.cameras}, MB"
    return against_limit(what, ours=max(0.1, further_mb), limit=MEMORY_LIMIT_MB)


def waiting_rows(faces: Run, plates: Run) -> list[Row]:
    """How long those who are to be admitted wait, and how much of that is ours once the deciding picture is here."""
    about = f"with {ACTIVE_GATES} of them active and {IDLE_OVERVIEWS} overview cameras, p95, ms"
    rows = []
    for name, place, one, limit in (
        ("face", "gate", faces, FACE_LIMIT_MS),
        ("plate", "lane", plates, PLATE_LIMIT_MS),
    ):
        starts = f"from the first picture sent with the {name} in the zone and, by the script, large enough"
        what = f"{name} at the {place} to open command, {starts}, {about}"
        rows.append(_wait_row(what, one, lambda wait: wait.from_arrival_ms, limit))
        what = f"the deciding picture of a {name} received to open command, {about}"
        rows.append(_wait_row(what, one, lambda wait: wait.from_frame_ms, limit))
    return rows


def _wait_row(what: str, one: Run, of: Callable[[Wait], float], limit: float) -> Row:
    """A pass that should have opened and did not is missing from the figure: the goal is not met then."""
    waits = sorted(map(of, one.waits))
    unanswered = one.to_be_admitted - len(waits)
    told = f"{what} (of {len(waits)} passes with a command; {unanswered} more should have had one)"
    goal = f"at most {limit:g}, and none of them without a command"
    if not waits:
        return Row(told, None, None, 0.0, goal, met=False)
    made = against_limit(told, ours=max(0.1, percentile(waits, 0.95)), limit=limit)
    return dataclasses.replace(made, goal=goal, met=made.met and unanswered == 0)


def percentile(rising: Sequence[float], share: float) -> float:
    """The value that ``share`` of them do not exceed."""
    return rising[min(len(rising) - 1, int(share * len(rising)))]


def main() -> None:
    """Measure, print, and write `results/cameras.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three to five cameras, little learnt, one try")
    parser.add_argument("--tries", type=int, default=4, help="runs in search of the most that stands (default: 4)")
    asked = parser.parse_args()
    steps = QUICK_STEPS if asked.quick else STEPS
    timing = Timing(8.0, 10.0, 1.0) if asked.quick else Timing(20.0, 22.0, 51.0)
    waiting = dataclasses.replace(timing if asked.quick else Timing(20.0, 22.0, 102.0), proof=PROOF)
    clips = draw(quick=asked.quick)

    def at(mode: Mode, cameras: int, *, sub: bool = False, only_sub: bool = False) -> Run:
        return run(mode, clips.busy_a_tenth(cameras, sub=sub, only_sub=only_sub), timing)

    tries = 1 if asked.quick else asked.tries

    def carried(*, sub: bool) -> Carried:
        def with_ours(cameras: int) -> Run:
            return at("ours", cameras, sub=sub)

        return confirm(climb(with_ours(steps[0]), steps, tries, with_ours), with_ours)

    rival = climb(at("rival", steps[0]), steps, tries, lambda cameras: at("rival", cameras))
    small = at("rival", steps[0], only_sub=True)
    one, two = carried(sub=False), carried(sub=True)
    sub_stream = "with a 640x360 sub stream"
    rows = [
        cost_row("one stream", one.few, rival.few, ONE_STREAM_GOAL),
        cost_row(sub_stream, two.few, rival.few, SUB_STREAM_GOAL),
        small_stream_row(two.few, small),
        most_row("one stream", one, rival),
        most_row(sub_stream, two, rival),
        missed_row("one stream", one),
        missed_row("with a sub stream", two),
        memory_row(at("ours", FEWEST), one),
    ]
    faces, plates = (run("ours", clips.under_load(one), waiting) for one in (clips.active_gate, clips.active_lane))
    write("cameras", rows + waiting_rows(faces, plates), quick=asked.quick)


if __name__ == "__main__":
    main()
