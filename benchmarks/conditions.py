"""How soon the matter with a camera is told, how often without reason, and what looking costs.

    python -m benchmarks.conditions [--quick]

Four drawn places, encoded as H.264 and decoded again; every ailment at every place, and at each place half an hour that
has everything an ordinary day has (`tests.support.ailing.ORDINARY_DAY`). Delays contain the time that a condition must
last before it is told (`edge.capture.conditions.watch.PATIENCE`): the limits allow 15 s more.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import structlog

from benchmarks.report import Row, against_limit, write
from core.contract.events_cameras import CameraHealth
from core.contract.ids import CameraId
from core.contract.vocabulary import CameraCondition, CameraState
from edge.capture.conditions.judge import ELSEWHERE_S, View, judge
from edge.capture.conditions.watch import PATIENCE, ConditionWatch
from edge.capture.glance import Glance
from tests.support.ailing import (
    NOON,
    PLACES,
    Scene,
    covered,
    encode,
    glances,
    going_wrong,
    infrared,
    lights_out,
    ordinary_day,
    sensor,
    told,
    unfocused,
    view,
)

WELL_S = 120
SLACK_S = 15.0
FROZEN_WINDOW_S = 30.0
"""What nothing may change in before a camera is taken to be frozen."""


@dataclass(frozen=True, slots=True)
class Ailment:
    name: str
    condition: CameraCondition
    scene: Scene
    patience_s: float

    @property
    def noisy(self) -> bool:
        """Whether the sensor still makes noise of its own."""
        return self.condition is not CameraCondition.FROZEN


def ailments(place: str) -> Iterator[Ailment]:
    """Everything that can be shown to go wrong at ``place``."""
    elsewhere = view("lane" if place == "gate" else "gate")
    stuck = sensor(view(place), 1)
    scenes: list[tuple[str, CameraCondition, Scene, float]] = [
        ("light off", CameraCondition.DARK, lambda picture, _: lights_out(picture), 0),
        ("hand", CameraCondition.BLOCKED, lambda picture, _: covered(picture, "hand"), 0),
        ("bag", CameraCondition.BLOCKED, lambda picture, _: covered(picture, "bag"), 0),
        ("spray", CameraCondition.BLOCKED, lambda picture, _: covered(picture, "spray"), 0),
        ("bag at night", CameraCondition.BLOCKED, lambda picture, _: covered(infrared(picture), "bag"), 0),
        ("out of focus", CameraCondition.UNFOCUSED, lambda picture, _: unfocused(picture, 1.8), 0),
        ("far out of focus", CameraCondition.UNFOCUSED, lambda picture, _: unfocused(picture, 4.0), 0),
        ("nudged by 4 %", CameraCondition.MOVED, lambda *_: view(place, moved=(0.04, 0.0)), 0),
        ("turned by 10 %", CameraCondition.MOVED, lambda *_: view(place, moved=(-0.1, 0.06)), 0),
        ("6 degrees askew", CameraCondition.MOVED, lambda *_: view(place, roll_deg=-6.0), 0),
        ("turned away", CameraCondition.MOVED, lambda *_: elsewhere, ELSEWHERE_S),
        ("frozen", CameraCondition.FROZEN, lambda *_: stuck, FROZEN_WINDOW_S),
    ]
    for name, condition, scene, more_s in scenes:
        yield Ailment(name, condition, scene, max(PATIENCE[condition].begin_s, more_s))


def delay_s(place: str, ailment: Ailment, folder: Path) -> float | None:
    """Seconds from the beginning until it is told; None when it is not told, or something else is."""
    lasts_s = round(ailment.patience_s + 2 * SLACK_S) // 2 * 2
    pictures = going_wrong(place, ailment.scene, well_s=WELL_S, ailing_s=lasts_s, noisy=ailment.noisy)
    path = encode(folder / "ailing.mp4", pictures)
    watch = ConditionWatch(CameraId("cam"))
    online = CameraHealth(camera=watch.camera, state=CameraState.ONLINE)
    found: list[tuple[CameraCondition, float]] = []
    for glance in glances(path):
        watch.see(glance)
        found += [(one.condition, glance.at_s) for one in watch.look(online, glance.at_s, glance.at)]
    if [condition for condition, _ in found] != [ailment.condition] or found[0][1] < WELL_S:
        return None
    return found[0][1] - WELL_S


def delays(places: tuple[str, ...], folder: Path) -> list[Row | dict[str, Any]]:
    """Rows: how much is told, and how late at worst, by condition and how long it must last."""
    taken: dict[tuple[CameraCondition, float], list[float]] = {}
    asked = 0
    for place in places:
        for ailment in ailments(place):
            asked += 1
            taken_s = delay_s(place, ailment, folder)
            if taken_s is not None:
                taken.setdefault((ailment.condition, ailment.patience_s), []).append(taken_s)
    right = sum(map(len, taken.values()))
    what = f"ailments told and told rightly, %, {asked} streams ({len(places)} places)"
    return [
        against_limit(what, ours=100 * right / asked, limit=100, lower_is_better=False),
        *(delay_row(condition, patience_s, found) for (condition, patience_s), found in taken.items()),
    ]


def delay_row(condition: CameraCondition, patience_s: float, found: list[float]) -> Row:
    elsewhere = ", shows another place" if patience_s == ELSEWHERE_S else ""
    what = f"{condition}{elsewhere}: from its beginning until it is told, worst of {len(found)}, s"
    return against_limit(what, ours=max(found), limit=patience_s + SLACK_S)


def false_alarms(places: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """The row of an ordinary day: anything told is wrong."""
    wrong = 0
    for place in places:
        wrong += len(told(encode(folder / "day.mp4", ordinary_day(place))))
    what = f"false alarms, {len(places)} x half an hour with dusk, infrared, headlights, rain, people and cars"
    ratio = 0.0 if wrong else 1.0
    return {"what": what, "ours": wrong, "peer": None, "ratio": ratio, "goal": "none", "met": not wrong}


def cost(folder: Path) -> list[Row]:
    """What a look costs, usually and while the camera looks elsewhere, and what is kept per camera."""
    path = encode(folder / "calm.mp4", going_wrong("gate", lambda *_: view("lane"), well_s=240, ailing_s=120))
    looks = list(glances(path))
    calm = [glance for glance in looks if glance.at < NOON.replace(minute=4)]
    for glance in calm[:30]:  # warm
        judge(View(), glance)
    usual, worst = _times(calm[20:], View()), _times(looks[-40:], _known(calm))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    known = _known(calm)
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del known
    return [
        against_limit("a look at a camera, median of CPU time, ms", ours=median(usual), limit=2),
        against_limit("a look while the camera looks elsewhere, median of CPU time, ms", ours=median(worst), limit=10),
        against_limit("kept per camera, KiB", ours=kept / 1024, limit=1024),
    ]


def _known(calm: list[Glance]) -> View:
    view_of = View()
    for glance in calm:
        view_of, _ = judge(view_of, glance)
    return view_of


def _times(looks: list[Glance], known: View) -> list[float]:
    taken = []
    for glance in looks:
        began_s = time.thread_time()
        known, _ = judge(known, glance)
        taken.append((time.thread_time() - began_s) * 1000)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one place instead of four")
    quick = parser.parse_args().quick
    places = ("gate",) if quick else tuple(PLACES)
    cv2.setNumThreads(1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*cost(folder), *delays(places, folder), false_alarms(places, folder)]
    write("conditions", rows, quick=quick)


if __name__ == "__main__":
    main()
