"""Passes caught, scene by scene: our pipeline beside one that decodes everything and detects as Frigate does.

    python -m benchmarks.passes [--quick] [--seeds N] [--passes N] [--why]

Both get the same drawn clips (`benchmarks.scenes`), the same models and the same thresholds, offline: nobody is ever
late, so what is missed is missed by the pipeline, not by the machine. Draws its scenes at the first run.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import structlog

from benchmarks.pipelines import Outcome, Runners, enrolled, run_ours, run_rival
from benchmarks.report import Row, write
from benchmarks.scene_films import Kind, Place
from benchmarks.scenes import SCENES, Filmed, Rate, Scene, filmed
from edge.replay.score import Result

OVERALL = 0.99
BUSY = 0.25
"""Quiet for most of the time, as a gate is: a stream's usual packets are those of an empty scene."""
QUICK = ((Place.GATE, Kind.WALK), (Place.GATE, Kind.RUN), (Place.DOOR, Kind.WALK), (Place.LANE, Kind.QUEUE))


@dataclass(frozen=True, slots=True)
class Caught:
    """Of one scene, both pipelines."""

    clip: Filmed
    ours: Outcome
    rival: Outcome


def compare(scene: Scene, runners: Runners) -> Caught:
    """Both pipelines over one scene."""
    clip = filmed(scene)
    faces = enrolled(clip.truth, runners)
    return Caught(
        clip, run_ours(clip.main, clip.truth, faces, runners), run_rival(clip.main, clip.truth, faces, runners)
    )


def caught(outcomes: Sequence[Outcome]) -> int:
    return sum(len(one.score.of(Result.CAUGHT)) for one in outcomes)


def wrongly_told(outcomes: Sequence[Outcome]) -> int:
    """Passages told that are not what happened."""
    return sum(len(one.score.of(Result.WRONG)) + len(one.score.extra) for one in outcomes)


def rows(found: Sequence[Caught]) -> list[Row]:
    """One line a kind of scene, then all of them together."""
    told = []
    kinds = dict.fromkeys((one.clip.scene.place, one.clip.scene.kind) for one in found)
    for place, kind in kinds:
        of_kind = [one for one in found if (one.clip.scene.place, one.clip.scene.kind) == (place, kind)]
        told.append(_row(f"{place}, {kind}", of_kind, at_least=0.0))
    told.append(_row("all scenes", found, at_least=OVERALL))
    return told


def _row(what: str, found: Sequence[Caught], *, at_least: float) -> Row:
    passes = sum(len(one.clip.truth.passes) for one in found)
    ours, rival = [one.ours for one in found], [one.rival for one in found]
    wrong = f"told wrongly: {wrongly_told(ours)}, as Frigate does {wrongly_told(rival)}"
    cpu = f"{sum(one.cpu_s for one in rival) / max(1e-9, sum(one.cpu_s for one in ours)):.1f} x its processor time"
    mine, peers = caught(ours), caught(rival)
    goal = "no fewer than the peer, no more told wrongly" + (f", at least {at_least:.0%} of all" if at_least else "")
    return Row(
        what=f"passes caught, {what}, of {passes} ({wrong}; it takes {cpu})",
        ours=mine,
        peer=peers,
        ratio=float(f"{mine / max(1, peers):.3g}"),
        goal=goal,
        met=mine >= peers and mine >= at_least * passes and wrongly_told(ours) <= wrongly_told(rival),
    )


def tell_why(found: Sequence[Caught]) -> None:
    """What our pipeline missed, and why."""
    for one in found:
        made = one.ours.report
        assert made is not None
        for judged in made.passes:
            if judged.why is not None:
                gates = ", ".join(f"{gate.what} {gate.times}x" for gate in judged.why.findings[:3])
                name = f"{one.clip.main.name}: {judged.scored.true.name}"
                print(f"{name} {judged.scored.result}: stopped by {judged.why.stopped_by} ({gates})")
        for line in made.advice:
            print(f"  {line}")


def main() -> None:
    """Measure, print, and write `results/passes.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="four kinds of scenes, short and busy, two passes each")
    parser.add_argument("--seeds", type=int, default=2, help="casts and drawings of each scene (default: 2)")
    parser.add_argument("--passes", type=int, default=4, help="passes in each scene (default: 4)")
    parser.add_argument("--why", action="store_true", help="say why ours missed what it missed")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    runners = Runners()
    scenes = [
        Scene(place, kind, passes=asked.passes, busy=BUSY, rate=Rate.CRF if seed % 2 else Rate.CAPPED_VBR, seed=seed)
        for seed in range(1, asked.seeds + 1)
        for place, kind in SCENES
    ]
    if asked.quick:
        scenes = [Scene(place, kind, passes=2) for place, kind in QUICK]
    found = []
    for scene in scenes:
        found.append(compare(scene, runners))
        mine, peers = caught([found[-1].ours]), caught([found[-1].rival])
        print(f"{scene.name}: {mine}, as Frigate does {peers}, of {len(found[-1].clip.truth.passes)}", flush=True)
    if asked.why:
        tell_why(found)
    write("passes", rows(found), quick=asked.quick)


if __name__ == "__main__":
    main()
