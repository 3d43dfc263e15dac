"""Where a cursor ends is where the numbers end, seen naively."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.ingest.cursors import walk


@given(contiguous=st.integers(0, 30), ahead=st.sets(st.integers(1, 40)), floor=st.integers(1, 45))
def test_a_cursor_stops_before_the_first_number_that_may_still_come(
    contiguous: int, ahead: set[int], floor: int
) -> None:
    ahead = {number for number in ahead if number > contiguous}
    end = contiguous
    while end + 1 in ahead or end + 1 < floor:
        end += 1
    missing = sum(1 for number in range(contiguous + 1, end + 1) if number not in ahead)
    assert walk(contiguous, sorted(ahead), floor) == (end, missing)
