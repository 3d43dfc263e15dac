"""What every watcher shares: step times that can always be told, whatever was measured."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.contract.events import MAX_STEP_MS, StepTimes
from edge.checkpoint.watcher import StepSums


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_whatever_a_clock_said_the_times_can_be_told(capture_ms: float, detect_ms: float) -> None:
    sums = StepSums()
    sums.add("detect", detect_ms)
    times = sums.times(capture_ms)
    assert times.capture is not None
    assert times.detect is not None
    assert 0 <= times.capture <= MAX_STEP_MS
    assert 0 <= times.detect <= MAX_STEP_MS


def test_times_within_bounds_are_told_as_they_were_measured() -> None:
    sums = StepSums()
    sums.add("detect", 4.0)
    sums.add("detect", 3.5)
    sums.add("embed", MAX_STEP_MS)
    assert sums.times(12.25) == StepTimes(capture=12.25, detect=7.5, embed=MAX_STEP_MS)
