"""Timing that is fair on a machine others use too: rivals take turns, medians are told."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Asked = TypeVar("Asked")


def medians_ms(calls: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 2) -> dict[str, float]:
    """Median milliseconds of each call over ``rounds`` rounds; in every round each is called once, in turn."""
    for _ in range(warm_up):
        for call in calls.values():
            call()
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            spent[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(times) for name, times in spent.items()}


def in_turns_ms(
    rivals: Mapping[str, Callable[[Asked], object]], asked: Sequence[Asked], in_a_row: int
) -> dict[str, float]:
    """Median milliseconds of one call of each; ``in_a_row`` of ``asked`` by one, then by the next."""
    spent: dict[str, list[float]] = {name: [] for name in rivals}
    for start in range(0, len(asked), in_a_row):
        for name, call in rivals.items():
            for one in asked[start : start + in_a_row]:
                began = time.perf_counter()
                call(one)
                spent[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) * 1e3 for name, times in spent.items()}
