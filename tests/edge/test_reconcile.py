"""What should run is compared with what runs."""

from __future__ import annotations

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from edge.health import Counters
from edge.living import LivingThread
from edge.reconcile import SILENT_AFTER_S, Deed, Kind, Part, Reconciler, Running, Step, reconcile

GATE, LINK, CAMERA = Part(Kind.GATE, "gate-east"), Part(Kind.LINK, "edge-link"), Part(Kind.CAMERA, "camera-1")
parts = st.builds(Part, st.sampled_from(Kind), st.text(min_size=1, max_size=3))


def test_what_runs_is_left_alone() -> None:
    assert reconcile([GATE, LINK], {GATE: Running(True, 0), LINK: Running(True, 59)}) == ()


def test_what_is_missing_dead_or_silent_is_begun_revived_and_told_of() -> None:
    actual = {GATE: Running(False, 0), LINK: Running(True, 61)}
    assert reconcile([CAMERA, GATE, LINK], actual) == (
        Step(CAMERA, Deed.BEGIN),
        Step(GATE, Deed.REVIVE),
        Step(LINK, Deed.TELL, 61),
    )


@given(st.lists(parts, unique=True), st.dictionaries(parts, st.builds(Running, st.booleans(), st.floats(0, 1e6))))
def test_once_every_step_is_done_there_is_nothing_left_to_do(wanted: list[Part], actual: dict[Part, Running]) -> None:
    after = actual | {step.part: Running(True, 0.0) for step in reconcile(wanted, actual)}
    assert reconcile(wanted, after) == ()
    assert all(after[part].alive and after[part].silent_s <= SILENT_AFTER_S[part.kind] for part in wanted)


class Stubborn:
    """A thread that ends or hangs when it is told to."""

    def __init__(self) -> None:
        self.end, self.runs = threading.Event(), 0
        self.thread = LivingThread("stubborn", self._run)

    def _run(self) -> None:
        self.runs += 1
        self.end.wait(10)


def test_a_dead_thread_is_begun_anew_and_a_silent_one_only_told_of() -> None:
    one, counters = Stubborn(), Counters()
    reconciler = Reconciler([(Kind.VISION, one.thread)], counters)
    assert [step.deed for step in reconciler.put_right(time.monotonic())] == [Deed.BEGIN]
    assert reconciler.put_right(time.monotonic()) == ()
    assert [step.deed for step in reconciler.put_right(time.monotonic() + 31)] == [Deed.TELL]
    one.end.set()
    assert one.thread.join(10)
    one.end.clear()
    assert [step.deed for step in reconciler.put_right(time.monotonic())] == [Deed.REVIVE]
    assert one.thread.alive
    assert counters.snapshot() == {"parts_begun": 1, "parts_silent": 1, "parts_revived": 1}
    one.end.set()
    assert one.thread.join(10)
    assert one.runs == 2


def test_a_thread_that_waits_for_something_to_do_is_not_silent() -> None:
    one = Stubborn()
    one.thread.beat(waits=True)
    assert one.thread.silent_s(time.monotonic() + 3600) == 0
    one.thread.beat()
    assert one.thread.silent_s(time.monotonic() + 3600) > 3590


def test_a_thread_that_never_began_is_not_revived() -> None:
    one = Stubborn()
    assert not one.thread.revive()
    assert not one.thread.started
