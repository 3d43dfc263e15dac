"""Which plates a text may be a misread of, likeliest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from core.contract.plate_digest import misreads

USUAL_CONFIDENCE = 0.9
"""Taken for every character when the reader says nothing about them."""
_LOWEST, _HIGHEST = 0.5, 0.999
# Below a half, what was read would be less likely than what it is taken for; and no reader's 99.9 % can be believed:
# plates too narrow to be read are misread with confidence.


class Misread(NamedTuple):
    """A plate that may have been read as another text.

    odds: how likely it is beside the text's having been read right, in (0, 1]: of each misread character its doubt
    (1 - c) / c, shared by all it is mistaken for.
    """

    text: str
    odds: float


def likeliest_misreads(text: str, confidences: Sequence[float] | None = None) -> Iterator[Misread]:
    """Plates of which ``text`` (normalised) may be a misread, by falling odds; there may be thousands.

    confidences: of each character, 0..1; without them all are taken for `USUAL_CONFIDENCE`.
    """
    options = _options(text, confidences or [USUAL_CONFIDENCE] * len(text))
    # Sets of options by falling product: of a set without its last option, the next is made by putting the next option
    # in the last one's place, or beside it. So every set has one way to come up, after all likelier ones.
    # In the heap: a set's negative odds and last option; without that option its positions (as bits), text and odds.
    heap = [(-options[0][0], 0, 0, text, 1.0)] if options else []
    while heap:
        negative_odds, last, places, before, odds_before = heapq.heappop(heap)
        _, position, character = options[last]
        following = last + 1
        more = following < len(options)
        if more:
            heapq.heappush(heap, (-odds_before * options[following][0], following, places, before, odds_before))
        place = 1 << position
        if places & place:
            continue
        misread = before[:position] + character + before[position + 1 :]
        if more:
            odds = negative_odds * options[following][0]
            heapq.heappush(heap, (odds, following, places | place, misread, -negative_odds))
        yield Misread(misread, -negative_odds)


def _options(text: str, confidences: Sequence[float]) -> list[tuple[float, int, str]]:
    """Odds, position and character of every single misread, by falling odds."""
    options = []
    for position, others in misreads(text):
        # In this order a confidence that is no number counts as the lowest.
        confidence = min(max(_LOWEST, confidences[position]), _HIGHEST)
        odds = (1 - confidence) / confidence / len(others)
        options += [(odds, position, other) for other in others]
    return sorted(options, key=lambda option: -option[0])
