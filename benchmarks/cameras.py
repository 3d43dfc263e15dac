"""How many cameras two cores carry, each busy a tenth of the time, and how long people wait while they do.

    python -m benchmarks.cameras [--quick] [--tries N]

Cameras are drawn scenes (`benchmarks.scenes`) over RTSP from a server of its own (`benchmarks.paced_cameras`), whose
processor time is told apart: gates and lanes in turn, the same films for both sides, each camera at another place of
its loop. The rival is `benchmarks.baseline`, which needs the main stream wherever it is to recognise anybody; with a
sub stream ours is compared with that, and the rival's own attempt on the small stream is told beside it, with what it
misses there.

Both sides are first measured at the same small number of cameras, and then, climbing the same steps, at the largest
number at which no pass is missed and the video keeps coming, server and all on this machine. What two cores carry
without the server is reckoned from what a camera costs at that number, and called so.
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

CORES = 2
ONE_STREAM_GOAL, SUB_STREAM_GOAL = 3.5, 6.0
MEMORY_LIMIT_MB = 40.0
FACE_LIMIT_MS, PLATE_LIMIT_MS = 300.0, 500.0
IDLE_OVERVIEWS, ACTIVE_GATES = 6, 2
STEPS = (6, 8, 10, 12, 14, 16, 18, 20, 23, 26, 29, 32, 36, 40, 44, 48, 53, 58, 64)
QUICK_STEPS = (2, 3, 4)
FILLED = 0.93
"""Of the cores: where the first try lies. A machine fuller than that falls behind now and then."""
KEPT_UP = 0.98


@dataclass(frozen=True, slots=True)
class Carried:
    """What a side carries. few: at the number both were measured at; most: at the largest that stood, None if none
    did; tried: all the numbers of cameras that were."""

    few: Run
    most: Run | None
    tried: tuple[int, ...]

    @property
    def at(self) -> Run:
        return self.few if self.most is None else self.most

    @property
    def without_server(self) -> float:
        """Cameras whose cost, as it was at that number, fills the cores."""
        return CORES / self.at.share

    @property
    def told(self) -> str:
        one = self.at
        stood = f"most that stood: {one.cameras}" if self.most is not None else f"none stood, from {one.cameras} on"
        cost = f"{100 * one.share:.1f} % of a core each, the server {100 * one.server_share:.1f} % more"
        return f"{stood} of {', '.join(map(str, self.tried))} tried; there {cost}, {one.missed} of {one.passes} missed"


def stands(one: Run) -> bool:
    """No pass was missed, and the cameras were listened to in time."""
    return one.missed == 0 and one.kept_up >= KEPT_UP


def likely(few: Run, steps: Sequence[int]) -> int:
    """Index of the largest step that, at the cost measured in ``few``, fills the machine with server and all."""
    fits = [number for number, step in enumerate(steps) if step * (few.share + few.server_share) <= FILLED * CORES]
    return max(fits, default=0)


def climb(few: Run, steps: Sequence[int], tries: int, at: Callable[[int], Run]) -> Carried:
    """Look for the largest of ``steps`` that stands with ``tries`` runs more than ``few``, the first step's.

    From where the cost says: up while it stands, else down until it does.
    """
    runs = {0: few}
    number = likely(few, steps)
    for _ in range(tries):
        if number in runs or not 0 <= number < len(steps):
            break
        runs[number] = at(steps[number])
        number += 1 if stands(runs[number]) else -1
    stood = [one for number, one in sorted(runs.items()) if stands(one)]
    return Carried(few, stood[-1] if stood else None, tuple(steps[number] for number in sorted(runs)))


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
    passes = 2 if quick else 6
    return Clips(
        gate=filmed(Scene(Place.GATE, Kind.WALK, passes=1, busy=0.1)),
        lane=filmed(Scene(Place.LANE, Kind.WALK, passes=1, busy=0.1)),
        active_gate=filmed(Scene(Place.GATE, Kind.WALK, passes=passes, busy=0.6)),
        active_lane=filmed(Scene(Place.LANE, Kind.WALK, passes=passes, busy=0.6)),
    )


def capacity_rows(what: str, ours: Carried, rival: Carried, goal: float) -> list[Row]:
    """How many cameras each carries: reckoned without the server's time, and as it was seen with it."""
    about = f"cameras on {CORES} cores, each busy 10 % of the time, {what}"
    none_missed = ours.most is not None
    reckoned = _beside(
        f"{about}: reckoned from the cost of one at the most that stood, without the server's time "
        f"(peer: as Frigate does, on the main stream). Ours: {ours.told}. Peer: {rival.told}",
        (ours.without_server, rival.without_server),
        f"at least {goal:g} times the peer, no pass missed by ours",
    )
    seen = _beside(
        f"{about}: the most at which none was missed, the server on the same cores (the same peer)",
        (ours.most.cameras if ours.most else 0, rival.most.cameras if rival.most else 0),
        "no goal: the server takes its part",
    )
    few = _beside(
        f"% of a core for a camera busy 10 % of the time, {what}, {ours.few.cameras} cameras on either side (peer: as "
        f"Frigate does, on the main stream; {_missed(ours.few, rival.few)})",
        (100 * ours.few.share, 100 * rival.few.share),
        "no goal: see the row of the most that stood",
        lower_is_better=True,
    )
    return [dataclasses.replace(reckoned, met=none_missed and reckoned.ratio >= goal), seen, few]


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
    """Ours and the peer's, told with no goal of its own."""
    ours, peer = (float(f"{one:.3g}") for one in found)
    ratio = peer / max(ours, 1e-6) if lower_is_better else ours / max(peer, 1.0)
    return Row(what, ours, peer, float(f"{ratio:.3g}"), goal, met=True)


def _missed(ours: Run, rival: Run) -> str:
    return f"ours missed {ours.missed} of {ours.passes}, the peer {rival.missed} of {rival.passes}"


def missed_row(what: str, one: Run) -> Row:
    """Passes missed, of which there may be none."""
    told = f"passes missed, {what}, {one.cameras} cameras, of {one.passes} (told and not so: {one.not_so})"
    return Row(told, float(one.missed), None, 1.0 if one.missed == 0 else 0.0, "none", one.missed == 0)


def memory_row(few: Run, more: Run) -> Row:
    further_mb = (more.measured.rss_mb - few.measured.rss_mb) / (more.cameras - few.cameras)
    what = f"memory of each further camera, {more.cameras} beside {few.cameras}, MB"
    return against_limit(what, ours=max(0.1, further_mb), limit=MEMORY_LIMIT_MB)


def waiting_rows(faces: Run, plates: Run) -> list[Row]:
    """How long those who are admitted wait, and how much of that is ours once the deciding picture is here."""
    about = f"with {ACTIVE_GATES} of them active and {IDLE_OVERVIEWS} overview cameras, p95, ms"
    rows = []
    for name, place, one, limit in (
        ("face", "gate", faces, FACE_LIMIT_MS),
        ("plate", "lane", plates, PLATE_LIMIT_MS),
    ):
        if not one.waits:
            continue
        starts = f"from the first picture sent with the {name} in the zone and, by the script, large enough"
        what = f"{name} at the {place} to open command, {starts}, {about}"
        rows.append(_wait_row(what, one, lambda wait: wait.from_arrival_ms, limit))
        what = f"the deciding picture of a {name} received to open command, {about}"
        rows.append(_wait_row(what, one, lambda wait: wait.from_frame_ms, limit))
    return rows


def _wait_row(what: str, one: Run, of: Callable[[Wait], float], limit: float) -> Row:
    waits = sorted(map(of, one.waits))
    told = f"{what} ({len(waits)} passages, {one.missed} of {one.passes} missed)"
    return against_limit(told, ours=max(0.1, percentile(waits, 0.95)), limit=limit)


def percentile(rising: Sequence[float], share: float) -> float:
    """The value that ``share`` of them do not exceed."""
    return rising[min(len(rising) - 1, int(share * len(rising)))]


def main() -> None:
    """Measure, print, and write `results/cameras.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two to four cameras, little learnt, one try")
    parser.add_argument("--tries", type=int, default=3, help="runs in search of the most that stands (default: 3)")
    asked = parser.parse_args()
    steps = QUICK_STEPS if asked.quick else STEPS
    timing = Timing(8.0, 10.0, 1.0) if asked.quick else Timing(20.0, 22.0, 51.0)
    waiting = timing if asked.quick else Timing(20.0, 22.0, 102.0)
    clips = draw(quick=asked.quick)

    def at(mode: Mode, cameras: int, *, sub: bool = False, only_sub: bool = False) -> Run:
        return run(mode, clips.busy_a_tenth(cameras, sub=sub, only_sub=only_sub), timing)

    few_rival, few_ours, few_sub = at("rival", steps[0]), at("ours", steps[0]), at("ours", steps[0], sub=True)
    small = at("rival", steps[0], only_sub=True)
    tries = 1 if asked.quick else asked.tries
    rival = climb(few_rival, steps, tries, lambda cameras: at("rival", cameras))
    ours = climb(few_ours, steps, tries, lambda cameras: at("ours", cameras))
    sub = climb(few_sub, steps, tries, lambda cameras: at("ours", cameras, sub=True))
    rows = capacity_rows("one stream", ours, rival, ONE_STREAM_GOAL)
    rows += capacity_rows("with a 640x360 sub stream", sub, rival, SUB_STREAM_GOAL)
    rows.append(small_stream_row(few_sub, small))
    rows += [missed_row("one stream", ours.at), missed_row("with a sub stream", sub.at)]
    if ours.at.cameras > few_ours.cameras:
        rows.append(memory_row(few_ours, ours.at))
    faces, plates = (run("ours", clips.under_load(one), waiting) for one in (clips.active_gate, clips.active_lane))
    write("cameras", rows + waiting_rows(faces, plates), quick=asked.quick)


if __name__ == "__main__":
    main()
